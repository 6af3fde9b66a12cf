import json
import os

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.export import Export
from od.export.parity import Parity
from od.outputs import write_od_json
from od.records.label_map_file import write_label_map
from od.structures.artifacts import ExportedDetector, InputSpec
from od.structures.label_map import LabelMap
from tiny_model import TEMPLATE

PARITY = Parity(8, "made-up images", 40, 0, 0, 0.0214, 0.00031)


def make_run(folder):
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "pipeline.config").write_text(TEMPLATE.read_text())
    write_label_map(folder / "label_map.pbtxt", LabelMap(((1, "cat"),)))
    write_od_json(folder, "run", {})
    for ending in ("index", "data-00000-of-00001"):
        (folder / f"checkpoint/ckpt-12.{ending}").write_bytes(b"weights")
    return folder


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs/old")
    os.utime(tmp_path / "runs/old/od.json", (1, 1))
    make_run(tmp_path / "runs/new")
    return tmp_path


@pytest.fixture
def exported(monkeypatch):
    """Stands in for the slow step; remembers what it was asked for."""
    calls = []

    def export(source, target, output, *, load_detector, overwrite, progress):
        calls.append((source.folder.as_posix(), source.step, target, overwrite))
        progress(0, 4, "loading the model")
        progress(4, 4, "done")
        output.mkdir(parents=True, exist_ok=True)
        for name in ("model.xml", "model.bin", "od.json"):
            (output / name).write_text(name)
        detector = ExportedDetector(output, target, output / "model.xml", InputSpec())
        return Export(detector, PARITY)

    monkeypatch.setattr("od.export.export_detector", export)
    return calls


def run(*arguments):
    return CliRunner().invoke(cli, ["export", *arguments])


def test_the_newest_run_is_exported_and_named_first(exported):
    result = run("--target", "openvino")

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "runs/new\n"
        "runs/new/export/openvino/model.bin\n"
        "runs/new/export/openvino/model.xml\n"
        "runs/new/export/openvino/od.json\n"
        "as the trained model: 40 detections in 8 images:"
        " boxes within 0.021 px, scores within 0.0003\n"
    )
    assert result.stderr == (
        "loading the model ...\nnext: od detect runs/new/export/openvino IMAGES --save drawn\n"
    )
    assert exported == [("runs/new", 12, "openvino", False)]


def test_json_is_one_object_with_the_parity(exported):
    result = run("runs/old", "--target", "saved_model", "--output", "out", "--json")

    content = json.loads(result.stdout)
    assert (content["folder"], content["target"], content["step"]) == ("out", "saved_model", 12)
    assert content["model"] == "out/model.xml"
    assert content["input_spec"]["resize"] == "none"
    assert content["parity"]["max_pixels"] == 0.0214


def test_an_export_that_is_there_is_replaced_only_when_asked(exported, workspace):
    folder = workspace / "runs/new/export/openvino"
    folder.mkdir(parents=True)
    write_od_json(folder, "export", {})
    refused = run("--target", "openvino")

    assert refused.exit_code == 1
    assert refused.output == (
        "runs/new\n"
        "Error: runs/new/export/openvino: is there already\n"
        "Hint: replace it with --overwrite, or choose --output\n"
    )
    assert exported == []
    assert run("--target", "openvino", "--overwrite").exit_code == 0
    assert exported == [("runs/new", 12, "openvino", True)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ["runs/new", "--target", "myriad"],
            "Error: myriad: blobs for a Neural Compute Stick are not made by this version of od"
            " yet\nHint: use --target openvino now: its IR runs on CPU and GPU\n",
            id="a later target",
        ),
        pytest.param(
            ["runs/nothing", "--target", "openvino"],
            "Error: runs/nothing: no such folder\n"
            "Hint: give a run, as runs/<name>, or a model_dir\n",
            id="no such run",
        ),
    ],
)
def test_mistakes_end_in_two_lines(exported, arguments, expected):
    result = run(*arguments)

    assert result.exit_code == 1
    assert result.output == expected
    assert exported == []


def test_a_model_dir_without_label_map_asks_for_one(exported, workspace):
    (workspace / "runs/new/label_map.pbtxt").unlink()
    result = run("runs/new", "--target", "openvino")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Hint: give the one that the model was trained with: --label-map FILE"
    )
    given = run("runs/new", "--target", "openvino", "--label-map", "runs/old/label_map.pbtxt")
    assert given.exit_code == 0, given.output


def test_the_target_must_be_named():
    result = run()

    assert result.exit_code == 2
    assert "Missing option '--target'" in result.stderr
