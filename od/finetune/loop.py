"""The training loop over the OD API's public parts."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from od.errors import TrainingError
from od.finetune.checkpoints import resume_checkpoint, save_checkpoint
from od.finetune.plan import FinetunePlan
from od.odapi.checkpoint import (
    CheckpointMatch,
    match_checkpoint,
    newest_checkpoint,
    require_fit,
    restore_matching,
)
from od.odapi.model import build_model
from od.odapi.protos import format_message
from od.odapi.shims import prepare_imports
from od.odapi.training import (
    build_optimizer,
    choose_towers,
    training_input,
    training_step,
)
from od.outputs import read_od_json, whole_file, whole_folder, write_od_json
from od.records.label_map_file import write_label_map
from od.structures.artifacts import FinetunedDetector
from od.structures.progress import Progress, silent

CHECKPOINT_SECONDS = 180.0
_SUMMARY_STEPS = 10  # between two points of a curve in TensorBoard


def never_stop() -> bool:
    """Train to the end."""
    return False


def ignore(message: str) -> None:
    """Say nothing."""


def disregard(checkpoint: Path) -> None:
    """Do nothing with a checkpoint."""


@dataclass
class _Rhythm:
    """When to save: after some seconds, and after each so many steps."""

    seconds: float
    steps: int | None
    last: float = field(default_factory=time.monotonic)

    def is_due(self, step: int) -> bool:
        """Tell whether to save after this step."""
        by_step = self.steps is not None and step % self.steps == 0
        return by_step or time.monotonic() - self.last > self.seconds

    def note(self) -> None:
        """Count from now on."""
        self.last = time.monotonic()


@dataclass
class _Training:
    """What the loop works on."""

    plan: FinetunePlan
    step: Any
    one_step: Callable[[Any, Any], dict[str, Any]]
    learning_rate: Callable[[], float]
    batches: Any
    tracked: Any
    model: Any

    def save(self) -> Path:
        """Save a checkpoint, unless a weight is no longer finite."""
        self._refuse_broken_weights()
        prefix = save_checkpoint(self.tracked, self.plan.run / "checkpoint", int(self.step))
        _note_progress(self.plan, int(self.step))
        return prefix

    def _refuse_broken_weights(self) -> None:
        import tensorflow as tf

        for variable in self.model.trainable_variables:
            if not bool(tf.reduce_all(tf.math.is_finite(variable))):
                raise _not_finite(self.plan, int(self.step), {variable.name: math.nan})


def finetune_detector(
    plan: FinetunePlan,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = ignore,
    stop: Callable[[], bool] = never_stop,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    checkpoint_steps: int | None = None,
    saved: Callable[[Path], None] = disregard,
) -> FinetunedDetector:
    """Train a detector as planned; saves a checkpoint every few minutes and at the end.

    Args:
        plan: What ``plan_finetuning`` or ``plan_resuming`` gave.
        progress: Told after each step.
        say: Given single sentences, as what was restored.
        stop: Asked after each step; True saves a checkpoint and ends the training early.
        checkpoint_seconds: Time between two checkpoints.
        checkpoint_steps: Save also after each so many steps.
        saved: Given each checkpoint's prefix once it is saved, as to evaluate it.

    Returns:
        The run; its ``step`` is below ``plan.steps`` when ``stop`` ended it.

    Raises:
        CheckpointError: The checkpoint does not fit the model.
        TrainingError: A loss is not finite, or the records give no batch.
        OutputError: The run's folder or a checkpoint cannot be written.
    """
    prepare_imports()
    import tensorflow as tf

    towers = choose_towers(plan.config)
    # Another order of the images than the one that was begun with, where a run goes on.
    last = newest_checkpoint(plan.run / "checkpoint")
    begun = int(last.name.removeprefix("ckpt-")) if last else 0
    tf.keras.utils.set_random_seed(plan.seed + begun)
    model = build_model(plan.config.model, is_training=True)
    if not plan.resume:
        match = _restore_pretrained(plan, model, say)
        _create_run(plan, match)
    training = _assemble(plan, model, towers)
    if plan.resume:
        found = resume_checkpoint(training.tracked, plan.run / "checkpoint")
        say(
            f"goes on at step {int(training.step)}"
            if found
            else "has no checkpoint yet: starts over"
        )
        if not found:
            _restore_recorded(plan, model, say)
    rhythm = _Rhythm(checkpoint_seconds, checkpoint_steps)
    loss = _train(training, progress, stop, rhythm, saved)
    prefix = newest_checkpoint(plan.run / "checkpoint")
    assert prefix is not None
    return FinetunedDetector(plan.run, prefix, int(training.step), loss)


def _restore_pretrained(
    plan: FinetunePlan, model: Any, say: Callable[[str], None]
) -> CheckpointMatch | None:
    if plan.checkpoint is None:
        say("starts from random weights")
        return None
    match = match_checkpoint(model, plan.checkpoint)
    require_fit(plan.checkpoint, match)
    restore_matching(model, plan.checkpoint, match)
    say(f"{plan.checkpoint}: {match.summary}")
    return match


def _restore_recorded(plan: FinetunePlan, model: Any, say: Callable[[str], None]) -> None:
    """A run that was killed before its first checkpoint starts from what it started from."""
    recorded = plan.config.train_config.fine_tune_checkpoint
    if recorded:
        match = match_checkpoint(model, Path(recorded))
        restore_matching(model, Path(recorded), match)
        say(f"{recorded}: {match.summary}")


def _create_run(plan: FinetunePlan, match: CheckpointMatch | None) -> None:
    with whole_folder(plan.run) as folder:
        (folder / "pipeline.config").write_text(format_message(plan.config), encoding="utf-8")
        write_label_map(folder / "label_map.pbtxt", plan.label_map)
        (folder / "checkpoint").mkdir()
        write_od_json(folder, "run", _facts(plan, match))


def _facts(plan: FinetunePlan, match: CheckpointMatch | None) -> dict[str, Any]:
    return {
        "model": plan.model,
        "records": plan.records.as_posix(),
        "train_images": plan.train_images,
        "steps": plan.steps,
        "step": 0,
        "batch_size": plan.batch_size,
        "seed": plan.seed,
        "checkpoint": plan.checkpoint.as_posix() if plan.checkpoint else None,
        "restored": match.summary if match else "nothing",
        "changes": [vars(change) for change in plan.changes],
    }


def _note_progress(plan: FinetunePlan, step: int) -> None:
    facts = {**read_od_json(plan.run), "step": step, "steps": plan.steps}
    with whole_file(plan.run / "od.json") as file:
        file.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _assemble(plan: FinetunePlan, model: Any, towers: int) -> _Training:
    import tensorflow as tf

    step = tf.Variable(0, dtype=tf.int64, trainable=False, name="global_step")
    optimizer, learning_rate = build_optimizer(plan.config, model, step)
    return _Training(
        plan=plan,
        step=step,
        one_step=training_step(plan.config, model, optimizer, step, towers=towers),
        learning_rate=learning_rate,
        batches=training_input(plan.config, model),
        tracked=tf.train.Checkpoint(step=step, model=model, optimizer=optimizer),
        model=model,
    )


def _train(
    training: _Training,
    progress: Progress,
    stop: Callable[[], bool],
    rhythm: _Rhythm,
    saved: Callable[[Path], None],
) -> float | None:
    """Run the steps; returns the last loss."""
    plan, first = training.plan, int(training.step)
    loss: float | None = None
    started = time.monotonic()
    with _curves(plan.run / "train") as draw, _named_errors(plan):
        for features, labels in training.batches:
            rate = training.learning_rate()
            losses = {k: float(v) for k, v in training.one_step(features, labels).items()}
            step = int(training.step)
            loss = losses["Loss/total_loss"]
            if not math.isfinite(loss):
                raise _not_finite(plan, step, losses)
            if step - first == 1:  # tracing took most of the first step
                started = time.monotonic()
            if step % _SUMMARY_STEPS == 0:
                draw(step, {**losses, "learning_rate": rate})
            speed = (step - first - 1) * plan.batch_size / max(time.monotonic() - started, 1e-9)
            progress(step, plan.steps, f"loss {loss:.3f}  {speed:.1f} images/s")
            if step >= plan.steps or stop():
                break
            if rhythm.is_due(step):
                saved(training.save())
                rhythm.note()
    if loss is None:
        raise TrainingError(f"{plan.records}: the records gave no batch", hint="od inspect them")
    saved(training.save())
    return loss


@contextmanager
def _named_errors(plan: FinetunePlan) -> Any:
    """Turn what tensorflow says of the records into a sentence that names them."""
    import tensorflow as tf

    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.NotFoundError,
        tf.errors.InvalidArgumentError,
    ) as error:
        raise TrainingError(
            f"{plan.records}: cannot be trained on: {error.message.splitlines()[0]}",
            hint=f"look into them: od inspect {plan.records}",
        ) from error


@contextmanager
def _curves(folder: Path) -> Any:
    """Write scalars for TensorBoard under the OD API's names."""
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))

    def draw(step: int, values: Mapping[str, float]) -> None:
        with writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    try:
        yield draw
    finally:
        writer.close()


def _not_finite(plan: FinetunePlan, step: int, losses: Mapping[str, float]) -> TrainingError:
    parts = ", ".join(f"{k} {v:.4g}" for k, v in losses.items() if not math.isfinite(v))
    last = newest_checkpoint(plan.run / "checkpoint")
    kept = f"{last.name} is kept" if last else "there is no checkpoint yet"
    return TrainingError(
        f"{plan.run}: the loss is not finite at step {step} ({parts}); {kept}",
        hint="lower the learning rate (--learning-rate), or look for broken boxes: od inspect",
    )
