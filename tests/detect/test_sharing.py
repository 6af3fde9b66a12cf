import random
import threading
import time

import pytest

from od.detect.devices import CallableDevice
from od.detect.sharing import share_frames
from od.errors import DeviceGoneError
from stand_in_sticks import StandInStick


def numbered(count):
    return ((f"frame {i}", i) for i in range(count))


def expected(count):
    return [(f"frame {i}", 2 * i) for i in range(count)]


def unplugged_at_random(seed, *, seconds, frames, survivors=1):
    """Four sticks of which up to three are unplugged while the frames last."""
    dice = random.Random(seed)
    lasts = seconds * frames / 16
    lives = [dice.uniform(0, 1.2 * lasts) for _ in range(4)]
    for lucky in dice.sample(range(4), survivors):
        lives[lucky] = None
    return [
        StandInStick(f"stick {i}", seconds=seconds, life=life, busy=0.05, seed=seed * 4 + i)
        for i, life in enumerate(lives)
    ]


def check_random_moments(moments, *, seconds, frames):
    gone = 0
    for seed in range(moments):
        sticks = unplugged_at_random(seed, seconds=seconds, frames=frames)
        told = []
        results = list(share_frames(sticks, numbered(frames), say=told.append))
        assert results == expected(frames), f"seed {seed}"
        gone += len(told)
    return gone


def test_no_frame_is_lost_or_comes_twice_whenever_sticks_are_unplugged():
    assert check_random_moments(100, seconds=0.001, frames=64) > 100


@pytest.mark.long
def test_no_frame_is_lost_or_comes_twice_at_the_pace_of_real_sticks():
    assert check_random_moments(100, seconds=0.08, frames=64) > 100


def test_all_sticks_share_the_work_with_four_frames_in_flight_on_each():
    sticks = [StandInStick(f"stick {i}", seconds=0.002, seed=i) for i in range(4)]
    begin = time.monotonic()
    results = list(share_frames(sticks, numbered(160)))
    took = time.monotonic() - begin

    assert results == expected(160)
    assert {stick.most_in_flight for stick in sticks} == {4}
    assert sorted(frame for stick in sticks for frame in stick.seen) == list(range(160))
    assert all(len(stick.seen) >= 10 for stick in sticks)
    assert took < 160 * 0.002  # what one stick would take with one frame at a time


def test_a_stick_that_goes_is_told_with_what_it_had():
    sticks = [StandInStick("one", life=0.01, seconds=0.004), StandInStick("two", seconds=0.004)]
    told = []

    assert list(share_frames(sticks, numbered(50), say=told.append)) == expected(50)
    (line,) = told
    assert line.startswith("one: no longer answers; the frames it had (")
    assert line.endswith(") go to the other")


def test_what_is_done_when_the_last_stick_goes_is_handed_over_in_order():
    sticks = [StandInStick(f"stick {i}", life=0.02 + 0.02 * i, seed=i) for i in range(2)]
    results = []

    with pytest.raises(DeviceGoneError, match=r"stick \d: no longer answers") as error:
        for result in share_frames(sticks, numbered(100_000)):
            results.append(result)

    assert results == expected(len(results))
    assert len(results) > 4
    assert error.value.hint


def test_one_slow_frame_does_not_make_the_others_pile_up():
    held, most, lock = 0, 0, threading.Lock()

    def frames():
        nonlocal held, most
        for i in range(300):
            with lock:
                held += 1
                most = max(most, held)
            yield i, i

    slow = CallableDevice(lambda i: time.sleep(0.05) or i, "slow")
    quick = StandInStick("quick", seconds=0.0001)
    for _ in share_frames([slow, quick], frames(), window=10):
        with lock:
            held -= 1

    assert most <= 11  # and the one that is being read


def test_the_newest_result_is_not_kept_back_until_the_window_is_full():
    """A camera's picture is shown when it is done, not when ten more have been taken."""
    given = []

    def camera():
        for i in range(30):
            given.append(i)
            yield i, i
            time.sleep(0.004)

    delays = []
    for thing, _ in share_frames([StandInStick("stick", seconds=0.001)], camera(), window=16):
        delays.append(len(given) - thing)

    assert sorted(delays)[len(delays) // 2] <= 3


def test_a_thing_without_a_frame_keeps_its_place():
    frames = [("a", 1), ("broken", None), ("b", 3)]

    results = list(share_frames([StandInStick("stick")], iter(frames)))

    assert results == [("a", 2), ("broken", None), ("b", 6)]


def test_a_busy_stick_is_asked_again():
    stick = StandInStick("stick", busy=0.6, seed=3)

    assert list(share_frames([stick], numbered(30))) == expected(30)


def test_a_stick_that_stays_busy_counts_as_gone(monkeypatch):
    monkeypatch.setattr("od.detect.sharing._BUSY_SECONDS", 0.05)
    told = []
    sticks = [StandInStick("taken", busy=1.0), StandInStick("free")]

    assert list(share_frames(sticks, numbered(2000), say=told.append)) == expected(2000)
    assert told[0].startswith("taken: is busy since")


def test_errors_of_the_work_and_of_the_source_come_out_as_they_are():
    def source():
        yield 0, 0
        raise KeyError("source")

    broken = CallableDevice(lambda frame: 1 // 0, "broken")
    with pytest.raises(ZeroDivisionError):
        list(share_frames([broken], numbered(5)))
    with pytest.raises(KeyError, match="source"):
        list(share_frames([StandInStick("stick")], source()))


def test_nothing_runs_on_when_the_results_are_no_longer_wanted():
    before = threading.active_count()
    stick = StandInStick("stick")
    results = share_frames([stick], numbered(1_000_000))
    for _ in range(5):
        next(results)
    results.close()

    assert len(stick.seen) <= 5 + 8
    assert threading.active_count() == before


def test_no_frames_are_no_results():
    assert list(share_frames([StandInStick("stick")], iter(()))) == []
