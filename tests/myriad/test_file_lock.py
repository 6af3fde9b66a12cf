"""A lock that its holder's death ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import od
from od.myriad.file_lock import file_lock

_HOLD = """
import sys, time
from pathlib import Path
from od.myriad.file_lock import file_lock
with file_lock(Path(sys.argv[1]), waiting=lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_dead_holder_does_not_block(tmp_path):
    path = tmp_path / "cache" / "lock"
    environment = {**os.environ, "PYTHONPATH": str(Path(od.__file__).parent.parent)}
    command = [sys.executable, "-c", _HOLD, str(path)]
    holder = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []

    def waiting() -> None:
        told.append("waits")
        holder.kill()

    with file_lock(path, waiting=waiting):
        assert holder.wait() < 0
    holder.stdout.close()
    assert told == ["waits"]


def test_a_free_lock_is_not_waited_for(tmp_path):
    for _ in range(2):
        with file_lock(tmp_path / "lock", waiting=lambda: 1 / 0):
            pass
