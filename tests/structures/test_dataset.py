from pathlib import Path

import pytest

from od.structures.dataset import AnnotatedImage, Annotation, Dataset


def test_class_names_are_sorted_and_exact():
    names = ("zebra", "얼룩말", 'a "b" c', "zebra")
    annotations = tuple(Annotation(name, (0, 0, 1, 1)) for name in names)
    dataset = Dataset((AnnotatedImage(Path("a.jpg"), annotations, Path("a.xml"), "a.jpg"),))
    assert dataset.class_names == ('a "b" c', "zebra", "얼룩말")


def test_corners_are_kept_as_stated_and_only_a_right_box_is_a_box():
    swapped = Annotation("cat", (9, 9, 1, 1))
    assert swapped.corners == (9, 9, 1, 1)
    with pytest.raises(ValueError, match="no area"):
        _ = swapped.box
