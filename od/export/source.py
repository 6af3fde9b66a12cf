"""What is exported: a run, an earlier export, or a ``model_dir`` of the OD API.

Read and checked without tensorflow, so that mistakes are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import CheckpointError, ExportError, LabelMapError
from od.odapi.checkpoint import newest_checkpoint
from od.odapi.model import read_run_config
from od.outputs import read_od_json, sha256
from od.records.label_map_file import read_label_map
from od.structures.label_map import LabelMap


@dataclass(frozen=True)
class ExportSource:
    """A model with all that its export has to know.

    Args:
        folder: Holds ``pipeline.config`` and the checkpoint.
        config: The ``TrainEvalPipelineConfig``.
        architecture: "ssd", "faster_rcnn", ...: the model section's only field.
        label_map: The classes.
        checkpoint: The checkpoint's prefix.
        step: The training step, as the checkpoint's name says.
        records: The records it was trained on, None when unknown or gone.
        hashes: SHA-256 of the files it was read from, by path within ``folder``.
    """

    folder: Path
    config: Any
    architecture: str
    label_map: LabelMap
    checkpoint: Path
    step: int
    records: Path | None
    hashes: Mapping[str, str]


def read_source(folder: Path, *, label_map: Path | None = None) -> ExportSource:
    """Find and check what an export needs.

    Args:
        folder: A run, an export of od, or a folder with ``pipeline.config`` and a checkpoint,
            in ``checkpoint/`` or directly in it.
        label_map: A label map to take instead of the folder's own.

    Raises:
        ExportError: There is no such folder, or no label map.
        PipelineConfigError: There is no usable ``pipeline.config``.
        CheckpointError: There is no whole checkpoint.
        LabelMapError: The label map is broken, or has more classes than the model.
    """
    if not folder.is_dir():
        raise ExportError(
            f"{folder}: no such folder", hint="give a run, as runs/<name>, or a model_dir"
        )
    config = read_run_config(folder)
    architecture = config.model.WhichOneof("model") or "unknown"
    names_file = _label_map_file(folder, label_map)
    classes = read_label_map(names_file)
    known = getattr(getattr(config.model, architecture, None), "num_classes", 0)
    if classes.max_id > known:
        raise LabelMapError(
            f"{names_file}: has a class with id {classes.max_id}, the model has {known} classes",
            hint="give the label map that the model was trained with: --label-map FILE",
        )
    checkpoint = newest_checkpoint(folder / "checkpoint") or newest_checkpoint(folder)
    if checkpoint is None:
        raise CheckpointError(
            f"{folder}: holds no whole checkpoint, neither checkpoint/ckpt-<n>.index nor"
            " ckpt-<n>.index with its .data",
            hint="train it first, or copy the checkpoint's files completely",
        )
    return ExportSource(
        folder=folder,
        config=config,
        architecture=architecture,
        label_map=classes,
        checkpoint=checkpoint,
        step=int(checkpoint.name.removeprefix("ckpt-")),
        records=_records(folder),
        hashes=_hashes(folder, names_file, checkpoint),
    )


def _label_map_file(folder: Path, given: Path | None) -> Path:
    own = folder / "label_map.pbtxt"
    if given is None and not own.is_file():
        raise ExportError(
            f"{folder}: holds no label_map.pbtxt, and the names of the classes stand nowhere else",
            hint="give the one that the model was trained with: --label-map FILE",
        )
    return given or own


def _records(folder: Path) -> Path | None:
    """Return the records that a run's ``od.json`` names, if they still stand."""
    if not (folder / "od.json").is_file():
        return None
    named = read_od_json(folder).get("records")
    return Path(named) if isinstance(named, str) and Path(named).is_dir() else None


def _hashes(folder: Path, label_map: Path, checkpoint: Path) -> dict[str, str]:
    weights = sorted(checkpoint.parent.glob(f"{checkpoint.name}.data-*"))
    files = [folder / "pipeline.config", label_map, checkpoint.with_suffix(".index"), *weights]
    return {
        (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix(): sha256(file)
        for file in files
    }
