from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from od.errors import OdError
from od.splits import classes_missing, split_sizes, stratified_split

one_class = st.sampled_from("abcdef").map(lambda name: frozenset({name}))
some_classes = st.frozensets(st.sampled_from("abcdef"), max_size=3)


def _split(classes, *, val=0.2, test=0.0, seed=0, names=None):
    names = names or [f"{i}.jpg" for i in range(len(classes))]
    return stratified_split(names, classes, fractions={"val": val, "test": test}, seed=seed)


@given(st.lists(one_class, min_size=2, max_size=60), st.integers(0, 5))
def test_each_class_with_two_images_is_in_train_and_val(classes, seed):
    totals = Counter(name for names in classes for name in names)
    if max(totals.values()) < 2:
        return
    parts = _split(classes, seed=seed)
    for name, count in totals.items():
        there = {part for part, names in zip(parts, classes, strict=True) if name in names}
        assert there == ({"train", "val"} if count > 1 else {"train"})


@given(st.lists(one_class, min_size=10, max_size=60))
def test_each_class_with_three_images_is_in_all_three_parts(classes):
    totals = Counter(name for names in classes for name in names)
    parts = _split(classes, test=0.2)
    assert set(parts) == {"train", "val", "test"}
    for name, count in totals.items():
        there = {part for part, names in zip(parts, classes, strict=True) if name in names}
        if max(totals.values()) > 2:  # else test takes an image that another part could use
            assert len(there) >= min(count, 3)


def _possible(classes) -> bool:
    """Whether any split at all has every class with two images on both sides."""
    totals = Counter(name for names in classes for name in names)
    for choice in product("tv", repeat=len(classes)):
        if (
            all(
                {side for side, names in zip(choice, classes, strict=True) if name in names}
                == ({"t", "v"} if count > 1 else {"t"})
                for name, count in totals.items()
            )
            and len(set(choice)) == 2
        ):
            return True
    return False


@settings(max_examples=150)
@given(st.lists(some_classes, min_size=3, max_size=9), st.integers(0, 3))
def test_with_several_classes_in_an_image_a_split_is_found_where_there_is_one(classes, seed):
    if not _possible(classes):
        return
    parts = _split(classes, seed=seed)
    for name, count in Counter(name for names in classes for name in names).items():
        there = {part for part, names in zip(parts, classes, strict=True) if name in names}
        assert there == ({"train", "val"} if count > 1 else {"train"})


@given(st.lists(some_classes, min_size=3, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(classes, chance):
    names = [f"{i}.jpg" for i in range(len(classes))]
    order = list(range(len(classes)))
    chance.shuffle(order)
    straight = dict(zip(names, _split(classes, names=names), strict=True))
    mixed = [names[i] for i in order]
    assert dict(zip(mixed, _split([classes[i] for i in order], names=mixed), strict=True)) == (
        straight
    )


def test_the_seed_decides():
    classes = [frozenset({"a"})] * 50
    assert _split(classes, seed=1) == _split(classes, seed=1) != _split(classes, seed=2)


def test_classes_are_spread_as_the_fractions_say():
    classes = [frozenset({"common"})] * 800 + [frozenset({"rare", "common"})] * 200
    parts = _split(classes, val=0.2, test=0.1)
    assert Counter(parts) == {"train": 700, "val": 200, "test": 100}
    rare = Counter(part for part, names in zip(parts, classes, strict=True) if "rare" in names)
    assert rare == {"train": 140, "val": 40, "test": 20}


def test_many_classes_with_two_images_make_val_larger_than_its_fraction():
    classes = [frozenset({str(i // 2)}) for i in range(20)]
    assert Counter(_split(classes, val=0.2)) == {"train": 10, "val": 10}


def test_ten_thousand_images_are_split_in_seconds():
    import time

    classes = [frozenset({f"c{i % 80}", f"c{i * 7 % 80}"}) for i in range(10_000)]
    start = time.process_time()
    _split(classes)
    assert time.process_time() - start < 5


def test_what_cannot_be_told_apart_ends_all_the_same():
    # Three classes of two images each, pairwise sharing them: no split serves all three.
    classes = [frozenset("ab"), frozenset("bc"), frozenset("ca")]
    parts = _split(classes, val=0.34)
    assert set(parts) == {"train", "val"}
    assert classes_missing(parts, classes)


@pytest.mark.parametrize(
    ("count", "val", "test"), [(1, 0.2, 0), (2, 0.2, 0.2), (3, 0.9, 0.2), (0, 0.2, 0)]
)
def test_a_split_that_would_be_empty_is_refused(count, val, test):
    with pytest.raises(OdError, match="train would be empty") as error:
        split_sizes(count, {"val": val, "test": test})
    assert error.value.hint
