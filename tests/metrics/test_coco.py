import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from od.metrics.coco import evaluate_coco
from od.metrics.curves import precision_recall
from od.structures.label_map import LabelMap

CLASSES = LabelMap(((1, "cat"), (2, "a dog"), (7, "새")))
A, B, C = (0, 0, 100, 100), (200, 200, 260, 280), (300, 10, 320, 40)


def test_perfect_detections_reach_one_everywhere(make_image):
    images = [
        make_image([(1, A), (2, B)], [(1, 0.9, A), (2, 0.8, B)]),
        make_image([(7, C)], [(7, 0.3, C)]),
    ]
    metrics = evaluate_coco(images, CLASSES)

    assert metrics.map == metrics.map50 == metrics.map75 == metrics.ar100 == 1.0
    assert metrics.map_small == metrics.map_medium == metrics.map_large == 1.0
    assert [(c.name, c.objects, c.ap) for c in metrics.per_class] == [
        ("cat", 1, 1.0),
        ("a dog", 1, 1.0),
        ("새", 1, 1.0),
    ]
    assert (metrics.images, metrics.objects, metrics.detections) == (2, 3, 3)


def test_boxes_shifted_by_their_width_reach_nothing(make_image):
    metrics = evaluate_coco([make_image([(1, A)], [(1, 0.9, (100, 0, 200, 100))])], CLASSES)

    assert metrics.map == 0
    assert metrics.map50 == 0
    assert metrics.ar100 == 0


def test_one_of_two_objects_found_first_gives_the_average_precision_of_half(make_image):
    # Recall 0.5 at precision 1, then nothing: 51 of COCO's 101 recall points are reached.
    metrics = evaluate_coco([make_image([(1, A), (1, B)], [(1, 0.9, A)])], CLASSES)

    assert metrics.map50 == pytest.approx(51 / 101, abs=1e-6)
    assert metrics.ar100 == pytest.approx(0.5)


def test_a_box_of_iou_six_tenths_counts_at_the_lower_thresholds_only(make_image):
    # 100 x 60 of 100 x 100: IoU 0.6, so 0.50 and 0.55 are passed surely, 0.65 and above are not.
    metrics = evaluate_coco([make_image([(1, A)], [(1, 0.9, (0, 0, 100, 61))])], CLASSES)

    assert metrics.map50 == pytest.approx(1)
    assert metrics.map75 == 0
    assert metrics.map == pytest.approx(0.3)  # 0.50, 0.55 and 0.60 of ten


def test_a_box_is_measured_on_pixel_edges(make_image):
    # 4.9 of 10 pixels: IoU 0.49. With COCO files' width of "+ 1" it would be 0.54, and found.
    metrics = evaluate_coco(
        [make_image([(1, (0, 0, 10, 10))], [(1, 0.9, (0, 0, 10, 4.9))])], CLASSES
    )

    assert metrics.map50 == 0


def test_classes_without_truth_are_left_out_of_the_mean(make_image):
    metrics = evaluate_coco([make_image([(1, A)], [(1, 0.9, A), (2, 0.9, B)])], CLASSES)

    assert metrics.map == pytest.approx(1)
    assert metrics.per_class[1].ap is None


@pytest.mark.parametrize(
    ("truth", "expected"),
    [pytest.param([(1, A)], 0, id="objects"), pytest.param([], None, id="background only")],
)
def test_no_detections_at_all(make_image, truth, expected):
    metrics = evaluate_coco([make_image(truth, []), make_image([], [])], CLASSES)

    assert metrics.map == expected
    assert metrics.map50 == expected
    assert metrics.detections == 0


def test_no_images_at_all():
    assert evaluate_coco([], CLASSES).map is None


def test_a_difficult_object_is_neither_missed_nor_a_gain(make_image):
    missed = evaluate_coco([make_image([(1, A), (1, B)], [(1, 0.9, A)], difficult=[1])], CLASSES)
    found = evaluate_coco(
        [make_image([(1, A), (1, B)], [(1, 0.95, B), (1, 0.9, A)], difficult=[1])], CLASSES
    )
    assert missed.map == found.map == pytest.approx(1)
    assert (missed.objects, missed.difficult) == (1, 1)


def test_a_false_alarm_above_the_right_one_halves_the_precision(make_image):
    metrics = evaluate_coco([make_image([(1, A)], [(1, 0.9, B), (1, 0.8, A)])], CLASSES)

    assert metrics.map50 == pytest.approx(0.5)


def test_pycocotools_stays_silent(make_image, capfd):
    evaluate_coco([make_image([(1, A)], [(1, 0.9, A)])], CLASSES)

    assert capfd.readouterr() == ("", "")


corner = st.integers(0, 40)
boxes = st.tuples(corner, corner, st.integers(5, 40), st.integers(5, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
scores = st.integers(1, 99).map(lambda n: n / 100)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from([1, 2]), boxes), max_size=5),
            st.lists(
                st.tuples(st.sampled_from([1, 2]), scores, boxes),
                max_size=6,
                unique_by=lambda d: d[1],
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_own_curves_give_the_average_precision_of_pycocotools(make_image, drawn):
    # Same scores in two images make an order of their own in each: keep them apart.
    images = [
        make_image(truth, [(c, s - place / 1000, b) for c, s, b in found])
        for place, (truth, found) in enumerate(drawn)
    ]
    metrics = evaluate_coco(images, CLASSES)
    _, curves = precision_recall(images, CLASSES, iou=0.5)

    for known, curve in zip(metrics.per_class, curves, strict=True):
        assert known.objects == curve.objects
        if known.ap50 is None:
            assert not len(curve.recall)
            continue
        envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
        places = np.searchsorted(curve.recall, np.linspace(0, 1, 101), side="left")
        points = [envelope[p] if p < len(envelope) else 0.0 for p in places]
        assert np.mean(points) == pytest.approx(known.ap50, abs=2e-6)
