"""An export for sticks, compared on stand-ins for the runtimes."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager

import numpy as np
import pytest

from od.errors import ExportError
from od.outputs import write_od_json
from od.records.label_map_file import write_label_map
from od.structures.detections import Detections
from od.workflows import verification
from od.workflows.verification import CURRENT, OLDER, TRAINED, verify_export, write_verification
from record_files import CLASSES, recorded, write_part

BOX = (10.0, 10.0, 50.0, 60.0)


def detector_that_is(*, pixels: float = 0.0, score: float = 0.0):
    def detect(image):
        assert image.shape == (90, 120, 3)
        boxes = np.array([BOX], np.float32) + pixels
        return Detections(boxes, np.array([0.9 + score], np.float32), np.array([1], np.int32))

    return detect


def opens(detector):
    @contextmanager
    def opened():
        if isinstance(detector, Exception):
            raise detector
        yield detector

    return opened


@pytest.fixture
def export(tmp_path, monkeypatch):
    """An export's folder and its records; ``runtimes`` are the stand-ins."""
    folder = tmp_path / "export"
    folder.mkdir()
    write_label_map(folder / "label_map.pbtxt", CLASSES)
    images = [recorded([(1, BOX)], name=f"{i}.png") for i in range(3)]
    write_part(tmp_path / "records", "val", images)
    facts = {"target": "myriad", "records": str(tmp_path / "records")}
    write_od_json(folder, "export", facts)

    def use(runtimes):
        monkeypatch.setattr(
            verification,
            "_openers",
            lambda *_: [(name, opens(detector)) for name, detector in runtimes.items()],
        )
        return folder

    return use


def test_each_runtime_is_compared_with_the_trained_model_image_by_image(export, tmp_path):
    folder = export(
        {
            TRAINED: detector_that_is(),
            CURRENT: detector_that_is(pixels=0.5),
            OLDER: detector_that_is(pixels=-0.25, score=-0.004),
        }
    )
    made = verify_export(folder)

    assert [runtime.name for runtime in made.runtimes] == [TRAINED, CURRENT, OLDER]
    _, current, older = (runtime.parity for runtime in made.runtimes)
    assert current.max_pixels == pytest.approx(0.5, abs=1e-4)
    assert older.max_score == pytest.approx(0.004, abs=1e-4)
    assert made.map_difference == 0
    files = write_verification(made, tmp_path / "verify")
    content = json.loads(files[0].read_text())
    assert content["runtimes"][1]["parity"]["missing"] == 0
    rows = list(csv.DictReader(files[1].open()))
    assert [row["image"] for row in rows] == ["0.png", "1.png", "2.png"] * 2


def test_a_runtime_that_finds_other_boxes_is_not_hidden(export):
    folder = export({TRAINED: detector_that_is(), CURRENT: detector_that_is(pixels=30)})
    made = verify_export(folder)

    assert made.runtimes[1].parity.missing == 6
    assert made.map_difference > 0.5


def test_a_runtime_that_is_not_here_is_left_out_by_name(export):
    gone = ExportError("runs/gone: no such folder")
    folder = export({TRAINED: gone, CURRENT: detector_that_is(), OLDER: detector_that_is()})
    made = verify_export(folder)

    assert made.left_out == ((TRAINED, "runs/gone: no such folder"),)
    assert made.runtimes[0].name == CURRENT
    assert made.runtimes[1].parity.max_pixels == 0


def test_a_broken_ir_is_an_error(export):
    folder = export({TRAINED: detector_that_is(), CURRENT: ExportError("model.xml: broken")})

    with pytest.raises(ExportError, match="broken"):
        verify_export(folder)
