"""The training loop: whole runs, stopping, resuming, refusing."""

from __future__ import annotations

import json
import math

import pytest

from od.errors import CheckpointError, TrainingError
from od.finetune import finetune_detector, plan_resuming
from od.odapi.checkpoint import checkpoint_shapes, newest_checkpoint
from tiny_model import plan_tiny, write_tiny_records


class _StopAfter:
    """Asks for a stop after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def _values(prefix):
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    names = reader.get_variable_to_shape_map()
    return {n: reader.get_tensor(n) for n in names if n.endswith("VARIABLE_VALUE")}


@pytest.fixture(scope="module")
def tiny_records(tmp_path_factory):
    return write_tiny_records(tmp_path_factory.mktemp("tiny") / "records")


@pytest.fixture(scope="module")
def stopped_and_resumed(tmp_path_factory, tiny_records):
    """A run that was stopped after 3 of 6 steps, what it had saved then, and its end."""
    plan = plan_tiny(tmp_path_factory.mktemp("stopped") / "runs" / "run", tiny_records)
    said: list[str] = []
    first = finetune_detector(plan, stop=_StopAfter(3), say=said.append)
    saved = _values(first.checkpoint)
    steps: list[int] = []
    second = finetune_detector(
        plan_resuming(plan.run),
        progress=lambda done, total, note="": steps.append(done),
        say=said.append,
    )
    return first, saved, second, steps, said


def test_a_stopped_run_resumes_at_the_exact_step_with_the_optimizer_state(stopped_and_resumed):
    first, saved, second, steps, said = stopped_and_resumed
    assert (first.step, second.step) == (3, 6)
    assert steps == [4, 5, 6]
    assert "goes on at step 3" in said
    momentum = [n for n in saved if ".OPTIMIZER_SLOT" in n]
    assert momentum
    assert any(abs(saved[n]).max() > 0 for n in momentum)
    iterations = next(n for n in saved if n.startswith("optimizer/iter"))
    assert (saved[iterations], _values(second.checkpoint)[iterations]) == (3, 6)


def test_a_run_holds_all_that_another_machine_needs(stopped_and_resumed):
    run = stopped_and_resumed[2].folder
    facts = json.loads((run / "od.json").read_text(encoding="utf-8"))
    assert {p.name for p in run.iterdir()} == {
        "pipeline.config",
        "label_map.pbtxt",
        "od.json",
        "checkpoint",
        "train",
    }
    assert (facts["kind"], facts["step"], facts["steps"]) == ("run", 6, 6)
    assert newest_checkpoint(run / "checkpoint").name == "ckpt-6"
    assert list((run / "train").glob("events.out.tfevents.*"))


def test_a_rerun_into_a_finished_run_says_so(stopped_and_resumed, tiny_records):
    run = stopped_and_resumed[2].folder
    with pytest.raises(TrainingError, match="finished, step 6 of 6") as error:
        plan_tiny(run, tiny_records)
    assert "--run run-2" in str(error.value.hint)
    with pytest.raises(TrainingError, match="finished, step 6 of 6") as error:
        plan_resuming(run)
    assert "--steps 12" in str(error.value.hint)


def test_a_checkpoint_of_other_classes_leaves_only_the_class_head_fresh(
    stopped_and_resumed, tiny_records, tmp_path
):
    said: list[str] = []
    plan = plan_tiny(
        tmp_path / "more-classes",
        tiny_records,
        checkpoint=stopped_and_resumed[2].checkpoint,
        overrides=("model.ssd.num_classes=5",),
    )
    done = finetune_detector(plan, say=said.append, stop=_StopAfter(1))
    shapes = checkpoint_shapes(done.checkpoint)
    total = sum(key.startswith("model/") for key in shapes)
    assert (
        f"{total - 2} restored, 2 start fresh (the class head: 3 classes before, 5 now)" in said[0]
    )


def test_a_checkpoint_of_another_model_is_refused_and_no_run_is_left(
    stopped_and_resumed, tiny_records, tmp_path
):
    wider = (
        "model.ssd.feature_extractor.depth_multiplier=0.3",
        "model.ssd.feature_extractor.min_depth=16",
    )
    plan = plan_tiny(
        tmp_path / "wider",
        tiny_records,
        checkpoint=stopped_and_resumed[2].checkpoint,
        overrides=wider,
    )
    with pytest.raises(CheckpointError, match="is of another model") as error:
        finetune_detector(plan)
    assert error.value.hint
    assert not plan.run.exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    tiny_records, tmp_path
):
    plan = plan_tiny(
        tmp_path / "run",
        tiny_records,
        steps=40,
        overrides=(
            "train_config.optimizer.adam_optimizer.learning_rate="
            "{manual_step_learning_rate {initial_learning_rate: 0.001"
            " schedule {step: 4 learning_rate: 1e30}}}",
        ),
    )
    with pytest.raises(TrainingError, match="not finite") as error:
        finetune_detector(plan, checkpoint_seconds=0)
    kept = newest_checkpoint(plan.run / "checkpoint")
    assert kept is not None
    assert f"{kept.name} is kept" in str(error.value)
    assert "--learning-rate" in str(error.value.hint)
    assert all(math.isfinite(float(abs(v).max())) for v in _values(kept).values() if v.size)
