from hypothesis import given
from hypothesis import strategies as st

from od.metrics.confusion import confusion_matrix
from od.metrics.matching import image_errors, iou_matrix
from od.structures.boxes import BoundingBox, iou
from od.structures.label_map import LabelMap

CLASSES = LabelMap(((1, "cat"), (5, "dog")))
A, B, FAR = (0, 0, 10, 10), (20, 20, 30, 30), (80, 80, 90, 90)


def test_each_object_and_each_detection_is_counted_once(make_image):
    image = make_image(
        [(1, A), (5, B), (5, FAR)],
        [(1, 0.9, A), (1, 0.8, B), (5, 0.7, (50, 50, 60, 60)), (1, 0.1, FAR)],
    )
    matrix = confusion_matrix([image, make_image()], CLASSES, threshold=0.5)

    assert matrix.counts.tolist() == [
        [1, 0, 0],  # cat found as cat
        [1, 0, 1],  # a dog taken for a cat, a dog missed (0.1 is below the threshold)
        [0, 1, 0],  # a dog where nothing is
    ]
    assert matrix.to_json()["names"] == ["cat", "dog", "(background)"]


def test_the_right_class_wins_over_a_closer_box_of_another(make_image):
    near = (0, 0, 10, 8)
    image = make_image([(1, A)], [(5, 0.9, A), (1, 0.6, near)])
    errors = image_errors(image.truth, image.detections, threshold=0.5)

    assert errors.correct == ((0, 1),)
    assert errors.wrong_class == ()
    assert errors.false_alarms == (0,)


def test_difficult_objects_are_neither_missed_nor_confused(make_image):
    image = make_image([(1, A), (1, B)], [(5, 0.9, A)], difficult=[0, 1])
    errors = image_errors(image.truth, image.detections, threshold=0.5)

    assert errors.count == 0
    assert confusion_matrix([image], CLASSES, threshold=0.5).counts.sum() == 0


number = st.integers(-20, 60)
box = st.tuples(number, number, st.integers(1, 50), st.integers(1, 50)).map(
    lambda b: BoundingBox(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(box, box)
def test_the_matrix_of_ious_agrees_with_the_iou_of_two_boxes(a, b):
    import numpy as np

    matrix = iou_matrix(np.array([a.corners], float), np.array([b.corners], float))
    assert abs(matrix[0, 0] - iou(a, b)) < 1e-12
