"""The script that travels to the stick: alone, under old and new Pythons and OpenVINOs."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from od.detect.preparation import prepare_frame, to_detections7
from od.export.stick import companions
from od.export.stick.companions import write_stick_companions
from od.outputs import write_od_json
from od.structures.artifacts import InputSpec
from stick_exports import NAMES, PAD, STRETCH, write_squares_ir

SOURCE = Path(companions.__file__).with_name("detect_on_stick.py")
# OpenVINO's older interface, and two sticks: finished out of order, and one that may vanish.
OLD_API = """
import os
import numpy as np

class Info:
    precision = "FP32"

class Network:
    def __init__(self):
        self.input_info = {"input": Info()}
        self.outputs = {"detections": Info()}

class Request:
    def __init__(self, net, slot):
        self.net, self.slot, self.polls = net, slot, 0
    def async_infer(self, inputs):
        assert inputs["input"].dtype == np.uint8
        self.net.runs += 1
        self.value, self.polls = float(inputs["input"].mean()), (self.slot * 7) % 5
        if self.net.name == os.environ.get("VANISHING") and self.net.runs > 3:
            self.net.gone = True
    def wait(self, timeout):
        if self.net.gone:
            raise RuntimeError("Failed to read output: X_LINK_ERROR")
        self.polls -= 1
        return 0 if self.polls < 0 else -9
    @property
    def output_blobs(self):
        rows = np.full((1, 1, 3, 7), -1, np.float32)
        rows[0, 0, 0] = [0, 1, 0.9, 0, 0, self.value / 255, 1]
        return {"detections": type("Blob", (), {"buffer": rows})}

class Executable:
    def __init__(self, name, count):
        self.name, self.runs, self.gone = name, 0, False
        self.requests = [Request(self, i) for i in range(count)]

class IECore:
    @property
    def available_devices(self):
        return ["CPU"] + os.environ.get("STICKS", "").split()
    def read_network(self, model, weights):
        assert os.path.exists(model)
        return Network()
    def load_network(self, network, device, config, num_requests):
        assert network.input_info["input"].precision == "U8"
        if device == "CPU" and config != {"ENFORCE_BF16": "NO"}:
            raise RuntimeError("unsupported key")
        return Executable(device, num_requests)
"""


@pytest.fixture
def export(tmp_path):
    def make(spec=STRETCH):
        folder = tmp_path / "myriad"
        folder.mkdir()
        write_squares_ir(folder, spec)
        write_stick_companions(
            folder,
            names=["background", *(name for _, name in NAMES.items)],
            spec=spec,
            rows=40,
            threshold=0.5,
            title="squares",
            blobs={},
        )
        write_od_json(folder, "export", {"target": "myriad", "input_spec": spec.to_json()})
        return folder

    return make


def squares(width=120, height=90):
    """A grey image with a red and a blue square."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[20:50, 10:45] = (250, 20, 20)
    pixels[40:80, 70:110] = (10, 30, 240)
    return pixels


