"""Frames and results in a file that two processes map.

A plain file, not ``multiprocessing.shared_memory``: until Python 3.13 that one's resource
tracker removes the memory when the first of two unrelated processes ends (bpo-38119).
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 64  # bytes, a cache line
_IN_MEMORY = Path("/dev/shm")


class SharedFrames:
    """Room for a uint8 frame and a float32 result for each request.

    Args:
        requests: How many.
        frame: The shape of a frame, (1, 3, H, W).
        result: The shape of a result, (1, 1, N, 7).

    Raises:
        OSError: There is no room for the file, neither in memory nor on the disk.
    """

    def __init__(self, requests: int, frame: Sequence[int], result: Sequence[int]) -> None:
        parts: list[tuple[Sequence[int], type[Any]]] = [(frame, np.uint8)]
        parts.append((result, np.float32))
        sizes = [_padded(int(np.prod(s)) * np.dtype(kind).itemsize) for s, kind in parts]
        self.path = _make_file(requests * sum(sizes))
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.frames: list[NDArray[np.uint8]] = []
        self.results: list[NDArray[np.float32]] = []
        for offset in range(0, requests * sum(sizes), sum(sizes)):
            self.frames.append(self._view(frame, np.uint8, offset))
            self.results.append(self._view(result, np.float32, offset + sizes[0]))

    def _view(self, shape: Sequence[int], kind: type[Any], offset: int) -> NDArray[Any]:
        count = int(np.prod(shape))
        return np.frombuffer(self._map, kind, count, offset).reshape(shape)

    def unlink(self) -> None:
        """Remove the name once both have the file open; nothing is left behind by a crash."""
        if os.name != "nt":
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the memory."""
        self.frames, self.results = [], []
        with suppress(BufferError):  # a caller still looks at a frame: it goes with that one
            self._map.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _make_file(size: int) -> Path:
    folders = [str(_IN_MEMORY)] if os.access(_IN_MEMORY, os.W_OK) else []
    for folder in [*folders, None]:
        fd, name = tempfile.mkstemp(prefix="od-frames-", dir=folder)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(fd, 0, size)  # writing to a hole on a full disk is a SIGBUS
            else:
                os.truncate(fd, size)
            return Path(name)
        except OSError:
            Path(name).unlink()
            if folder is None:
                raise
        finally:
            os.close(fd)
    raise AssertionError("the last folder returns or raises")
