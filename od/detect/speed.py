"""How quick a detector is: latency and images a second, with requests in flight."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.detect.devices import Device

_WARM_UP = 3  # images of each request that are not counted


@dataclass(frozen=True)
class Timed:
    """Something that finds objects, in parts that can be in flight.

    Args:
        devices: They work side by side.
        prepare: An upright RGB image -> what a device takes.
        finish: What a device gave, and the image -> detections.
        close: Lets go of all of it.
    """

    devices: Sequence[Device]
    prepare: Callable[[NDArray[np.uint8]], Any]
    finish: Callable[[Any, NDArray[np.uint8]], Any]
    close: Callable[[], None]


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Args:
        images: How many were worked on in that time.
        images_per_second: Of all devices together.
        latency, slow_latency: Milliseconds from an image to its detections: the median, and
            what nine of ten stay below.
        processor: Milliseconds of processor time for an image, of all cores together; other
            programs on this machine change it little. Work in other processes is not in it.
    """

    images: int
    images_per_second: float
    latency: float
    slow_latency: float
    processor: float


def measure_speed(timed: Timed, images: Sequence[NDArray[np.uint8]], *, seconds: float) -> Speed:
    """Keep every request in flight for a while; count what comes back.

    Preparing an image and reading the result are part of the time, reading its file is not.

    Args:
        timed: Its devices are warmed up first.
        images: Upright RGB, taken in turn.
        seconds: How long to measure, at least; every device does at least one image.

    Raises:
        DeviceGoneError: A device went.
    """
    lanes = [_Lane(timed, device, images) for device in timed.devices]
    start = threading.Barrier(len(lanes) + 1)
    threads = [
        threading.Thread(target=lane.run, args=(start, seconds), daemon=True) for lane in lanes
    ]
    for thread in threads:
        thread.start()
    start.wait()  # all are warm
    for thread in threads:
        thread.join()
    for lane in lanes:
        if lane.error is not None:
            raise lane.error
    took, used = (
        max(lane.end[clock] for lane in lanes) - min(lane.begin[clock] for lane in lanes)
        for clock in (0, 1)
    )
    latencies = sorted(itertools.chain.from_iterable(lane.latencies for lane in lanes))
    slow = latencies[min(len(latencies) - 1, int(0.9 * len(latencies)))]
    return Speed(
        images=len(latencies),
        images_per_second=len(latencies) / took,
        latency=1000 * statistics.median(latencies),
        slow_latency=1000 * slow,
        processor=1000 * used / len(latencies),
    )


class _Lane:
    """One device at work, in a thread of its own."""

    def __init__(self, timed: Timed, device: Device, images: Sequence[NDArray[np.uint8]]) -> None:
        self._timed, self._device = timed, device
        self._images = itertools.cycle(images)
        self._begun: dict[int, tuple[float, NDArray[np.uint8]]] = {}
        self.latencies: list[float] = []
        self.begin = self.end = _clocks()
        self.error: BaseException | None = None

    def run(self, start: threading.Barrier, seconds: float) -> None:
        """Warm up, wait for the others, work."""
        try:
            try:
                for request in range(self._device.requests):
                    self._submit(request)
                for _ in range(_WARM_UP * self._device.requests):
                    self._submit(self._next())
            finally:
                start.wait()
            # Work in flight at the beginning counts, work in flight at the end does not.
            self.latencies.clear()
            self.begin = _clocks()
            until = self.begin[0] + seconds
            while not self.latencies or time.perf_counter() < until:
                self._submit(self._next())
            self.end = _clocks()
            while self._begun:
                del self._begun[self._device.wait()[0]]
        except BaseException as error:
            self.error = error

    def _submit(self, request: int) -> None:
        image = next(self._images)
        begun = time.perf_counter()
        self._device.start(request, self._timed.prepare(image))
        self._begun[request] = (begun, image)

    def _next(self) -> int:
        request, result = self._device.wait()
        begun, image = self._begun.pop(request)
        self._timed.finish(result, image)
        self.latencies.append(time.perf_counter() - begun)
        return request


def _clocks() -> tuple[float, float]:
    """Return the time, and this process's processor time, in seconds."""
    return time.perf_counter(), time.process_time()
