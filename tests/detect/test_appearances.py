import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from od.detect.appearances import Appearances
from od.structures.detections import Detections


def picture(*found):
    """Detections of ``(class id, score)``."""
    found = sorted(found, key=lambda item: -item[1])
    return Detections(
        np.zeros((len(found), 4), np.float32),
        np.array([score for _, score in found], np.float32),
        np.array([class_id for class_id, _ in found], np.int32),
    )


def told(pictures, rate=10.0):
    appearances = Appearances(0.5)
    return [
        (number, *what)
        for number, found in enumerate(pictures)
        for what in appearances.look(found, number / rate)
    ]


def test_a_thing_is_told_once_while_it_stays():
    assert told([picture((1, 0.9))] * 50) == [(2, 1, 1)]


def test_a_flicker_is_not_told_and_does_not_end_an_appearance():
    flicker = [picture((1, 0.9)) if i % 9 == 0 else picture() for i in range(60)]
    weak = [picture((1, 0.9 if i % 4 else 0.35)) for i in range(60)]

    assert told(flicker) == []
    assert told(weak) == [(3, 1, 1)]


def test_what_comes_back_after_a_while_is_told_again():
    pictures = [picture((1, 0.9))] * 10 + [picture()] * 25 + [picture((1, 0.9))] * 10

    assert told(pictures) == [(2, 1, 1), (37, 1, 1)]


def test_what_is_hidden_for_a_moment_is_not():
    pictures = [picture((1, 0.9))] * 10 + [picture()] * 15 + [picture((1, 0.9))] * 10

    assert told(pictures) == [(2, 1, 1)]


def test_another_one_of_a_class_and_other_classes_are_told():
    one, two = picture((1, 0.9)), picture((1, 0.9), (1, 0.8), (2, 0.7))

    assert told([one] * 5 + [two] * 5) == [(2, 1, 1), (7, 1, 1), (7, 2, 1)]


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 1)), max_size=4), max_size=80))
def test_no_more_is_told_than_is_there(pictures):
    """Each class's count rises by at most what three pictures on end hold."""
    shown = [picture(*found) for found in pictures]
    for number, class_id, count in told(shown):
        for before in shown[max(0, number - 2) : number + 1]:
            assert (before.above(0.5).class_ids == class_id).sum() >= count
