"""What can be fine-tuned here: the templates, what is published about them, what lies ready."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from od.errors import PipelineConfigError
from od.pipeline_config import SHORT_NAMES, architecture, read_pipeline_config
from od.pretrained import shipped_or_local_checkpoint, zoo_model
from od.shipped import shipped
from od.workspace import Workspace


@dataclass(frozen=True)
class ModelFacts:
    """One template and what is known of it.

    Args:
        name: The stem of its file: what ``od finetune`` takes.
        short_name: A shorter name for it, None if it has none.
        template: The file.
        own: It lies in the workspace (and comes before a shipped one of the same name).
        input_size: In pixels, in words: "300 x 300".
        coco_map: As published, in percent, None where not published.
        speed_ms: Milliseconds an image as published, None where not published.
        stick: "yes", "no", or "not tried": runs on a Neural Compute Stick.
        checkpoint: The prefix of a checkpoint on this disk, None if there is none.
        url: Where a checkpoint was published, None if nowhere.
        problem: Why the template cannot be used, None if it can.
    """

    name: str
    short_name: str | None
    template: Path
    own: bool
    input_size: str
    coco_map: float | None
    speed_ms: float | None
    stick: str
    checkpoint: Path | None
    url: str | None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object; paths as text."""
        fields = asdict(self)
        for key in ("template", "checkpoint"):
            fields[key] = str(fields[key]) if fields[key] is not None else None
        return fields


def list_models(workspace: Workspace) -> tuple[ModelFacts, ...]:
    """Return every template, the workspace's own before the shipped ones, sorted by name.

    A template that cannot be read is listed with its problem.

    Args:
        workspace: Its ``pipeline_configs/`` and ``pretrained/`` are looked into.
    """
    files: dict[str, tuple[Path, bool]] = {}
    for folder, own in ((shipped("pipeline_configs"), False), (workspace.pipeline_configs, True)):
        for file in sorted(folder.glob("*.config")):
            standing = files.get(file.stem)
            if standing is None or file.read_bytes() != standing[0].read_bytes():
                files[file.stem] = (file, own)  # an unchanged copy is not the user's own
    found = [_facts(file, own, workspace) for file, own in files.values()]
    return tuple(sorted(found, key=lambda model: (not model.own, model.name)))


def _facts(file: Path, own: bool, workspace: Workspace) -> ModelFacts:
    problem, size, stick = None, "", "no"
    try:
        message = read_pipeline_config(file)
        size, stick = _input_size(message), _runs_on_stick(message)
    except PipelineConfigError as error:
        problem = str(error)
    published = zoo_model(file.stem)
    short = [short for short, name in SHORT_NAMES.items() if name == file.stem]
    return ModelFacts(
        name=file.stem,
        short_name=short[0] if short else None,
        template=file,
        own=own,
        input_size=size,
        coco_map=published.coco_map if published else None,
        speed_ms=published.speed_ms if published else None,
        stick=stick,
        checkpoint=shipped_or_local_checkpoint(file.stem, workspace),
        url=published.url if published else None,
        problem=problem,
    )


def _input_size(message: Any) -> str:
    model = getattr(message.model, architecture(message))
    if not hasattr(model, "image_resizer"):
        return "any"
    resizer = model.image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if kind == "fixed_shape_resizer":
        fixed = resizer.fixed_shape_resizer
        return f"{fixed.width} x {fixed.height}"
    if kind == "keep_aspect_ratio_resizer":
        kept = resizer.keep_aspect_ratio_resizer
        if kept.min_dimension == kept.max_dimension:
            return f"{kept.max_dimension}, aspect kept"
        return f"{kept.min_dimension} to {kept.max_dimension}, aspect kept"
    return "any"


def _runs_on_stick(message: Any) -> str:
    """Only SSDs end in the one head that a stick runs; seen with MobileNet backbones only."""
    if architecture(message) != "ssd":
        return "no"
    return (
        "yes"
        if message.model.ssd.feature_extractor.type.startswith("ssd_mobilenet")
        else "not tried"
    )
