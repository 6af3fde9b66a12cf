"""``od finetune`` before tensorflow starts: what it prints and refuses."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.odapi.protos import parse_pipeline
from tiny_model import write_tiny_records


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tiny_records(tmp_path / "records")
    return tmp_path


def _run(*arguments):
    return CliRunner().invoke(cli, ["finetune", *arguments])


def test_a_dry_run_prints_the_filled_in_config_and_makes_nothing(workspace):
    result = _run("ssd", "--checkpoint", "none", "--steps", "50", "--dry-run")
    assert result.exit_code == 0, result.stderr
    config = parse_pipeline(result.stdout, name="printed")
    assert config.model.ssd.num_classes == 3
    assert config.train_config.num_steps == 50
    assert result.stderr.startswith("ssd stands for ssd_mobilenet_v2_small_256x256\n")
    assert "classes of the label map" in result.stderr
    assert not (workspace / "runs").exists()


def test_the_shipped_checkpoint_is_taken_without_being_asked_for(workspace):
    result = _run("ssd", "--dry-run")
    config = parse_pipeline(result.stdout, name="printed")
    assert config.train_config.fine_tune_checkpoint.endswith(
        "pretrained/ssd_mobilenet_v2_small_256x256/checkpoint/ckpt-0"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        pytest.param(
            ["fastr_rcnn"],
            "pipeline_configs/fastr_rcnn.config does not exist",
            "did you mean faster_rcnn",
            id="unknown model",
        ),
        pytest.param(
            ["ssd", "--records", "nowhere"],
            "nowhere: no such folder of records",
            "make it: od prepare annotations",
            id="no records",
        ),
        pytest.param(
            ["faster_rcnn"],
            "pretrained: holds no checkpoint for faster_rcnn_resnet50_v1_640x640",
            "download http",
            id="no checkpoint",
        ),
        pytest.param(
            ["ssd", "--checkpoint", "nowhere/ckpt-0"],
            "nowhere/ckpt-0.index: is not there",
            "give a checkpoint's prefix",
            id="wrong checkpoint",
        ),
        pytest.param(
            ["ssd", "--set", "train_config.batchsize=4"],
            "--set: train_config has no field 'batchsize'",
            "did you mean train_config.batch_size?",
            id="wrong field",
        ),
        pytest.param(
            ["--run", "nowhere", "--resume"],
            "runs/nowhere: is no run to resume",
            "leave out --resume to start it",
            id="nothing to resume",
        ),
    ],
)
def test_what_is_wrong_ends_in_two_lines_before_tensorflow_starts(
    workspace, arguments, error, hint
):
    result = _run(*arguments)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if " stands for " not in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"Error: {error}")
    assert lines[1].startswith(f"Hint: {hint}")
    assert not (workspace / "runs").exists()


def test_a_label_map_that_does_not_fit_the_records_is_refused(workspace):
    (workspace / "records" / "label_map.pbtxt").write_text("item { id: 1 name: 'dog' }")
    result = _run("ssd", "--checkpoint", "none")
    assert result.exit_code == 1
    assert "has class 1 'cat', where records/label_map.pbtxt has 'dog'" in result.stderr


def test_a_missing_model_is_a_usage_error():
    result = _run()
    assert result.exit_code == 2
    assert "Missing argument 'MODEL'" in result.stderr
