from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from od.checks import ImageFrame, check_annotations
from od.structures.dataset import AnnotatedImage, Annotation

FRAME = ImageFrame(640, 480)
numbers = st.floats(-2000, 2000, allow_nan=False)


def _image(*objects, stated=None, name="a.jpg"):
    annotations = tuple(Annotation(class_name, corners) for class_name, corners in objects)
    return AnnotatedImage(Path("a.jpg"), annotations, Path("a.xml"), name, stated)


def _check(*objects, frame=FRAME, **fields):
    kept, findings = check_annotations(_image(*objects, **fields), frame, file="a.xml")
    return [a.corners for a in kept], [(f.object, f.what) for f in findings]


@pytest.mark.parametrize(
    ("box", "kept", "what"),
    [
        pytest.param((10, 20, 30, 40), (10, 20, 30, 40), [], id="right"),
        pytest.param((0, 0, 640, 480), (0, 0, 640, 480), [], id="the whole image"),
        pytest.param((-5, 20, 700, 60), (0, 20, 640, 60), ["box clipped"], id="sticks out"),
        pytest.param((30, 40, 10, 20), (10, 20, 30, 40), ["corners swapped"], id="swapped"),
        pytest.param(
            (700, 10, 630, -9),
            (630, 0, 640, 10),
            ["corners swapped", "box clipped"],
            id="swapped and out",
        ),
        pytest.param((640, 10, 700, 20), None, ["box dropped"], id="beside the image"),
        pytest.param((10, 20, 10, 40), None, ["box dropped"], id="no width"),
        pytest.param((9, 9, 9, 9), None, ["box dropped"], id="a point"),
    ],
)
def test_a_box_is_put_right_and_told(box, kept, what):
    corners, findings = _check(("cat", box))
    assert corners == ([kept] if kept else [])
    assert findings == [("1 cat", kind) for kind in what]


@given(st.tuples(numbers, numbers, numbers, numbers), st.integers(1, 8))
def test_what_is_kept_lies_inside_the_upright_image_and_what_is_not_is_told(box, orientation):
    frame = ImageFrame(640, 480, orientation)
    corners, findings = _check(("cat", box), frame=frame)
    width, height = frame.upright
    for xmin, ymin, xmax, ymax in corners:
        assert 0 <= xmin < xmax <= width
        assert 0 <= ymin < ymax <= height
    assert bool(corners) == (("1 cat", "box dropped") not in findings)
    if corners != [box] and orientation == 1:
        assert findings


def test_spaces_around_a_class_name_are_cut_off_and_told():
    kept, findings = check_annotations(_image((" red cat\n", (1, 1, 9, 9))), FRAME, file="a.xml")
    assert kept[0].class_name == "red cat"
    assert [finding.what for finding in findings] == ["name trimmed"]


def test_objects_are_counted_from_one_as_in_the_file():
    _, findings = _check(("cat", (1, 1, 9, 9)), ("dog", (5, 5, 5, 5)))
    assert findings == [("2 dog", "box dropped")]


@pytest.mark.parametrize("stated", [None, (640, 480)])
def test_the_right_size_or_none_is_no_finding(stated):
    assert _check(stated=stated) == ([], [])


def test_another_stated_size_is_told_and_the_real_one_counts():
    corners, findings = _check(("cat", (600, 400, 700, 500)), stated=(1280, 960))
    assert corners == [(600, 400, 640, 480)]
    assert findings == [("", "stated size ignored"), ("1 cat", "box clipped")]


def test_another_stated_name_is_told():
    assert _check(name="other.jpg")[1] == [("", "stated name ignored")]
    assert _check(name="images\\A.JPG")[1] == []


def test_boxes_of_a_turned_image_turn_with_it_unless_they_are_upright_already():
    frame = ImageFrame(640, 480, orientation=6)
    box = ("cat", (0, 0, 64, 48))
    assert _check(box, frame=frame, stated=(640, 480)) == ([(432, 0, 480, 64)], [])
    assert _check(box, frame=frame, stated=None) == ([(432, 0, 480, 64)], [])
    assert _check(box, frame=frame, stated=(480, 640)) == ([(0, 0, 64, 48)], [])
    square = ImageFrame(480, 480, orientation=6)
    assert _check(box, frame=square, stated=(480, 480)) == ([(432, 0, 480, 64)], [])
