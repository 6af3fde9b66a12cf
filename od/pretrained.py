"""Checkpoints to start from: what the zoo published, and what lies on this disk."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from od.errors import CheckpointError
from od.shipped import shipped
from od.workspace import Workspace

_CHECKPOINT = re.compile(r"ckpt-(\d+)\.index")


@dataclass(frozen=True)
class ZooModel:
    """What was published about one model of the TF2 Detection Model Zoo.

    Args:
        archive: The archive's name without ``.tar.gz``.
        url: Where it was published.
        outputs: Of "boxes", "keypoints", "masks".
        speed_ms: Milliseconds an image, None where nothing was published.
        coco_map: mAP of boxes on COCO 2017 val, in percent, None where not published.
        coco_map_keypoints, coco_map_masks: The same of keypoints and of masks.
        template: The stem of the file in ``pipeline_configs/`` that belongs to it, None if none.
    """

    archive: str
    url: str
    outputs: tuple[str, ...]
    speed_ms: float | None = None
    coco_map: float | None = None
    coco_map_keypoints: float | None = None
    coco_map_masks: float | None = None
    template: str | None = None


@lru_cache(maxsize=1)
def zoo() -> tuple[ZooModel, ...]:
    """Return the models of ``pretrained/zoo.toml``, in its order.

    Example:
        >>> len(zoo())
        43
    """
    with (shipped("pretrained") / "zoo.toml").open("rb") as file:
        entries = tomllib.load(file)["model"]
    return tuple(ZooModel(**{**entry, "outputs": tuple(entry["outputs"])}) for entry in entries)


def zoo_model(model: str) -> ZooModel | None:
    """Return the zoo's model for a template or an archive's name, None if it has none.

    Example:
        >>> zoo_model("ssd_mobilenet_v2_320x320").coco_map
        20.2
    """
    for known in zoo():
        if model in (known.template, known.archive):
            return known
    return None


def shipped_or_local_checkpoint(model: str, workspace: Workspace) -> Path | None:
    """Return the checkpoint for a model that lies on this disk, None if there is none.

    The workspace's ``pretrained/`` comes before what ships with od. In it a checkpoint lies in
    ``<model>/checkpoint/`` or, as the zoo's archives unpack, in ``<archive>/checkpoint/``; of
    several the one with the highest number counts.

    Args:
        model: The stem of a template's file.
        workspace: Where the user keeps checkpoints.

    Returns:
        The checkpoint's prefix, ``.../checkpoint/ckpt-<n>``.
    """
    published = zoo_model(model)
    names = [model] if published is None else [model, published.archive]
    for root in (workspace.pretrained, shipped("pretrained")):
        for name in names:
            for folder in (root / name / "checkpoint", root / name):
                if (found := _newest(folder)) is not None:
                    return found
    return None


def checkpoint_for(choice: str, model: str, workspace: Workspace) -> Path | None:
    """Return the prefix that ``--checkpoint`` means: "auto", "none" or a path.

    Raises:
        CheckpointError: "auto", and there is none for this model on this disk.
    """
    if choice == "none":
        return None
    if choice != "auto":
        return Path(choice.removesuffix(".index"))
    found = shipped_or_local_checkpoint(model, workspace)
    if found is not None:
        return found
    published = zoo_model(model)
    way = (
        f"download {published.url} and unpack it into {workspace.pretrained}/, or "
        if published
        else "give one with --checkpoint PATH, or "
    )
    raise CheckpointError(
        f"{workspace.pretrained}: holds no checkpoint for {model}",
        hint=f"{way}train from random weights with --checkpoint none",
    )


def _newest(folder: Path) -> Path | None:
    """Return the prefix of the checkpoint with the highest number that has its values, too."""
    numbers = [
        int(match.group(1))
        for file in folder.glob("ckpt-*.index")
        if (match := _CHECKPOINT.fullmatch(file.name))
        and any(folder.glob(f"{file.stem}.data-00000-of-*"))
    ]
    return folder / f"ckpt-{max(numbers)}" if numbers else None
