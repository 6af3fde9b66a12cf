import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from od.structures.boxes import BoundingBox, iou, oriented

coordinates = st.integers(-1000, 1000)


@st.composite
def boxes(draw: st.DrawFn) -> BoundingBox:
    x, y = draw(coordinates), draw(coordinates)
    return BoundingBox(x, y, x + draw(st.integers(1, 500)), y + draw(st.integers(1, 500)))


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param((5, 5, 5, 9), id="no width"),
        pytest.param((5, 9, 8, 9), id="no height"),
        pytest.param((9, 5, 5, 9), id="swapped"),
        pytest.param((math.nan, 5, 8, 9), id="not a number"),
    ],
)
def test_refuses_a_box_without_area(corners):
    with pytest.raises(ValueError, match="no area"):
        BoundingBox(*corners)


@given(boxes(), boxes())
def test_iou_is_symmetric_and_a_share(a, b):
    assert iou(a, b) == iou(b, a)
    assert 0.0 <= iou(a, b) <= 1.0
    assert iou(a, a) == 1.0


@given(boxes(), st.integers(1, 800), st.integers(1, 800))
def test_a_clipped_box_lies_inside_and_clipping_again_changes_nothing(box, width, height):
    clipped = box.clipped(width=width, height=height)
    if clipped is None:
        assert box.xmax <= 0 or box.ymax <= 0 or box.xmin >= width or box.ymin >= height
    else:
        assert 0 <= clipped.xmin < clipped.xmax <= width
        assert 0 <= clipped.ymin < clipped.ymax <= height
        assert clipped.clipped(width=width, height=height) == clipped


@given(boxes(), st.integers(1, 8))
def test_an_orientation_keeps_the_area_of_a_box(box, orientation):
    moved = BoundingBox(*oriented(box.corners, orientation, width=640, height=480))
    assert moved.area == box.area


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_moves_with_the_pixels_as_pillow_turns_them(orientation):
    from PIL import Image, ImageOps

    pixels = np.zeros((30, 50), np.uint8)
    pixels[4:10, 7:31] = 255
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    rows, columns = np.nonzero(upright)
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert oriented((7, 4, 31, 10), orientation, width=50, height=30) == seen


@given(boxes())
def test_normalized_corners_lead_back_to_the_box(box):
    ymin, xmin, ymax, xmax = box.normalized_yxyx(width=640, height=480)
    back = (xmin * 640, ymin * 480, xmax * 640, ymax * 480)
    assert back == pytest.approx(box.corners)
