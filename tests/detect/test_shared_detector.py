from typing import ClassVar

import numpy as np
import pytest

from od.detect import detect_in_images, sticks
from od.detect.exports import read_stick_export
from od.detect.sticks import open_sticks, open_toolchain_cpu
from od.errors import DeviceError, DeviceGoneError, ExportError
from od.images import write_image
from stick_exports import BLUE, RED, squares, write_stick_export


class StandInWorker:
    """The toolchain's process in a machine with sticks; each finds one thing on the left."""

    sticks = ("CPU", "MYRIAD.1.1-ma2480", "MYRIAD.1.2-ma2480")
    fails_to_load = ()
    fails_at: ClassVar = {}  # frames until a stick goes, by its name

    def __init__(self):
        self.closed, self.device, self.frames, self.in_flight = False, None, 0, []
        made.append(self)

    def devices(self):
        return self.sticks

    def load(self, model, *, device, requests):
        if device in self.fails_to_load:
            raise DeviceError(f"{device}: no stick answers", hint="plug it in again")
        self.device, self.requests = device, requests

    def start(self, request, frame):
        assert frame.shape == (1, 3, 64, 96)
        self.in_flight.append(request)

    def wait(self):
        self.frames += 1
        if self.frames > self.fails_at.get(self.device, 1e9):
            raise ExportError(f"{self.device}: crashed with SIGSEGV")
        return self.in_flight.pop(0), np.array([[0, 1, 0.9, 0, 0, 0.5, 1.0]], np.float32)

    def close(self):
        self.closed = True


made = []


@pytest.fixture
def machine(monkeypatch):
    made.clear()
    kind = type("Worker", (StandInWorker,), {})
    monkeypatch.setattr(sticks, "new_worker", lambda: kind())
    return kind


@pytest.fixture
def export(tmp_path):
    return read_stick_export(write_stick_export(tmp_path / "export"))


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"{i:02d}.png" for i in range(30)]
    for path in paths:
        write_image(path, squares(size=(96, 64)))
    return paths


def test_every_stick_works_in_a_process_of_its_own_with_four_in_flight(machine, export, photos):
    detector = open_sticks(export)
    results = list(detect_in_images(detector, photos))
    detector.close()

    assert [device.name for device in detector.devices] == list(machine.sticks[1:])
    assert [worker.requests for worker in made] == [4, 4]
    assert sum(worker.frames for worker in made) == 30
    assert [result.path for result in results] == photos
    assert results[0].detections.boxes.tolist() == [[0, 0, 48, 64]]
    assert all(worker.closed for worker in made)


def test_a_stick_whose_process_crashes_gives_its_images_to_the_other(machine, export, photos):
    machine.fails_at = {"MYRIAD.1.1-ma2480": 2}
    told = []
    results = list(detect_in_images(open_sticks(export), photos, say=told.append))

    assert [result.path for result in results] == photos
    (line,) = told
    assert line.startswith("MYRIAD.1.1-ma2480: crashed with SIGSEGV; the frames it had (")


def test_the_last_stick_that_goes_ends_it_after_what_is_done(machine, export, photos):
    machine.fails_at = dict.fromkeys(machine.sticks, 5)
    results = []

    with pytest.raises(DeviceGoneError, match="crashed"):
        for result in detect_in_images(open_sticks(export), photos):
            results.append(result)

    assert 0 < len(results) <= 10
    assert [result.path for result in results] == photos[: len(results)]


def test_a_stick_that_another_program_has_is_left_out_and_named(machine, export):
    machine.fails_to_load = ("MYRIAD.1.1-ma2480",)
    detector = open_sticks(export)

    assert [device.name for device in detector.devices] == ["MYRIAD.1.2-ma2480"]
    assert detector.left_out == ("MYRIAD.1.1-ma2480: no stick answers",)
    assert made[0].closed


def test_no_stick_or_none_that_answers_is_an_error(machine, export):
    machine.fails_to_load = machine.sticks
    with pytest.raises(DeviceError, match="no stick answers"):
        open_sticks(export)

    machine.sticks = ("CPU",)
    with pytest.raises(DeviceError, match="finds no stick"):
        open_sticks(export)
    assert all(worker.closed for worker in made)


def test_without_the_toolchain_two_lines_say_how_to_get_it(export, monkeypatch):
    from od.myriad import toolchain

    monkeypatch.setattr(toolchain, "find_toolchain", lambda: None)
    monkeypatch.setattr(toolchain, "unsupported_machine", lambda: None)
    with pytest.raises(ExportError, match="is not set up here") as error:
        open_sticks(export)
    assert "od doctor --setup-myriad" in error.value.hint

    monkeypatch.setattr(toolchain, "unsupported_machine", lambda: "no package for ARM")
    with pytest.raises(ExportError, match="no package for ARM") as error:
        open_sticks(export)
    assert "CPU" in error.value.hint


def test_the_older_openvino_finds_the_same_in_many_images(export, tmp_path):
    from od.detect import load_detector
    from od.myriad.toolchain import find_toolchain

    if find_toolchain() is None:
        pytest.skip("the toolchain is not set up")
    paths = []
    for i in range(12):
        paths.append(tmp_path / f"{i:02d}.png")
        write_image(
            paths[-1], squares(((16 * (i % 8), 32, 16 * (i % 8) + 16, 48), (RED, BLUE)[i % 2]))
        )
    older = open_toolchain_cpu(export, requests=4)
    try:
        ours = list(detect_in_images(older, paths, threshold=0.3))
    finally:
        older.close()
    current = list(detect_in_images(load_detector(export.folder), paths, threshold=0.3))

    for a, b in zip(ours, current, strict=True):
        assert a.path == b.path
        assert len(a.detections) == 1
        np.testing.assert_allclose(a.detections.boxes, b.detections.boxes, atol=0.01)
        np.testing.assert_array_equal(a.detections.class_ids, b.detections.class_ids)
