import pytest

from od.metrics.curves import precision_recall
from od.structures.label_map import LabelMap

CLASSES = LabelMap(((1, "cat"), (2, "dog")))
A, B, FAR = (0, 0, 10, 10), (20, 20, 30, 30), (80, 80, 90, 90)


def test_points_of_a_case_worked_out_by_hand(make_image):
    image = make_image([(1, A), (1, B)], [(1, 0.9, A), (1, 0.8, FAR), (1, 0.7, B)])
    _, (cat, dog) = precision_recall([image], CLASSES)

    assert cat.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert cat.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert cat.recall.tolist() == pytest.approx([0.5, 0.5, 1])
    assert cat.best_f1() == (pytest.approx(0.8), pytest.approx(0.7))
    assert dog.objects == 0
    assert dog.best_f1() == (0.0, 0.5)


def test_detections_of_one_score_share_a_point(make_image):
    image = make_image([(1, A)], [(1, 0.5, A), (1, 0.5, FAR)])
    _, (cat, _) = precision_recall([image], CLASSES)

    assert cat.precision.tolist() == [0.5]
    assert cat.recall.tolist() == [1.0]


def test_the_second_detection_of_an_object_is_a_false_alarm(make_image):
    image = make_image([(1, A)], [(1, 0.9, A), (1, 0.8, A)])
    _, (cat, _) = precision_recall([image], CLASSES)

    assert cat.precision.tolist() == [1.0, 0.5]


def test_difficult_objects_take_their_detection_out_of_the_count(make_image):
    image = make_image([(1, A), (1, B)], [(1, 0.9, B), (1, 0.8, A)], difficult=[1])
    together, (cat, _) = precision_recall([image], CLASSES)

    assert cat.objects == together.objects == 1
    assert cat.precision.tolist() == [1.0]


def test_false_alarms_of_a_class_without_objects_lower_the_curve_of_all(make_image):
    image = make_image([(1, A)], [(2, 0.9, FAR), (1, 0.8, A)])
    together, _ = precision_recall([image], CLASSES)

    assert together.precision.tolist() == [0.0, 0.5]


def test_without_images_every_curve_is_empty():
    together, curves = precision_recall([], CLASSES)

    assert together.at(0.5) == (None, None)
    assert [c.to_json()["best_f1"] for c in curves] == [0.0, 0.0]
