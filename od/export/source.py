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

_TRAINED = (
    "give the folder of the training (TF2): pipeline.config and checkpoint/, with --label-map FILE"
)


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


def read_source(
    folder: Path, *, label_map: Path | None = None, unfinished: bool = False
) -> ExportSource:
    """Find and check what an export needs.

    Args:
        folder: A run, an export of od, or a folder with ``pipeline.config`` and a checkpoint,
            in ``checkpoint/`` or directly in it.
        label_map: A label map to take instead of the folder's own.
        unfinished: Take a run whose training was stopped early as it is.

    Raises:
        ExportError: There is no such folder, no label map, or it is a frozen graph, a SavedModel
            without its checkpoint, or a run whose training has not ended.
        PipelineConfigError: There is no usable ``pipeline.config``.
        CheckpointError: There is no whole checkpoint.
        LabelMapError: The label map is broken, or has another number of classes.
    """
    _refuse_other_kinds(folder)
    if not unfinished:
        _refuse_unfinished(folder)
    config = read_run_config(folder)
    architecture = config.model.WhichOneof("model") or "unknown"
    names_file = _label_map_file(folder, label_map)
    classes = read_label_map(names_file)
    known = getattr(getattr(config.model, architecture, None), "num_classes", 0)
    if classes.max_id != known:
        raise LabelMapError(
            f"{names_file}: its classes go up to id {classes.max_id}, the model has {known}",
            hint="give the label map that the model was trained with: --label-map FILE",
        )
    checkpoint = _checkpoint_in(folder)
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


def _refuse_other_kinds(folder: Path) -> None:
    """Say what a path is, when it is a model but none that can be built again."""
    if folder.is_file():
        what = "a frozen graph of TensorFlow 1" if folder.suffix == ".pb" else "a file"
        raise ExportError(f"{folder}: is {what}, expected a folder", hint=_TRAINED)
    if not folder.is_dir():
        raise ExportError(
            f"{folder}: no such folder", hint="give a run, as runs/<name>, or a model_dir"
        )
    if (folder / "pipeline.config").is_file() and _checkpoint_in(folder) is not None:
        return
    saved = folder if (folder / "saved_model.pb").is_file() else folder / "saved_model"
    missing = "pipeline.config" if _checkpoint_in(folder) is not None else "its checkpoint"
    if (saved / "saved_model.pb").is_file():
        raise ExportError(
            f"{folder}: is a SavedModel without {missing}; its graph alone tells neither the"
            " anchors nor the box coder",
            hint=_TRAINED,
        )
    frozen = sorted(folder.glob("*frozen*.pb"))
    if frozen:
        raise ExportError(f"{frozen[0]}: is a frozen graph of TensorFlow 1", hint=_TRAINED)


def _refuse_unfinished(folder: Path) -> None:
    if not (folder / "od.json").is_file():
        return
    facts = read_od_json(folder)
    step, steps = facts.get("step"), facts.get("steps")
    if facts.get("kind") != "run" or not isinstance(step, int) or not isinstance(steps, int):
        return
    if step < steps:
        raise ExportError(
            f"{folder}: its training stands at step {step} of {steps}",
            hint=f"go on: od finetune --run {folder.name} --resume; or take it as it is:"
            " --unfinished",
        )


def _checkpoint_in(folder: Path) -> Path | None:
    return newest_checkpoint(folder / "checkpoint") or newest_checkpoint(folder)


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
