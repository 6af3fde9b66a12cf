"""Find, read, fill in and override a ``pipeline.config``; a template is never edited.

Everything here works on protocol buffers through ``odapi/protos.py``: no tensorflow.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import PipelineConfigError
from od.odapi.protos import copy_message, parse_pipeline
from od.shipped import shipped
from od.workspace import Workspace

SHORT_NAMES = {
    "ssd": "ssd_mobilenet_v2_small_256x256",
    "faster_rcnn": "faster_rcnn_resnet50_v1_640x640",
}
# Batch sizes that two CPU cores and 8 GB of memory carry; larger ones by --batch-size.
_CPU_BATCH = {"ssd": 8, "faster_rcnn": 2, "center_net": 4}
# Passes over the images when --steps is not given, and the fewest and most steps it may mean.
_EPOCHS, _FEWEST_STEPS, _MOST_STEPS = 60, 400, 20_000


@dataclass(frozen=True)
class Change:
    """One field that was filled in: its path, the template's value, the value now, and why."""

    field: str
    template: str
    now: str
    why: str


@dataclass(frozen=True)
class DatasetFacts:
    """What filling in needs to know of the records.

    Args:
        label_map: Path of the label map, written into the config as given.
        train_pattern, val_pattern: Glob patterns of the record files.
        num_classes: The highest class id.
        train_images: Images in the train part.
        most_boxes: The largest number of boxes in one image.
    """

    label_map: str
    train_pattern: str
    val_pattern: str
    num_classes: int
    train_images: int
    most_boxes: int


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; None means: choose."""

    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    checkpoint: str | None = None


def find_template(model: str, workspace: Workspace) -> Path:
    """Return the config that ``model`` names: a short name, a template's stem, or a path.

    Templates of the workspace come before the shipped ones.

    Raises:
        PipelineConfigError: There is none; the nearest names are given.
    """
    given = Path(model)
    if given.suffix == ".config" or len(given.parts) > 1:
        if given.is_file():
            return given
        raise PipelineConfigError(
            f"{model} does not exist",
            hint="give a template's name (od models lists them) or a file",
        )
    stem = SHORT_NAMES.get(model, model)
    for folder in (workspace.pipeline_configs, shipped("pipeline_configs")):
        path = folder / f"{stem}.config"
        if path.is_file():
            return path
    names = sorted({*SHORT_NAMES, *template_names(workspace)})
    near = difflib.get_close_matches(model, names, n=3, cutoff=0.5)
    raise PipelineConfigError(
        f"pipeline_configs/{model}.config does not exist",
        hint=f"{'did you mean' if near else 'choose one of'} {', '.join(near or names)}",
    )


def template_names(workspace: Workspace) -> list[str]:
    """Return the stems of all templates, the shipped ones and the workspace's, sorted."""
    folders = (workspace.pipeline_configs, shipped("pipeline_configs"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.config")})


def read_pipeline_config(path: Path) -> Any:
    """Read a config file.

    Raises:
        PipelineConfigError: It cannot be read or parsed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineConfigError(f"{path}: cannot be read: {error}") from error
    config = parse_pipeline(text, name=str(path))
    if config.model.WhichOneof("model") is None:
        raise PipelineConfigError(
            f"{path}: has no model section", hint="compare it with a file in pipeline_configs/"
        )
    return config


def architecture(config: Any) -> str:
    """Return the name of the config's model section: "ssd", "faster_rcnn", "center_net"."""
    return str(config.model.WhichOneof("model"))


class _Filler:
    """A config being filled in, with the list of what changed."""

    def __init__(self, template: Any) -> None:
        self.config = copy_message(template)
        self.changes: list[Change] = []

    def put(self, field: str, value: Any, why: str) -> None:
        """Set ``a.b.c`` to ``value`` and note it if that changes anything."""
        parent, _, leaf = field.rpartition(".")
        message = self.config
        for name in filter(None, parent.split(".")):
            message = getattr(message, name)
        before = getattr(message, leaf)
        if isinstance(value, list):
            if list(before) == value:
                return
            shown = ", ".join(map(_shown, before))
            del before[:]
            before.extend(value)
            self.changes.append(Change(field, shown, ", ".join(map(_shown, value)), why))
            return
        setattr(message, leaf, value)
        if getattr(message, leaf) != before:  # compared as stored: floats are float32 there
            self.changes.append(Change(field, _shown(before), _shown(value), why))


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def fill_pipeline_config(
    template: Any, facts: DatasetFacts, wishes: Wishes
) -> tuple[Any, tuple[Change, ...]]:
    """Return a copy of ``template`` made for these records and wishes, and what was changed.

    The learning rate follows the batch size linearly (Goyal et al. 2017, arXiv:1706.02677,
    section 2.1), and the schedule's total and warm-up steps follow the number of steps.

    Raises:
        PipelineConfigError: The template's optimizer has no learning rate to scale.
    """
    filler = _Filler(template)
    family = architecture(template)
    filler.put(f"model.{family}.num_classes", facts.num_classes, "classes of the label map")
    _fill_records(filler, facts)
    batch = wishes.batch_size or min(template.train_config.batch_size, _CPU_BATCH.get(family, 2))
    steps = wishes.steps or default_steps(facts.train_images, batch)
    why = "asked for" if wishes.batch_size else "what a CPU carries"
    filler.put("train_config.batch_size", batch, why)
    why = (
        "asked for" if wishes.steps else f"about {_EPOCHS} passes over {facts.train_images} images"
    )
    filler.put("train_config.num_steps", steps, why)
    _fill_schedule(filler, template, batch, steps, wishes.learning_rate)
    _fill_checkpoint(filler, family, wishes.checkpoint)
    # One process trains: replicas and bfloat16 belong to the TPUs of the published configs.
    filler.put("train_config.replicas_to_aggregate", 1, "one process")
    filler.put("train_config.use_bfloat16", False, "slower on a CPU")
    return filler.config, tuple(filler.changes)


def default_steps(images: int, batch: int) -> int:
    """Return how many steps to train when nobody says: about 60 passes, 400 to 20,000."""
    return max(_FEWEST_STEPS, min(_MOST_STEPS, -(-_EPOCHS * images // batch)))


def _fill_records(filler: _Filler, facts: DatasetFacts) -> None:
    if not filler.config.eval_input_reader:
        filler.config.eval_input_reader.add()
    for reader, pattern in (
        ("train_input_reader", facts.train_pattern),
        ("eval_input_reader", facts.val_pattern),
    ):
        message = getattr(filler.config, reader)
        message = message[0] if reader.startswith("eval") else message
        before = message.tf_record_input_reader.input_path
        if list(before) != [pattern]:
            shown = ", ".join(before)
            del before[:]
            before.append(pattern)
            field = f"{reader}.tf_record_input_reader.input_path"
            filler.changes.append(Change(field, shown, pattern, "records"))
        if message.label_map_path != facts.label_map:
            shown, message.label_map_path = message.label_map_path, facts.label_map
            field = f"{reader}.label_map_path"
            filler.changes.append(Change(field, shown, facts.label_map, "records"))
    # The default of 2,048 whole images does not fit into memory with large photographs.
    buffer = max(1, min(512, facts.train_images))
    filler.put("train_input_reader.shuffle_buffer_size", buffer, "images held for shuffling")
    if facts.most_boxes > filler.config.train_config.max_number_of_boxes:
        why = f"an image has {facts.most_boxes} boxes; more than this are dropped in silence"
        filler.put("train_config.max_number_of_boxes", facts.most_boxes, why)
    if facts.most_boxes > filler.config.train_input_reader.max_number_of_boxes:
        why = f"an image has {facts.most_boxes} boxes"
        filler.put("train_input_reader.max_number_of_boxes", facts.most_boxes, why)


def _fill_schedule(
    filler: _Filler, template: Any, batch: int, steps: int, learning_rate: float | None
) -> None:
    kind = template.train_config.optimizer.WhichOneof("optimizer")
    root = f"train_config.optimizer.{kind}.learning_rate"
    rates = getattr(template.train_config.optimizer, kind or "momentum_optimizer").learning_rate
    schedule = rates.WhichOneof("learning_rate")
    if kind is None or schedule is None:
        raise PipelineConfigError(
            "pipeline.config: train_config.optimizer has no learning rate",
            hint="compare it with a file in pipeline_configs/",
        )
    path, message = f"{root}.{schedule}", getattr(rates, schedule)
    base_name = {
        "constant_learning_rate": "learning_rate",
        "cosine_decay_learning_rate": "learning_rate_base",
    }.get(schedule, "initial_learning_rate")
    base = getattr(message, base_name)
    scale = batch / template.train_config.batch_size
    why = f"linear in the batch: {template.train_config.batch_size} -> {batch}"
    if learning_rate is not None:
        scale, why = learning_rate / base, "asked for"
    stretch = steps / (
        getattr(message, "total_steps", 0) or template.train_config.num_steps or steps
    )
    filler.put(f"{path}.{base_name}", base * scale, why)
    for name in ("warmup_learning_rate", "burnin_learning_rate", "min_learning_rate"):
        if hasattr(message, name) and getattr(message, name):
            filler.put(f"{path}.{name}", getattr(message, name) * scale, why)
    if schedule == "cosine_decay_learning_rate":
        filler.put(f"{path}.total_steps", steps, "the schedule ends with the training")
    for name in ("warmup_steps", "burnin_steps", "decay_steps", "hold_base_rate_steps"):
        if hasattr(message, name) and getattr(message, name):
            now = max(1, min(steps - 1, round(getattr(message, name) * stretch)))
            filler.put(f"{path}.{name}", now, "the same share of the steps")
    if schedule == "manual_step_learning_rate":
        for entry in getattr(
            getattr(filler.config.train_config.optimizer, kind).learning_rate, schedule
        ).schedule:
            entry.step = max(1, round(entry.step * stretch))
            entry.learning_rate *= scale
        filler.changes.append(
            Change(f"{path}.schedule", "", "scaled", "the same share of the steps")
        )


def _fill_checkpoint(filler: _Filler, family: str, checkpoint: str | None) -> None:
    if checkpoint is None:
        before = filler.config.train_config.fine_tune_checkpoint
        filler.config.train_config.ClearField("fine_tune_checkpoint")
        if before:
            change = Change("train_config.fine_tune_checkpoint", before, "", "starts from nothing")
            filler.changes.append(change)
        return
    filler.put("train_config.fine_tune_checkpoint", checkpoint, "transfer learning")
    # "classification" would restore the backbone alone; CenterNet calls its own "fine_tune".
    kind = "fine_tune" if family == "center_net" else "detection"
    filler.put("train_config.fine_tune_checkpoint_type", kind, "the checkpoint is a detector's")


def set_field(config: Any, assignment: str) -> Change:
    """Carry out one ``--set a.b.c=value`` in place; repeated fields take ``name[0]``.

    Raises:
        PipelineConfigError: The field does not exist (the nearest is named), or the value
            is not of its type.

    Example:
        >>> from od.odapi.protos import proto_module
        >>> config = proto_module("pipeline").TrainEvalPipelineConfig()
        >>> set_field(config, "train_config.batch_size=4").now
        '4'
    """
    from google.protobuf import text_format

    path, equals, value = assignment.partition("=")
    names = path.strip().split(".")
    if not equals or not all(names):
        raise PipelineConfigError(
            f"--set {assignment}: is not FIELD=VALUE",
            hint="for example --set train_config.batch_size=4",
        )
    message = config
    for depth, name in enumerate(names[:-1]):
        message = _child(message, name, names[:depth])
    leaf, index = _field_and_index(names[-1])
    field = _descriptor(message, leaf, names[:-1])
    before = getattr(message, leaf)
    shown = _one_line(before)
    text = value.strip()
    if field.type == field.TYPE_STRING and text[:1] not in ("'", '"'):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        text = f'"{escaped}"'
    scratch = type(message)()
    try:
        text_format.Parse(f"{leaf} {'' if text.startswith('{') else ':'} {text}", scratch)
    except text_format.ParseError as error:
        raise PipelineConfigError(
            f"--set {assignment}: {str(error).split(' : ')[-1]}",
            hint=f"the field is of type {_TYPES.get(field.type, 'message')}",
        ) from error
    if index is not None and field.message_type:
        before[index].CopyFrom(getattr(scratch, leaf)[0])
    elif index is not None:
        before[index] = getattr(scratch, leaf)[0]
    else:
        message.ClearField(leaf)
        message.MergeFrom(scratch)
    return Change(path.strip(), shown, _one_line(getattr(message, leaf)), "--set")


_TYPES = {
    1: "double",
    2: "float",
    3: "int64",
    5: "int32",
    8: "bool",
    9: "string",
    13: "uint32",
    14: "enum",
}


def _one_line(value: Any) -> str:
    return " ".join(_shown(value).split())


def _field_and_index(name: str) -> tuple[str, int | None]:
    if name.endswith("]") and "[" in name:
        field, _, index = name[:-1].partition("[")
        if index.isdigit():
            return field, int(index)
    return name, None


def _descriptor(message: Any, name: str, path: Sequence[str]) -> Any:
    fields = message.DESCRIPTOR.fields_by_name
    if name in fields:
        return fields[name]
    near = difflib.get_close_matches(name, fields, n=1, cutoff=0.0)
    where = ".".join(path) or "pipeline.config"
    raise PipelineConfigError(
        f"--set: {where} has no field '{name}'",
        hint=f"did you mean {'.'.join([*path, near[0]])}?" if near else "it has no fields",
    )


def _child(message: Any, name: str, path: Sequence[str]) -> Any:
    leaf, index = _field_and_index(name)
    field = _descriptor(message, leaf, path)
    if not field.message_type:
        raise PipelineConfigError(f"--set: {'.'.join([*path, leaf])} is a value, it has no fields")
    child = getattr(message, leaf)
    if hasattr(child, "DESCRIPTOR"):
        return child
    if (index or 0) >= len(child):
        raise PipelineConfigError(
            f"--set: {'.'.join([*path, leaf])} has {len(child)} entries, none at {index or 0}"
        )
    return child[index or 0]
