import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from od.cli import cli
from od.outputs import write_od_json
from od.records.label_map_file import write_label_map
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from record_files import CLASSES, A, B, recorded, write_part


def make_run(folder, *, label_map=CLASSES, kind="run", **fields):
    folder.mkdir(parents=True)
    write_label_map(folder / "label_map.pbtxt", label_map)
    write_od_json(folder, kind, fields)
    return folder


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch, records):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs/old")
    os.utime(tmp_path / "runs/old/od.json", (1, 1))
    make_run(tmp_path / "runs/new")
    return tmp_path


@pytest.fixture
def loaded(monkeypatch):
    """Stands in for the two loaders: a detector that finds a cat at A in every image."""
    calls = []

    def load(model, kind):
        calls.append((model.as_posix(), kind))
        box, one = np.array([A], np.float32), np.ones(1, np.float32)
        return lambda image: Detections(box, one * 0.9, np.ones(1, np.int32))

    monkeypatch.setattr("od.workflows.evaluation._load", load)
    return calls


def run(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *arguments])


def test_the_newest_run_is_measured_and_named_first(loaded):
    result = run()

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "runs/new\n"
        "class                 objects   AP@0.5      AP   best F1\n"
        "────────────────────────────────────────────────────────\n"
        "cat                         1    1.000   1.000     0.500\n"
        "a <b>dog</b> & 'co'         1    0.000   0.000     0.000\n"
        "고양이                      1    0.000   0.000     0.000\n"
        "all                         3    0.333   0.333     0.333\n"
        "\n"
        "mAP@0.5 0.333   mAP 0.333\n"
        "runs/new/evaluate/val/metrics.json\n"
        "runs/new/evaluate/val/report.html\n"
        "runs/new/evaluate/val/precision_recall.png\n"
        "runs/new/evaluate/val/confusion.png\n"
    )
    assert loaded == [("runs/new", "run")]


def test_the_files_are_written_and_a_second_evaluation_replaces_them(loaded, workspace):
    assert run("runs/old").exit_code == 0
    assert run("runs/old", "--part", "train").exit_code == 0
    assert run("runs/old").exit_code == 0
    metrics = json.loads((workspace / "runs/old/evaluate/train/metrics.json").read_text())

    assert metrics["part"] == "train"
    assert metrics["images"] == 2
    assert metrics["map50"] == 1.0
    assert {p.name for p in (workspace / "runs/old/evaluate/val").iterdir()} == {
        "metrics.json",
        "report.html",
        "precision_recall.png",
        "confusion.png",
        "od.json",
    }


def test_json_is_one_object_with_the_files(loaded):
    result = run("--json", "--output", "out")

    content = json.loads(result.stdout)
    assert content["map50"] == pytest.approx(1 / 3, abs=1e-6)
    assert content["files"][0] == "out/metrics.json"
    assert content["model"] == "runs/new"
    assert result.stderr.startswith("runs/new\n")


def test_an_export_is_loaded_as_one(loaded, workspace):
    make_run(workspace / "exported", kind="export")

    assert run("exported").exit_code == 0
    assert loaded == [("exported", "export")]


def test_the_records_that_the_run_names_come_before_the_default(loaded, workspace):
    write_part(workspace / "elsewhere", "val", [recorded([(1, A)]), recorded([(1, B)])])
    make_run(workspace / "runs/there", records=str(workspace / "elsewhere"))
    make_run(workspace / "runs/gone", records=str(workspace / "moved away"))

    assert json.loads(run("runs/there", "--json").stdout)["images"] == 2
    assert json.loads(run("runs/gone", "--json").stdout)["images"] == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["nothing"], "Error: nothing: holds no od.json\n", id="no such run"),
        pytest.param(["records"], "Error: records: holds no od.json\n", id="records"),
        pytest.param(["--part", "test"], "holds no part 'test'", id="no such part"),
        pytest.param(["--records", "none"], "Error: none: no such folder", id="no records"),
        pytest.param(["--output", "records"], "refusing to replace it", id="foreign output"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines(loaded, arguments, expected):
    result = run(*arguments)

    assert result.exit_code == 1
    assert expected in result.stderr
    assert "Hint: " in result.stderr


def test_records_of_other_classes_are_refused_before_a_model_is_loaded(loaded, workspace):
    make_run(workspace / "runs/birds", label_map=LabelMap.from_names(["bird"]))
    result = run("runs/birds")

    assert result.exit_code == 1
    assert "class 1 is 'cat', the detector's is 'bird'" in result.stderr
    assert loaded == []


def test_without_any_run_the_way_on_is_named(workspace, monkeypatch):
    (workspace / "empty").mkdir()
    monkeypatch.chdir(workspace / "empty")
    result = run()

    assert result.exit_code == 1
    assert result.stderr == "Error: runs: no run here yet\nHint: train one: od finetune ssd\n"


def test_a_foreign_folder_is_refused_before_the_slow_work(loaded, workspace):
    run("--output", "records")
    assert loaded == []
