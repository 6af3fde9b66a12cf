"""A lock between processes that a dead holder never keeps: the system lets go of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL = 0.2  # seconds between two tries: nothing here is in a hurry


@contextmanager
def file_lock(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock while the block runs.

    Args:
        path: An empty file that is made if need be and stays: removing it would let two
            processes hold locks on two files of one name.
        waiting: Called once when another process holds the lock.

    Raises:
        OSError: The file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        told = False
        while not _try_to_lock(fd):
            if not told:
                waiting()
                told = True
            time.sleep(_POLL)
        yield
    finally:
        os.close(fd)  # which ends the lock as well


def _try_to_lock(fd: int) -> bool:
    if sys.platform == "win32":  # untested
        import msvcrt

        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
