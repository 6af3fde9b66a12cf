import io

import numpy as np
import pytest
from PIL import Image

from od.drawing import (
    DrawnBox,
    class_color,
    draw_boxes,
    draw_detections,
    drawn_jpeg,
    font_file,
    legible,
)
from od.structures.detections import Detections
from od.structures.label_map import LabelMap


@pytest.fixture
def gray():
    return np.full((240, 320, 3), 90, np.uint8)


def detections(*boxes, class_id=1, score=0.9):
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(n, score, np.float32),
        np.full(n, class_id, np.int32),
    )


def test_a_detection_is_outlined_in_its_class_color(gray):
    drawn = draw_detections(gray, detections((50, 60, 150, 160)), LabelMap.from_names(["cat"]))

    assert tuple(drawn[110, 50]) == class_color(1)
    assert tuple(drawn[160, 100]) == class_color(1)
    assert tuple(drawn[110, 100]) == (90, 90, 90)
    assert drawn.shape == gray.shape
    assert (gray == 90).all()  # the image that was given stays as it is


def test_pixels_without_a_box_stay_as_they_are():
    image = np.arange(240 * 320 * 3, dtype=np.uint32).astype(np.uint8).reshape(240, 320, 3)
    drawn = draw_boxes(image, [DrawnBox((200, 150, 300, 220), "", (255, 0, 0))])

    assert (drawn[:140] == image[:140]).all()
    assert (drawn[160:210, 210:290] == image[160:210, 210:290]).all()


def test_detections_below_the_threshold_are_not_drawn(gray):
    found = detections((50, 60, 150, 160), score=0.4)
    drawn = draw_detections(gray, found, LabelMap.from_names(["cat"]), threshold=0.5)

    assert (drawn == gray).all()


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param((100, 50, 20, 80), id="swapped"),
        pytest.param((10, 10, 10, 40), id="no width"),
        pytest.param((400, 10, 500, 40), id="outside"),
        pytest.param((float("nan"), 10, 50, 40), id="not a number"),
        pytest.param((float("-inf"), 10, 50, 40), id="infinite"),
    ],
)
def test_boxes_without_an_area_inside_the_image_are_left_out(gray, corners):
    assert (draw_boxes(gray, [DrawnBox(corners, "x", (255, 0, 0))]) == gray).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (12, 12), (900, 40)])
@pytest.mark.parametrize(
    "name", ["고양이", "a <b> & 'c'", "line\nbreak", "", "\U0001f98a", "x" * 300]
)
def test_any_name_on_any_image_size_is_drawn_without_an_error(size, name):
    image = np.zeros((*size, 3), np.uint8)
    label_map = LabelMap(((1, name or " "),))
    drawn = draw_detections(image, detections((0, 0, size[1], size[0])), label_map)

    assert drawn.shape == image.shape


def test_a_class_that_the_label_map_lacks_is_still_drawn(gray):
    drawn = draw_detections(gray, detections((5, 60, 150, 160), class_id=9), LabelMap(()))

    assert tuple(drawn[110, 5]) == class_color(9)


def test_colors_of_the_first_forty_classes_differ_and_none_is_the_green_of_truth():
    colors = [class_color(class_id) for class_id in range(1, 41)]

    assert len(set(colors)) == 40
    assert not [c for c in colors if c[1] > 1.5 * max(c[0], c[2])]


def test_names_are_shown_in_letters_or_in_escapes_never_in_empty_rectangles():
    shown = legible("새 1")
    assert shown == "새 1" if font_file("새 1") else shown == r"\uc0c8 1"


def test_dashes_leave_gaps(gray):
    drawn = draw_boxes(gray, [DrawnBox((20, 20, 300, 220), "", (0, 255, 0), dashed=True)])
    painted = (drawn[120 - 60 : 120 + 60, 20] == (0, 255, 0)).all(axis=1)

    assert 0.3 < painted.mean() < 0.8


@pytest.mark.parametrize(
    ("size", "expected"),
    [((2000, 1000), (640, 320)), ((100, 50), (360, 180)), ((500, 500), (500, 500))],
)
def test_pictures_for_a_page_are_neither_huge_nor_tiny(size, expected):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    jpeg = drawn_jpeg(image, [DrawnBox((0, 0, *size), "all", (255, 255, 255))])

    with Image.open(io.BytesIO(jpeg)) as opened:
        assert opened.size == expected
        assert opened.format == "JPEG"
