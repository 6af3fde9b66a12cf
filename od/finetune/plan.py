"""What a training will do, checked before tensorflow starts: that takes ten seconds or more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import CheckpointError, OdError, RecordError, TrainingError
from od.odapi.checkpoint import CheckpointMatch, match_shapes, require_fit
from od.odapi.protos import parse_pipeline
from od.odapi.variables import known_variables, number_of_classes
from od.outputs import read_od_json
from od.pipeline_config import (
    Change,
    DatasetFacts,
    Wishes,
    fill_pipeline_config,
    read_pipeline_config,
    set_field,
)
from od.records.label_map_file import read_label_map
from od.records.parts import parts, read_part
from od.structures.label_map import LabelMap


@dataclass(frozen=True)
class FinetunePlan:
    """A training that can start.

    Args:
        run: The run's folder.
        model: What the user called the model, as ``ssd``.
        config: The filled-in ``TrainEvalPipelineConfig``.
        label_map: The classes.
        records: The folder of records.
        train_images: Images in the train part.
        changes: What was filled in.
        checkpoint: Prefix of the checkpoint to start from, None for none.
        seed: For everything random.
        resume: Whether to go on at the run's last checkpoint.
        match: What the checkpoint fills, None without one and where only building the
            model tells.
    """

    run: Path
    model: str
    config: Any
    label_map: LabelMap
    records: Path
    train_images: int
    changes: tuple[Change, ...]
    checkpoint: Path | None
    seed: int = 0
    resume: bool = False
    match: CheckpointMatch | None = None

    @property
    def steps(self) -> int:
        """The step at which the training is finished."""
        return int(self.config.train_config.num_steps)

    @property
    def batch_size(self) -> int:
        """Images in a batch."""
        return int(self.config.train_config.batch_size)


def dataset_facts(records: Path, label_map: LabelMap, label_map_path: Path) -> DatasetFacts:
    """Read what filling in needs to know, and check that the label map fits the records.

    Raises:
        RecordError: There are no records, one is broken, the train part has no object, or
            an object's class is not in the label map.
    """
    train_images = most_boxes = objects = 0
    names = dict(label_map.items)
    for image in read_part(records, "train"):
        train_images += 1
        objects += len(image.class_ids)
        most_boxes = max(most_boxes, len(image.class_ids))
        for class_id, annotation in zip(image.class_ids, image.annotations, strict=True):
            if names.get(class_id) != annotation.class_name:
                raise RecordError(
                    f"{records}: image {image.filename} has class {class_id}"
                    f" '{annotation.class_name}', where {label_map_path} has"
                    f" '{names.get(class_id, 'nothing')}'",
                    hint="prepare the records again with this label map: od prepare --label-map",
                )
    if not objects:
        raise RecordError(
            f"{records}: the train part has {train_images} images and no object",
            hint="label some images and prepare the records again",
        )
    has_val = "val" in parts(records)
    return DatasetFacts(
        label_map=label_map_path.as_posix(),
        train_pattern=(records / "train-?????-of-?????.tfrecord").as_posix(),
        val_pattern=(records / ("val" if has_val else "train") / "").as_posix().rstrip("/")
        + "-?????-of-?????.tfrecord",
        num_classes=label_map.max_id,
        train_images=train_images,
        most_boxes=most_boxes,
    )


def plan_finetuning(
    template: Path,
    *,
    model: str,
    run: Path,
    records: Path,
    checkpoint: Path | None,
    wishes: Wishes,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
) -> FinetunePlan:
    """Fill a template in and check what can be checked without tensorflow.

    Args:
        template: The config file to fill in; it is not changed.
        model: What the user called it.
        run: The run's folder; must not exist yet.
        records: Folder that ``od prepare`` made.
        checkpoint: Prefix of the checkpoint to start from, None for none.
        wishes: Steps, batch, learning rate.
        overrides: ``FIELD=VALUE`` assignments, carried out last.
        seed: For everything random.

    Raises:
        OdError: The run exists, or records, label map, checkpoint or a field are at fault.
    """
    _refuse_existing(run)
    label_map_path = records / "label_map.pbtxt"
    if not records.is_dir():
        raise RecordError(
            f"{records}: no such folder of records", hint="make it: od prepare annotations"
        )
    label_map = read_label_map(label_map_path)
    facts = dataset_facts(records, label_map, label_map_path)
    _require_checkpoint(checkpoint)
    config, changes = fill_pipeline_config(
        read_pipeline_config(template),
        facts,
        Wishes(
            wishes.steps,
            wishes.batch_size,
            wishes.learning_rate,
            checkpoint.as_posix() if checkpoint else None,
        ),
    )
    changes += tuple(set_field(config, assignment) for assignment in overrides)
    return FinetunePlan(
        run, model, config, label_map, records, facts.train_images, changes, checkpoint, seed,
        match=_match(config.model, checkpoint),
    )  # fmt: skip


def plan_resuming(run: Path, *, steps: int | None = None) -> FinetunePlan:
    """Read an unfinished run's own config and label map, to go on where it stopped.

    Raises:
        TrainingError: There is no such run, or it is finished.
    """
    if not (run / "pipeline.config").is_file():
        raise TrainingError(f"{run}: is no run to resume", hint="leave out --resume to start it")
    config = parse_pipeline(
        (run / "pipeline.config").read_text(encoding="utf-8"), name=str(run / "pipeline.config")
    )
    facts = read_od_json(run)
    if steps:
        config.train_config.num_steps = steps
    reached = int(facts.get("step", 0))
    if reached >= config.train_config.num_steps:
        raise TrainingError(
            f"{run}: is finished, step {reached} of {config.train_config.num_steps}",
            hint=f"evaluate it: od evaluate {run}; or train on: --resume --steps {2 * reached}",
        )
    records = Path(facts["records"])
    parts(records)  # raises when they have gone
    return FinetunePlan(
        run=run,
        model=str(facts.get("model", run.name)),
        config=config,
        label_map=read_label_map(run / "label_map.pbtxt"),
        records=records,
        train_images=int(facts.get("train_images", 0)),
        changes=(),
        checkpoint=None,
        seed=int(facts.get("seed", 0)),
        resume=True,
    )


def _refuse_existing(run: Path) -> None:
    if not run.exists():
        return
    try:
        facts = json.loads((run / "od.json").read_text(encoding="utf-8"))
        step, steps = facts.get("step", 0), facts.get("steps", 0)
        state = "finished" if step >= steps else "unfinished"
        state = f"is there already, {state}, step {step} of {steps}"
    except (OSError, ValueError):
        raise OdError(
            f"{run}: is there already and is no run of od", hint="choose a name: --run NAME"
        ) from None
    more = "" if "unfinished" in state else f" --steps {2 * step}"
    raise TrainingError(
        f"{run}: {state}",
        hint=f"start another with --run {run.name}-2, or go on with --resume{more}",
    )


def _match(model_config: Any, checkpoint: Path | None) -> CheckpointMatch | None:
    """Compare the checkpoint with a model whose variables are listed; refuse another model's."""
    wanted = known_variables(model_config) if checkpoint else None
    if checkpoint is None or wanted is None:
        return None
    match = match_shapes(wanted, checkpoint, classes=number_of_classes(model_config))
    require_fit(checkpoint, match)
    return match


def _require_checkpoint(checkpoint: Path | None) -> None:
    if checkpoint is None:
        return
    for ending in (".index", ".data-00000-of-*"):
        if not list(checkpoint.parent.glob(checkpoint.name + ending)):
            raise CheckpointError(
                f"{checkpoint}{ending.replace('*', '00001')}: is not there",
                hint="give a checkpoint's prefix, as .../checkpoint/ckpt-0, or --checkpoint none",
            )
