import time

import numpy as np
import pytest

from od.detect.devices import CallableDevice
from od.detect.speed import Timed, measure_speed
from od.errors import DeviceGoneError
from stand_in_sticks import StandInStick

IMAGES = [np.full((4, 4, 3), value, np.uint8) for value in range(3)]


def timed(*devices, finish=lambda found, image: found):
    return Timed(devices, lambda image: int(image[0, 0, 0]), finish, lambda: None)


@pytest.mark.parametrize(("requests", "sticks"), [(1, 1), (4, 1), (4, 3)])
def test_a_device_s_pace_is_measured(requests, sticks):
    """A stand-in takes 20 ms on average for each of its frames, whatever else it does."""
    devices = [
        StandInStick(f"stick {i}", seconds=0.02, requests=requests, seed=i) for i in range(sticks)
    ]
    speed = measure_speed(timed(*devices), IMAGES, seconds=0.5)

    assert speed.images_per_second == pytest.approx(50 * requests * sticks, rel=0.35)
    assert 15 < speed.latency < 35
    assert speed.latency <= speed.slow_latency < 60
    assert speed.images == pytest.approx(speed.images_per_second * 0.5, rel=0.2)
    assert {stick.most_in_flight for stick in devices} == {requests}


def test_each_result_is_read_for_its_own_image():
    def finish(found, image):
        assert found == 2 * image[0, 0, 0]

    speed = measure_speed(timed(StandInStick("stick"), finish=finish), IMAGES, seconds=0.05)

    assert speed.images > 10


def test_a_device_slower_than_the_time_given_is_measured_all_the_same():
    speed = measure_speed(timed(StandInStick("slow", seconds=0.03)), IMAGES, seconds=0.001)

    assert speed.images >= 1
    assert speed.images_per_second > 0


def test_a_device_that_goes_or_fails_ends_it():
    with pytest.raises(DeviceGoneError):
        measure_speed(timed(StandInStick("stick", life=0.05)), IMAGES, seconds=5)
    with pytest.raises(ZeroDivisionError):
        measure_speed(timed(CallableDevice(lambda _: 1 // 0, "CPU")), IMAGES, seconds=5)


def test_processor_time_is_that_of_the_work_and_not_of_waiting():
    def work(_):
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    idle = measure_speed(timed(StandInStick("stick", seconds=0.03)), IMAGES, seconds=0.4)
    busy = measure_speed(timed(CallableDevice(work, "CPU")), IMAGES, seconds=0.4)

    assert idle.processor < 5
    assert busy.processor == pytest.approx(20, rel=0.3)
