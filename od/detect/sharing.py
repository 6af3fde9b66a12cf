"""Frames shared over several devices: in order again, none lost, none twice, bounded memory.

Each device has a thread that speaks to it.  It takes the oldest frame that waits, keeps all
the device's requests in flight, and gives what it had back to the others when the device goes.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from od.detect.devices import Device
from od.errors import DeviceBusyError, DeviceGoneError

T = TypeVar("T")
Say = Callable[[str], None]
_BUSY_PAUSE = 0.01  # seconds until a busy device is asked again
_BUSY_SECONDS = 60.0  # after which a busy device counts as gone


def say_nothing(_: str) -> None:
    """Say nothing."""


def share_frames(
    devices: Sequence[Device],
    frames: Iterable[tuple[T, Any]],
    *,
    window: int | None = None,
    say: Say = say_nothing,
) -> Iterator[tuple[T, Any]]:
    """Run frames on whichever device is free; yield the results in the frames' order.

    Args:
        devices: At least one; they are not closed.
        frames: Pairs of what is handed back with the result, and the frame; a frame that is
            None takes its place in the order and has the result None. Read one by one, from
            the thread that asks for results.
        window: How many frames are held at once, from their reading to their result's handing
            over; None: twice what the devices take at once.
        say: Told of each device that goes, while others are left.

    Yields:
        The pairs' first half, and the result.

    Raises:
        DeviceGoneError: The last device went; all results that stand before the first missing
            one have been yielded.
    """
    held = window or 2 * sum(device.requests for device in devices)
    desk: _Desk[T] = _Desk(len(devices), say)
    threads = [
        threading.Thread(target=_serve, args=(device, desk), name=device.name, daemon=True)
        for device in devices
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _in_order(desk, iter(frames), held)
    finally:
        desk.end()
        for thread in threads:
            thread.join(timeout=1)  # one that is stuck in a device ends with its closing


def _in_order(desk: _Desk[T], frames: Iterator[tuple[T, Any]], held: int) -> Iterator[Any]:
    kept: dict[int, T] = {}
    more = True
    for number in itertools.count():
        # What is ready goes out first, so that a live picture is not older than it has to be.
        while more and len(kept) < held and not (kept and desk.is_ready(number)):
            try:
                thing, frame = next(frames)
            except StopIteration:
                more = False
                break
            position = number + len(kept)
            kept[position] = thing
            desk.put(position, frame)
        if not kept:
            return
        result = desk.take(number)
        yield kept.pop(number), result


class _Desk(Generic[T]):
    """Where frames wait for a device and results for their turn; all threads meet here."""

    def __init__(self, devices: int, say: Say) -> None:
        self._devices = devices
        self._say = say
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, Any]] = []  # a heap by position; positions differ
        self._results: dict[int, Any] = {}
        self._failure: BaseException | None = None
        self._ended = False
        self._news: list[str] = []

    def put(self, position: int, frame: Any) -> None:
        """Let a frame wait for a device."""
        with self._changed:
            if frame is None:
                self._results[position] = None
            else:
                heapq.heappush(self._waiting, (position, frame))
            self._changed.notify_all()
        self._tell()

    def is_ready(self, position: int) -> bool:
        """Tell whether a result is there."""
        with self._changed:
            return position in self._results

    def take(self, position: int) -> Any:
        """Wait for a result and hand it over."""
        with self._changed:
            while position not in self._results and self._failure is None:
                self._changed.wait()
            there = position in self._results
            result = self._results.pop(position, None)
            failure = self._failure
        self._tell()
        if not there and failure is not None:
            raise failure
        return result

    def next_frame(self, *, wait: bool) -> tuple[int, Any] | None:
        """Take the oldest frame; None when the work has ended or, unless ``wait``, none waits."""
        with self._changed:
            while wait and not self._waiting and not self._ended:
                self._changed.wait()
            return heapq.heappop(self._waiting) if self._waiting and not self._ended else None

    def give_back(self, position: int, frame: Any) -> None:
        """Let a frame wait again, before all later ones."""
        with self._changed:
            heapq.heappush(self._waiting, (position, frame))
            self._changed.notify_all()

    def deliver(self, position: int, result: Any) -> None:
        """Put a result where it waits for its turn."""
        with self._changed:
            self._results[position] = result
            self._changed.notify_all()

    def lose(self, device: Device, error: DeviceGoneError, lost: int) -> None:
        """Count a device out; the last one's end is the end of the work."""
        with self._changed:
            self._devices -= 1
            if self._devices:
                others = "the other" if self._devices == 1 else f"the other {self._devices}"
                self._news.append(f"{error}; the frames it had ({lost}) go to {others}")
            else:
                self._fail(error)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the work with an error that is nobody's unplugging."""
        with self._changed:
            self._fail(error)
            self._changed.notify_all()

    def end(self) -> None:
        """Let the devices' threads end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._ended:
            self._failure = error

    def _tell(self) -> None:
        """Say what happened, in the thread that asked for the work."""
        with self._changed:
            news, self._news = self._news, []
        for line in news:
            self._say(line)


def _serve(device: Device, desk: _Desk[Any]) -> None:
    """Keep a device's requests in flight until the work ends or the device goes."""
    in_flight: dict[int, tuple[int, Any]] = {}
    try:
        while _fill(device, desk, in_flight):
            request, result = device.wait()
            position, _ = in_flight.pop(request)
            desk.deliver(position, result)
    except DeviceGoneError as error:
        for position, frame in in_flight.values():
            desk.give_back(position, frame)
        desk.lose(device, error, len(in_flight))
    except BaseException as error:
        desk.fail(error)


def _fill(device: Device, desk: _Desk[Any], in_flight: dict[int, tuple[int, Any]]) -> bool:
    """Start every free request for which there is a frame; False when the work has ended."""
    free = [request for request in range(device.requests) if request not in in_flight]
    since: float | None = None
    while free:
        job = desk.next_frame(wait=not in_flight)
        if job is None:
            break
        in_flight[free[-1]] = job  # before starting: it is given back if the device goes now
        try:
            device.start(free[-1], job[1])
        except DeviceBusyError as error:
            desk.give_back(*in_flight.pop(free[-1]))
            if in_flight:
                break
            since = since or time.monotonic()
            if time.monotonic() - since > _BUSY_SECONDS:
                raise DeviceGoneError(
                    f"{device.name}: is busy since {_BUSY_SECONDS:g} s: {error}", hint=error.hint
                ) from error
            time.sleep(_BUSY_PAUSE)
            continue
        free.pop()
        since = None
    return bool(in_flight)
