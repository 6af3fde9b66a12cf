import numpy as np
import pytest

from od.errors import LabelMapError, RecordError
from od.evaluate import check_evaluable, evaluate_detector
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from record_files import CLASSES, A, B, recorded, write_part


def detector_of(answers):
    """A detector that gives, image after image, ``[(class, score, box)]``."""
    left = iter(answers)

    def detect(image):
        assert image.dtype == np.uint8
        assert image.shape == (90, 120, 3)
        found = sorted(next(left), key=lambda item: -item[1])
        return Detections(
            np.array([box for _, _, box in found], np.float32).reshape(-1, 4),
            np.array([score for _, score, _ in found], np.float32),
            np.array([class_id for class_id, _, _ in found], np.int32),
        )

    return detect


PERFECT = [[(1, 0.9, A), (2, 0.8, B)], [(3, 0.7, B)], []]


def test_a_perfect_detector_reaches_one(records):
    calls = []
    evaluation = evaluate_detector(
        detector_of(PERFECT),
        records,
        "val",
        label_map=CLASSES,
        progress=lambda *args: calls.append(args),
    )
    assert evaluation.metrics.map == 1.0
    assert evaluation.threshold == pytest.approx(0.7)
    assert evaluation.worst(10) == ()
    assert [image.name for image in evaluation.images] == ["v0.png", "v<1>.png", "v2.png"]
    assert calls == [(1, 3, "images"), (2, 3, "images"), (3, 3, "images")]


def test_a_detector_that_finds_nothing_reaches_zero(records):
    evaluation = evaluate_detector(detector_of([[], [], []]), records, "val", label_map=CLASSES)

    assert evaluation.metrics.map == 0
    assert evaluation.overall.best_f1() == (0.0, 0.5)
    assert evaluation.confusion.counts[:, -1].tolist() == [1, 1, 1, 0]
    assert [errors.count for _, errors in evaluation.worst(10)] == [2, 1]


def test_the_worst_images_come_first(records):
    answers = [[(1, 0.9, A), (2, 0.8, B)], [(1, 0.9, B), (1, 0.85, A)], [(1, 0.8, A)]]
    evaluation = evaluate_detector(detector_of(answers), records, "val", label_map=CLASSES)
    worst = evaluation.worst(2)

    assert [image.name for image, _ in worst] == ["v<1>.png", "v2.png"]
    assert worst[0][1].wrong_class == ((0, 0),)
    assert worst[0][1].false_alarms == (1,)
    assert worst[1][1].false_alarms == (0,)


def test_boxes_without_area_are_left_out_and_counted(tmp_path, monkeypatch):
    # od's own writer refuses such boxes; other people's records have them.
    folder = tmp_path / "records"
    write_part(folder, "val", [recorded([(1, A)])])
    flat = recorded([(1, A), (1, (10.0, 10.0, 10.0, 40.0))])
    monkeypatch.setattr("od.evaluate.step.read_part", lambda folder, part: iter([flat]))
    evaluation = evaluate_detector(detector_of([[(1, 0.9, A)]]), folder, "val", label_map=CLASSES)
    assert evaluation.left_out == 1
    assert evaluation.metrics.map == 1.0


def test_a_part_that_is_missing_is_named(records):
    with pytest.raises(RecordError, match="holds no part 'test'") as error:
        check_evaluable(records, "test", CLASSES)
    assert error.value.hint


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(LabelMap(((1, "cat"),)), id="class missing"),
        pytest.param(LabelMap.from_names(CLASSES.names), id="other ids"),
    ],
)
def test_records_of_other_classes_are_refused_before_the_detector_runs(records, other):
    def never(image):
        raise AssertionError("the detector was called")

    with pytest.raises(LabelMapError, match=r"label_map.pbtxt: class \d is "):
        evaluate_detector(never, records, "val", label_map=other)


def test_a_class_id_that_the_detector_lacks_is_refused_without_a_label_map(tmp_path):
    folder = tmp_path / "records"
    write_part(folder, "val", [recorded([(9, A)], name="odd.png")], label_map=None)

    with pytest.raises(LabelMapError, match=r"val image 0 \('odd.png'\): class id 9"):
        evaluate_detector(detector_of([[]]), folder, "val", label_map=CLASSES)


def test_an_empty_part_is_refused(tmp_path):
    folder = tmp_path / "records"
    write_part(folder, "val", [])

    with pytest.raises(RecordError, match="holds no image"):
        evaluate_detector(detector_of([]), folder, "val", label_map=CLASSES)
