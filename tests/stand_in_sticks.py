"""Sticks that are not there: slow, out of order, busy now and then, unplugged at any moment."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from od.errors import DeviceBusyError, DeviceGoneError


class StandInStick:
    """Doubles a frame after a while.

    Args:
        name: Its name.
        seconds: How long a frame takes; each takes from half to one and a half of it.
        requests: How many at once; they help one another little, as on a real stick.
        life: Seconds from the first frame until it is unplugged, None for never.
        busy: The share of submissions that it refuses for now.
        seed: Of its dice.
    """

    def __init__(
        self,
        name: str,
        *,
        seconds: float = 0.001,
        requests: int = 4,
        life: float | None = None,
        busy: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.name, self.requests = name, requests
        self.seen: list[Any] = []
        self.most_in_flight = 0
        self.closed = threading.Event()
        self._seconds, self._life, self._busy = seconds, life, busy
        self._dice = random.Random(seed)
        self._begin: float | None = None
        self._in_flight: dict[int, tuple[float, Any]] = {}

    def start(self, request: int, frame: Any) -> None:
        self._begin = self._begin or time.monotonic()
        self._check()
        if self._dice.random() < self._busy:
            raise DeviceBusyError(f"{self.name}: busy")
        assert request not in self._in_flight, "a request that is in flight"
        assert 0 <= request < self.requests
        takes = self._seconds * self._dice.uniform(0.5, 1.5)
        self._in_flight[request] = (time.monotonic() + takes, frame)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        self.seen.append(frame)

    def wait(self) -> tuple[int, Any]:
        assert self._in_flight, "nothing is in flight"
        request, (ready, frame) = min(self._in_flight.items(), key=lambda item: item[1][0])
        now, end = time.monotonic(), self._end()
        self.closed.wait(max(0.0, min(ready, end) - now))
        self._check()
        del self._in_flight[request]
        return request, frame * 2

    def close(self) -> None:
        self.closed.set()

    def _end(self) -> float:
        if self._life is None or self._begin is None:
            return float("inf")
        return self._begin + self._life

    def _check(self) -> None:
        if self.closed.is_set() or time.monotonic() >= self._end():
            self._in_flight.clear()
            raise DeviceGoneError(f"{self.name}: no longer answers", hint="plug it in again")
