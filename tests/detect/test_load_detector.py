import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import od
from conftest import encode, make_pixels
from od.detect import load_detector
from od.errors import ExportError
from od.outputs import write_od_json
from od.structures.artifacts import InputSpec
from od.workflows.opening import open_model
from tiny_exports import tiny_export, tiny_run

PIXELS = make_pixels(90, 60, seed=8)


@pytest.mark.parametrize("target", ["saved_model", "openvino"])
def test_detections_are_in_pixels_best_first_with_ids_of_the_label_map(target):
    detect = load_detector(tiny_export(target).detector.folder)
    found = detect(PIXELS)

    assert len(found) >= 10
    assert (np.diff(found.scores) <= 0).all()
    assert set(found.class_ids.tolist()) <= {1, 2, 3}
    assert found.boxes.min() >= 0
    assert 60 < found.boxes[:, [0, 2]].max() <= 90.001  # x goes to the width
    assert found.boxes[:, [1, 3]].max() <= 60.001


def test_a_run_is_opened_too_and_finds_the_same():
    run, label_map = open_model(tiny_run())
    ir, same_label_map = open_model(tiny_export("openvino").detector.folder)

    assert label_map == same_label_map
    np.testing.assert_allclose(run(PIXELS).scores[:5], ir(PIXELS).scores[:5], atol=0.01)
    np.testing.assert_allclose(run(PIXELS).boxes[:5], ir(PIXELS).boxes[:5], atol=1)


def test_images_of_odd_memory_layout_are_taken():
    detect = load_detector(tiny_export("openvino").detector.folder)
    turned = np.rot90(PIXELS)

    np.testing.assert_array_equal(detect(turned).boxes, detect(turned.copy()).boxes)


def test_detecting_with_an_ir_never_imports_tensorflow(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(PIXELS, "PNG"))
    folder = tiny_export("openvino").detector.folder
    code = (
        "import sys\n"
        f"sys.argv = ['od', 'detect', {str(folder)!r}, 'a.png', '--json', '--threshold', '0']\n"
        "from od.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print(sorted({'tensorflow', 'tf_keras', 'object_detection'} & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(od.__file__).parent.parent)},
        timeout=120,
        check=False,
    )

    result, modules = done.stdout.splitlines()
    assert modules == "[]", done.stderr
    assert len(json.loads(result)["annotations"]) >= 10


@pytest.fixture
def copied(tmp_path):
    """An IR export that may be spoiled."""
    folder = tmp_path / "exported"
    shutil.copytree(tiny_export("openvino").detector.folder, folder)
    return folder


def _facts(folder, **changes):
    facts = json.loads((folder / "od.json").read_text(encoding="utf-8"))
    (folder / "od.json").write_text(json.dumps({**facts, **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda f: (f / "od.json").unlink(), "exported: holds no od.json", id="no od.json"
        ),
        pytest.param(lambda f: _facts(f, kind="run"), "says kind 'run'", id="another kind"),
        pytest.param(lambda f: _facts(f, target="tpu"), "target 'tpu'", id="target"),
        pytest.param(lambda f: (f / "model.xml").unlink(), "model.xml: is not there", id="no xml"),
        pytest.param(
            lambda f: (f / "model.xml").write_text("<net"),
            "OpenVINO cannot load it",
            id="broken xml",
        ),
        pytest.param(
            lambda f: _facts(f, input_spec=InputSpec(height=300, width=300).to_json()),
            "input_spec asks for InputSpec",
            id="another preprocessing",
        ),
        pytest.param(
            lambda f: _facts(f, input_spec={"color": "blue"}), "cannot be read", id="odd spec"
        ),
        pytest.param(lambda f: _facts(f, input_spec=None), "cannot be read", id="no spec"),
    ],
)
def test_what_is_no_whole_export_is_refused_with_a_way_out(copied, spoil, message):
    spoil(copied)

    with pytest.raises(ExportError, match=message) as error:
        load_detector(copied)

    assert str(error.value).startswith(str(copied))
    assert error.value.hint


def test_a_broken_saved_model_is_said_so(tmp_path):
    folder = tmp_path / "exported"
    (folder / "saved_model").mkdir(parents=True)
    (folder / "saved_model/saved_model.pb").write_bytes(b"nonsense")
    fields = {"target": "saved_model", "model": "saved_model", "input_spec": InputSpec().to_json()}
    write_od_json(folder, "export", fields)

    with pytest.raises(ExportError, match="saved_model: cannot be loaded"):
        load_detector(folder)


@pytest.mark.parametrize("target", ["saved_model", "openvino"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(target):
    with pytest.raises(ExportError, match=r"device MYRIAD: .*CPU"):
        load_detector(tiny_export(target).detector.folder, device="MYRIAD")
