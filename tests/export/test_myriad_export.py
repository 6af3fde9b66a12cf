"""The folder for a stick: whole, checked, honest about what could not be made."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from conftest import encode, make_pixels
from od.detect import load_detector
from od.errors import ExportError
from od.export import MyriadOptions, export_detector, read_source
from od.myriad.blob import read_blob_header
from od.myriad.toolchain import find_toolchain
from od.outputs import write_od_json
from od.shipped import shipped
from record_files import recorded, write_part
from tiny_exports import NAMES, tiny_run

needs_toolchain = pytest.mark.skipif(
    find_toolchain() is None, reason="OpenVINO 2021.4.2 is not set up: od doctor --setup-myriad"
)
FOR_PEOPLE = {"labels.txt", "detect_on_stick.py", "97-myriad.rules", "README.md"}


class Worker:
    """Stands in for the toolchain's process: finds a layer wanting, or refuses to compile."""

    unsupported: tuple[tuple[str, str], ...] = ()

    def __init__(self, toolchain):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def unsupported_layers(self, xml):
        assert xml.is_file()
        return self.unsupported

    def compile_blob(self, xml, output, *, chip, shaves):
        output.write_bytes(b"half a blob")
        raise ExportError("out of CMX memory")


@cache
def small_images_run():
    """The tiny run with records as large as its input: nothing is resized and rounded.

    Random weights would make rounding errors so large that the comparison failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="od-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(tiny_run(), folder / "run")
    images = [
        replace(recorded([], size=(64, 64)), encoded=encode(make_pixels(64, 64, seed=i), "PNG"))
        for i in range(4)
    ]
    write_part(folder / "records", "val", images)
    write_od_json(folder / "run", "run", {"records": str(folder / "records")})
    return folder / "run"


def export(output, **options):
    notes = []
    made = export_detector(
        read_source(small_images_run()),
        "myriad",
        output,
        load_detector=load_detector,
        myriad=MyriadOptions(**options),
        progress=lambda done, total, note="": notes.append((done, total, note)),
    )
    return made, notes


def test_without_the_toolchain_the_ir_is_delivered_and_what_is_missing_is_said(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("od.export.myriad.find_toolchain", lambda: None)
    made, _ = export(tmp_path / "myriad", setup=False)

    names = {path.name for path in (tmp_path / "myriad").iterdir()}
    assert names >= {"model.xml", "model.bin", "od.json", *FOR_PEOPLE}
    assert not [name for name in names if name.endswith(".blob")]
    assert "no blobs" in str(made.missing)
    assert "od doctor --setup-myriad" in made.missing.hint
    facts = json.loads((tmp_path / "myriad/od.json").read_text())
    assert facts["blobs"] == {}
    assert facts["parity"]["missing"] == 0


@needs_toolchain
def test_both_blobs_are_compiled_checked_and_told_of(tmp_path):
    made, notes = export(tmp_path / "myriad")

    folder = tmp_path / "myriad"
    assert made.missing is None
    facts = json.loads((folder / "od.json").read_text())
    for chip in ("myriad2", "myriadx"):
        header = read_blob_header(folder / f"model.{chip}.blob")
        assert (header.inputs, header.outputs, header.shaves) == (1, 1, 6)
        assert facts["blobs"][chip]["bytes"] == (folder / f"model.{chip}.blob").stat().st_size
        assert f"model.{chip}.blob" in facts["outputs"]
    assert facts["blobs"]["myriad2"]["note"] == "not confirmed on hardware"
    assert facts["unsupported_layers"] == []
    assert facts["input_spec"]["channels"] == "bgr"
    lines = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["background", *(name for _, name in NAMES.items)]
    assert {"model.json", "model.tar.xz"} <= {path.name for path in folder.iterdir()}
    done = [number for number, _, _ in notes]
    assert done == sorted(done)
    assert notes[-1] == (8, 8, "done")


@pytest.mark.parametrize(
    ("unsupported", "message"),
    [
        pytest.param((("Sort", "TopK"),), r"cannot run 1 of its layers: Sort \(TopK\)", id="layer"),
        pytest.param((), "out of CMX memory", id="compiler"),
    ],
)
def test_what_a_stick_cannot_run_is_refused_and_leaves_nothing(
    tmp_path, monkeypatch, unsupported, message
):
    monkeypatch.setattr("od.export.myriad.find_toolchain", object)
    monkeypatch.setattr("od.export.myriad.ToolchainWorker", Worker)
    monkeypatch.setattr(Worker, "unsupported", unsupported)

    with pytest.raises(ExportError, match=message) as caught:
        export(tmp_path / "myriad")

    assert str(caught.value).startswith(str(small_images_run()))
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_faster_rcnn_is_refused_before_anything_slow(tmp_path, monkeypatch):
    for file in Path(tiny_run()).rglob("*"):
        if file.is_file() and file.name != "od.json":
            target = tmp_path / "run" / file.relative_to(tiny_run())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    template = shipped("pipeline_configs") / "faster_rcnn_resnet50_v1_640x640.config"
    text = template.read_text().replace("num_classes: 90", f"num_classes: {len(NAMES)}")
    (tmp_path / "run/pipeline.config").write_text(text)
    monkeypatch.setattr("od.odapi.model.load_model", None)

    with pytest.raises(ExportError) as caught:
        export_detector(
            read_source(tmp_path / "run"),
            "myriad",
            tmp_path / "out",
            load_detector=load_detector,
        )
    assert "--target openvino" in caught.value.hint