def run(folder, *arguments, python=sys.executable, **variables):
    command = [str(python), str(folder / "detect_on_stick.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **variables}, check=False
    )


def found(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def old_api(tmp_path):
    package = tmp_path / "old" / "openvino"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inference_engine.py").write_text(OLD_API)
    return {"PYTHONPATH": str(package.parent)}


def test_it_is_written_for_python_3_6():
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("spec", [STRETCH, PAD], ids=["stretch", "pad"])
@pytest.mark.parametrize("reader", ["cv2", "pillow"])
def test_it_finds_what_od_finds_in_the_same_file(export, tmp_path, spec, reader):
    import openvino

    folder = export(spec)
    Image.fromarray(squares()).save(tmp_path / "a.png")
    variables = {}
    if reader == "pillow":
        (tmp_path / "hidden").mkdir()
        (tmp_path / "hidden/cv2.py").write_text("raise ImportError('hidden')")
        variables["PYTHONPATH"] = str(tmp_path / "hidden")
    (line,) = found(
        run(
            folder, tmp_path / "a.png", "--device", "CPU", "--json", "--threshold", 0.3, **variables
        )
    )
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU")
    rows = compiled(prepare_frame(squares(), spec))[0]
    expected = to_detections7(rows, spec, height=90, width=120).above(0.3)

    assert len(line["objects"]) == len(expected) > 3
    boxes = np.array([o["box"] for o in line["objects"]])
    order = np.lexsort(boxes.T)
    np.testing.assert_allclose(
        boxes[order], expected.boxes[np.lexsort(expected.boxes.T)], atol=0.02
    )
    assert {o["class"] for o in line["objects"]} == {"red", "blue"}


def test_an_exif_orientation_is_applied_before_the_model_sees_the_image(export, tmp_path):
    folder = export()
    turned = Image.fromarray(np.rot90(squares()))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", quality=98, exif=exif)
    Image.fromarray(squares()).save(tmp_path / "upright.jpg", quality=98)

    turned_line, upright = found(
        run(
            *(folder, tmp_path / "turned.jpg", tmp_path / "upright.jpg"),
            *("--device", "CPU", "--json"),
        )
    )
    assert (turned_line["width"], turned_line["height"]) == (120, 90)
    assert len(turned_line["objects"]) == len(upright["objects"]) > 3


def test_a_broken_image_is_named_and_the_others_are_done(export, tmp_path):
    folder = export()
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "c.png"):
        Image.fromarray(squares()).save(images / name)
    (images / "b.png").write_bytes(b"\x89PNG nonsense")
    done = run(folder, images, "--device", "CPU", "--json", "--save", tmp_path / "drawn")

    assert done.returncode == 1
    assert [Path(json.loads(line)["source"]).name for line in done.stdout.splitlines()] == [
        "a.png",
        "c.png",
    ]
    assert "b.png: cannot be read" in done.stderr
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == ["a.jpg", "c.jpg"]
    drawn = np.asarray(Image.open(tmp_path / "drawn/a.jpg")).astype(int)
    assert np.abs(drawn - squares()).max() > 100  # boxes


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        pytest.param(None, ["nothing.jpg"], "nothing.jpg: does not exist", id="no image"),
        pytest.param(None, ["camera:x"], "camera:x: no such camera", id="no camera"),
        pytest.param(None, ["."], "no Neural Compute Stick found", id="no stick"),
        pytest.param("model.xml", [".", "--device", "CPU"], "no device takes it", id="corrupt IR"),
        pytest.param("od.json", ["."], "od.json or labels.txt cannot be read", id="half a folder"),
    ],
)
def test_mistakes_end_in_two_lines(export, tmp_path, monkeypatch, spoil, arguments, message):
    folder = export()
    Image.fromarray(squares()).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    if spoil:
        (folder / spoil).write_text("<nonsense")
    done = run(folder, *arguments)

    assert done.returncode == 1
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("Error: ")
    assert message in error
    assert hint.startswith("Hint: ")
    assert "Traceback" not in done.stderr


def numbered(tmp_path, count=24):
    """Images whose mean brightness is their number, so that each result names its image."""
    folder = tmp_path / "numbered"
    folder.mkdir()
    for i in range(count):
        Image.new("RGB", (96, 64), (i * 10,) * 3).save(folder / f"{i:03d}.png")
    return folder, count


@pytest.mark.parametrize("vanishing", ["", "MYRIAD.1.2-ma2480"])
def test_several_sticks_give_each_image_once_and_in_order_also_when_one_vanishes(
    export, tmp_path, old_api, vanishing
):
    folder = export()
    images, count = numbered(tmp_path)
    sticks = "MYRIAD.1.1-ma2480 MYRIAD.1.2-ma2480"
    done = run(folder, images, "--json", STICKS=sticks, VANISHING=vanishing, **old_api)
    lines = found(done)

    assert [Path(line["source"]).name for line in lines] == [f"{i:03d}.png" for i in range(count)]
    for i, line in enumerate(lines[1:], start=1):
        assert line["objects"][0]["box"][2] == pytest.approx(i * 10 / 255 * 96, abs=0.02)
    assert ("is gone; 1 others go on" in done.stderr) == bool(vanishing)


def test_the_last_stick_gone_ends_with_two_lines_and_keeps_what_was_written(
    export, tmp_path, old_api
):
    folder = export()
    images, _ = numbered(tmp_path)
    stick = "MYRIAD.1.1-ma2480"
    done = run(folder, images, "--json", STICKS=stick, VANISHING=stick, **old_api)

    assert done.returncode == 1
    assert "Error: MYRIAD.1.1-ma2480: does not answer any more" in done.stderr
    assert "Traceback" not in done.stderr
    for line in done.stdout.splitlines():
        json.loads(line)


def test_the_older_interface_computes_in_full_precision_on_the_cpu(export, tmp_path, old_api):
    folder = export()
    images, count = numbered(tmp_path, 3)

    assert len(found(run(folder, images, "--json", "--device", "CPU", **old_api))) == count


def test_rgb_and_padding_reach_the_model_as_the_folder_says(export, tmp_path):
    spec = InputSpec(96, 96, "NCHW", "rgb", "uint8", "pad", (200, 90, 90))
    folder = export(spec)
    Image.fromarray(np.full((40, 96, 3), (10, 30, 240), np.uint8)).save(tmp_path / "blue.png")
    (line,) = found(run(folder, tmp_path / "blue.png", "--device", "CPU", "--json"))

    assert {o["class"] for o in line["objects"]} == {"blue"}  # the padding is no object
    assert max(o["box"][3] for o in line["objects"]) <= 40
