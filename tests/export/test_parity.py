import numpy as np
import pytest

from od.export import parity as parity_module
from od.export.parity import compare_detectors, sample_images
from od.structures.detections import Detections
from record_files import CLASSES, A, recorded, write_part

IMAGE = np.zeros((100, 100, 3), np.uint8)
BOX = (10, 10, 60, 60)


def detector(*objects):
    """Finds these ``(box, score, class id)`` in every image."""
    boxes = np.array([o[0] for o in objects], np.float32).reshape(-1, 4)
    scores = np.array([o[1] for o in objects], np.float32)
    class_ids = np.array([o[2] for o in objects], np.int32)
    return lambda image: Detections(boxes, scores, class_ids)


def compare(reference, other, images=1):
    return compare_detectors(reference, other, [IMAGE] * images, samples="made up")


def many(shift=0.0, score=0.0):
    return detector(*(((i * 9 + shift, 0, i * 9 + 8, 9), 0.9 - score, 1) for i in range(10)))


def test_the_same_detections_are_the_same():
    parity = compare(many(), many())

    assert parity.holds
    assert (parity.compared, parity.exchanged, parity.missing) == (20, 0, 0)
    assert (parity.max_pixels, parity.max_score) == (0, 0)


@pytest.mark.parametrize(
    ("shift", "score", "holds"),
    [
        pytest.param(0.9, 0.0, True, id="under a pixel"),
        pytest.param(0.0, 0.009, True, id="score under a hundredth"),
        pytest.param(1.5, 0.0, False, id="over a pixel"),
        pytest.param(0.0, 0.012, False, id="score over a hundredth"),
    ],
)
def test_a_pixel_and_a_hundredth_are_the_limits(shift, score, holds):
    parity = compare(many(), many(shift, score))

    assert parity.holds == holds
    if holds:
        assert parity.max_pixels == pytest.approx(shift, abs=1e-5)
        assert parity.max_score == pytest.approx(score, abs=1e-5)


def test_a_detection_that_only_one_of_them_has_is_missing():
    one, two = (BOX, 0.9, 1), ((0, 0, 9, 9), 0.8, 1)

    assert compare(detector(one, two), detector(one)).missing == 1
    assert compare(detector(one), detector(one, two)).missing == 1
    assert not compare(detector(one), detector(one, two)).holds


def test_another_class_is_another_detection():
    assert not compare(detector((BOX, 0.9, 1)), detector((BOX, 0.9, 2))).holds


def test_one_exchange_for_an_equal_neighbour_passes_and_many_do_not():
    neighbour = detector((BOX, 0.9, 1)), detector(((10, 14, 60, 64), 0.899, 1))

    few = compare(*neighbour)
    assert (few.exchanged, few.missing) == (2, 0)
    assert not few.holds  # both of two
    boxes = [(0, i * 100, 50, i * 100 + 50) for i in range(10)]
    moved = [(0, 4, 50, 54), *boxes[1:]]
    some = compare(
        detector(*((box, 0.9, 1) for box in boxes)), detector(*((box, 0.9, 1) for box in moved))
    )
    assert (some.exchanged, some.missing, some.holds) == (2, 0, True)
    assert "2 exchanged for a neighbour of the same score" in some.summary


def test_a_weak_model_is_compared_by_its_ten_best():
    weak = detector(*(((i, 0, i + 5, 5), 0.1 - i / 1000, 1) for i in range(30)))

    assert compare(weak, weak).compared == 20
    assert compare(weak, weak).holds


def test_a_strong_model_is_compared_above_the_threshold_only():
    strong = [((i * 9, 0, i * 9 + 8, 9), 0.9, 1) for i in range(10)]
    noise = [((i, 50, i + 5, 55), 0.05, 1) for i in range(5)]

    assert compare(detector(*strong, *noise), detector(*strong)).holds


def test_nothing_compared_is_no_parity():
    assert not compare(detector(), detector()).holds


def test_boxes_without_area_do_not_break_it():
    assert compare(detector(((5, 5, 5, 5), 0.9, 1)), detector(((9, 9, 9, 9), 0.9, 1))).missing


def test_samples_come_from_the_records_val_part_and_are_small(tmp_path):
    big = recorded([(1, A)], name="big.png", size=(1300, 650))
    write_part(tmp_path, "train", [recorded([(1, A)], name="train.png")] * 3)
    write_part(tmp_path, "val", [big, recorded([(1, A)], names=CLASSES)])

    images, where = sample_images(tmp_path)

    assert [image.shape for image in images] == [(320, 640, 3), (90, 120, 3)]
    assert where == f"{tmp_path.as_posix()}, val part"


def test_without_records_the_shipped_sample_serves_and_without_it_made_up_images(
    tmp_path, monkeypatch
):
    images, where = sample_images(None)
    assert (len(images), where) == (8, "the sample that ships with od")

    monkeypatch.setattr(parity_module, "shipped", lambda name: tmp_path / "none")
    images, where = sample_images(None)
    assert (len(images), where) == (8, "made-up images")
    assert images[0].shape == (240, 320, 3)


def test_equals_at_the_end_of_a_full_list_are_exchanged_not_missing():
    crowd = [((i * 9, 0, i * 9 + 8, 9), 0.9 - i / 1000, 1) for i in range(101)]

    parity = compare(detector(*crowd[:100]), detector(*crowd[:99], crowd[100]))

    assert (parity.exchanged, parity.missing, parity.holds) == (2, 0, True)


@pytest.mark.parametrize(("others", "holds"), [(90, True), (20, False)])
def test_a_box_at_the_nms_threshold_may_be_missing_but_no_more_than_one_in_a_hundred(others, holds):
    many = [((i * 30, 0, i * 30 + 20, 20), 0.9, 1) for i in range(others)]
    odd = ((0, 500, 20, 520), 0.5, 1)
    parity = compare(detector(*many, odd), detector(*many))

    assert (parity.missing, parity.holds) == (1, holds)
