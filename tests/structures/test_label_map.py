import pytest
from hypothesis import given
from hypothesis import strategies as st

from od.errors import LabelMapError
from od.structures.label_map import LabelMap

names = st.sets(st.text(min_size=1), min_size=1)


@given(names)
def test_ids_start_at_one_in_sorted_order_and_lead_back_to_the_names(classes):
    label_map = LabelMap.from_names(classes)
    assert label_map.names == tuple(sorted(classes))
    assert [label_map.id_of(name) for name in label_map.names] == list(range(1, len(classes) + 1))
    assert all(label_map.name_of(label_map.id_of(name)) == name for name in classes)


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([(0, "cat")], "ids start at 1"),
        ([(1, "cat"), (1, "dog")], "id 1 occurs twice"),
        ([(1, "cat"), (2, "cat")], "'cat' occurs twice"),
        ([(1, "")], "has no name"),
    ],
)
def test_refuses_ids_and_names_that_are_not_one_to_one(items, sentence):
    with pytest.raises(LabelMapError, match=sentence):
        LabelMap(tuple(items))


def test_gaps_between_ids_are_kept():
    label_map = LabelMap(((90, "toothbrush"), (1, "person")))
    assert label_map.max_id == 90
    assert label_map.names == ("person", "toothbrush")


def test_an_unknown_name_is_told_with_those_that_are_known():
    with pytest.raises(LabelMapError, match="no class 'cow'; it has cat, dog") as error:
        LabelMap.from_names(["dog", "cat"]).id_of("cow")
    assert error.value.hint
