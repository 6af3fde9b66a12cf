"""``od finetune`` before tensorflow starts: what it prints and refuses."""

from __future__ import annotations

import subprocess
import sys

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


def test_a_dry_run_shows_what_the_checkpoint_fills(workspace):
    result = _run("ssd", "--dry-run")
    assert (
        "ckpt-0: 360 restored, 2 start fresh (the class head: 20 classes before, 3 now)\n"
        in result.stderr
    )


def test_a_dry_run_of_a_model_that_is_no_template_says_when_it_compares(workspace):
    result = _run("ssd", "--dry-run", "--set", "model.ssd.feature_extractor.depth_multiplier=0.5")
    assert "ckpt-0: is compared once the model is built\n" in result.stderr


def test_a_checkpoint_of_another_architecture_is_refused_before_tensorflow(workspace):
    from od.shipped import shipped

    other = shipped("pretrained") / "ssd_mobilenet_v2_small_256x256" / "checkpoint" / "ckpt-0"
    code = (
        "import sys; from od.cli import main\n"
        f"sys.argv = ['od', 'finetune', 'faster_rcnn', '--checkpoint', {str(other)!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    print(end.code, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "1 False\n", done.stderr
    assert "ckpt-0: is of another model: 0 restored, 275 start fresh" in done.stderr
    assert "--checkpoint none" in done.stderr
    assert not (workspace / "runs").exists()


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
