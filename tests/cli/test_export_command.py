import json
import os

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.errors import ExportError
from od.export import Export, MyriadOptions
from od.export.parity import Parity
from od.export.ssd_head import HeadOptions
from od.outputs import write_od_json
from od.records.label_map_file import write_label_map
from od.structures.artifacts import ExportedDetector, InputSpec
from od.structures.label_map import LabelMap
from tiny_model import TEMPLATE

PARITY = Parity(8, "made-up images", 40, 0, 0, 0.0214, 0.00031)


def make_run(folder):
    (folder / "checkpoint").mkdir(parents=True)
    one_class = TEMPLATE.read_text().replace("num_classes: 20", "num_classes: 1")
    (folder / "pipeline.config").write_text(one_class)
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
def chosen():
    return []


@pytest.fixture
def exported(monkeypatch, chosen):
    """Stands in for the slow step; remembers what it was asked for; knows no toolchain."""
    calls = []
    lacking = ExportError("no toolchain", hint="set it up")

    def export(source, target, output, *, load_detector, myriad, overwrite, progress):
        calls.append((source.folder.as_posix(), source.step, target, overwrite))
        chosen.append(myriad)
        progress(0, 4, "loading the model")
        progress(4, 4, "done")
        output.mkdir(parents=True, exist_ok=True)
        for name in ("model.xml", "model.bin", "od.json"):
            (output / name).write_text(name)
        detector = ExportedDetector(output, target, output / "model.xml", InputSpec())
        return Export(detector, PARITY, *((PARITY, lacking) if target == "myriad" else ()))

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
            ["runs/new", "--target", "myriad", "--shaves", "13"],
            "Error: myriad2 cannot use 13 shaves, expected 1 to 12\n"
            "Hint: leave --shaves at 6, which the NCS2 and OAK cameras both take\n",
            id="more shaves than the chip has",
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


def test_what_is_chosen_for_the_stick_arrives_and_missing_blobs_are_said(exported, chosen):
    result = run(
        *("runs/new", "--target", "myriad", "--chip", "myriadx", "--shaves", "13"),
        *("--channels", "rgb", "--top-k", "50", "--nms-iou", "0.5", "--score", "0.2"),
    )

    assert result.exit_code == 0, result.output
    assert chosen == [MyriadOptions(("myriadx",), 13, "rgb", HeadOptions(50, 0.5, 0.2))]
    assert "no blobs: no toolchain\nHint: set it up\n" in result.stderr


def test_a_run_that_was_stopped_early_is_exported_only_when_asked(exported, workspace):
    write_od_json(workspace / "runs/new", "run", {"step": 12, "steps": 30})
    refused = run("runs/new", "--target", "openvino")

    assert refused.exit_code == 1
    assert refused.output.startswith("Error: runs/new: its training stands at step 12 of 30\n")
    assert run("runs/new", "--target", "openvino", "--unfinished").exit_code == 0
