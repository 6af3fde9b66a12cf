import pytest

from od.annotations.pascal_voc import read_pascal_voc
from od.annotations.voc_splits import count_voc_splits, voc_parts
from od.errors import AnnotationError


@pytest.fixture
def voc_set(write_voc, tmp_path):
    """A set in VOC's own layout; returns a function that writes the lists and reads parts."""
    root = tmp_path / "photos"
    for name in ("a", "b", "c d", "e"):
        write_voc(name, labels="Annotations", images="JPEGImages")

    def parts(**lists: str) -> list:
        folder = root / "ImageSets" / "Main"
        folder.mkdir(parents=True)
        for part, text in lists.items():
            (folder / f"{part}.txt").write_text(text)
        return voc_parts(root, read_pascal_voc(root))

    return parts


def test_the_lists_give_the_parts_and_what_none_names_is_left_out(voc_set, tmp_path):
    assert voc_set(train="a\n", val="b\nc d\n", trainval="a\nb\nc d\n") == [
        "train",
        "val",
        "val",
        None,
    ]
    assert count_voc_splits(tmp_path / "photos") == {"train": 1, "val": 2}


def test_lists_of_one_class_with_a_mark_behind_each_name_are_read(voc_set):
    assert voc_set(train="a  1\ne -1\n", val="b  0\n", test="c d 1") == [
        "train",
        "val",
        "test",
        "train",
    ]


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ({"train": "a"}, r"has train\.txt in ImageSets/Main, expected train\.txt and val\.txt"),
        ({}, "has no list in ImageSets/Main"),
        ({"train": "a\nz", "val": "b"}, r"train\.txt: names 'z', for which there is no label"),
        ({"train": "a", "val": "a"}, r"val\.txt: names 'a', which is also in train\.txt"),
    ],
)
def test_wrong_lists_are_refused(voc_set, lists, sentence):
    with pytest.raises(AnnotationError, match=sentence) as error:
        voc_set(**lists)
    assert error.value.hint
