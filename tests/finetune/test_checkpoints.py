"""Saving: a checkpoint is whole or not there, and the one before it survives whatever happens."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from od.errors import CheckpointError, OutputError
from od.finetune.checkpoints import KEEP, resume_checkpoint, save_checkpoint
from od.odapi.checkpoint import newest_checkpoint


def _tracked(value: float, size: int = 1000):
    import tensorflow as tf

    return tf.train.Checkpoint(weights=tf.Variable(tf.fill((size,), value)))


def _saved_value(folder: Path) -> float:
    tracked = _tracked(-1.0)
    assert resume_checkpoint(tracked, folder) is not None
    return float(tracked.weights[0])


def test_the_newest_three_stay_and_tensorflow_finds_the_newest(tmp_path):
    import tensorflow as tf

    for step in (1, 2, 10, 20, 30):
        save_checkpoint(_tracked(step), tmp_path, step)
    kept = sorted(path.stem for path in tmp_path.glob("*.index"))
    assert kept == ["ckpt-10", "ckpt-20", "ckpt-30"]
    assert len(kept) == KEEP
    assert newest_checkpoint(tmp_path) == tmp_path / "ckpt-30"
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-30")
    assert {p.name.split(".")[0] for p in tmp_path.iterdir()} == {"checkpoint", *kept}


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_when_any_flush_or_rename_fails_the_old_checkpoint_stands_and_the_next_save_works(
    code, tmp_path, monkeypatch
):
    save_checkpoint(_tracked(1.0), tmp_path, 1)
    calls = {"left": 0, "made": 0}

    def failing(real):
        def call(*args, **kwargs):
            calls["made"] += 1
            if calls["made"] == calls["left"]:
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        return call

    for name in ("fsync", "rename", "replace", "mkdir"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    save_checkpoint(_tracked(2.0), tmp_path, 2)
    needed = calls["made"]
    assert needed >= 6
    hints = []
    for left in range(1, needed + 1):
        calls.update(left=left, made=0)
        try:
            save_checkpoint(_tracked(2.0), tmp_path, 2)
        except OutputError as error:
            hints.append(error.hint)
        assert _saved_value(tmp_path) == 2.0
    # Making a folder that is there already, twice, are the calls whose failure changes nothing.
    assert len(hints) == needed - 2
    assert all(hints)
    calls.update(left=0)
    save_checkpoint(_tracked(3.0), tmp_path, 3)
    assert _saved_value(tmp_path) == 3.0
    assert not list(tmp_path.glob(".*"))


def test_a_disk_that_takes_no_more_bytes_ends_in_a_clear_error_and_loses_nothing(tmp_path):
    save_checkpoint(_tracked(1.0), tmp_path, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="ckpt-2: cannot be written") as error:
            save_checkpoint(_tracked(2.0, size=1_000_000), tmp_path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.hint
    assert newest_checkpoint(tmp_path) == tmp_path / "ckpt-1"
    assert _saved_value(tmp_path) == 1.0
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("torn", [".index", ".data-00000-of-00001"])
def test_a_checkpoint_that_lacks_a_part_is_passed_over(torn, tmp_path):
    save_checkpoint(_tracked(1.0), tmp_path, 1)
    save_checkpoint(_tracked(2.0), tmp_path, 2)
    (tmp_path / f"ckpt-2{torn}").unlink()
    assert newest_checkpoint(tmp_path) == tmp_path / "ckpt-1"


def test_a_broken_checkpoint_is_named_with_the_way_back(tmp_path):
    save_checkpoint(_tracked(1.0), tmp_path, 1)
    (tmp_path / "ckpt-1.index").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="ckpt-1: cannot be restored") as error:
        resume_checkpoint(_tracked(0.0), tmp_path)
    assert "remove ckpt-1.*" in str(error.value.hint)


_SAVER = """
import sys
from pathlib import Path
import tensorflow as tf
from od.finetune.checkpoints import save_checkpoint
from od.odapi.checkpoint import newest_checkpoint
folder = Path(sys.argv[1])
last = newest_checkpoint(folder)
step = int(last.name[5:]) if last else 0
print("ready", flush=True)
while True:
    step += 1
    tracked = tf.train.Checkpoint(weights=tf.Variable(tf.fill((200_000,), float(step))))
    save_checkpoint(tracked, folder, step)
    print(step, flush=True)
"""


def _kill_while_saving(folder: Path, moment: float) -> int:
    """Save in a process of its own until it is killed; returns the last step it reported."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SAVER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    reported = process.stdout.read().split()
    process.wait()
    return int(reported[-1]) if reported else 0


def _survives_kills(folder: Path, kills: int) -> None:
    chance = random.Random(kills)
    for _ in range(kills):
        reported = _kill_while_saving(folder, chance.uniform(0.01, 0.4))
        newest = newest_checkpoint(folder)
        if newest is None:
            assert reported == 0
            continue
        step = int(newest.name.removeprefix("ckpt-"))
        assert step >= reported
        tracked = _tracked(0.0, size=200_000)
        resume_checkpoint(tracked, folder)
        assert set(tracked.weights.numpy()) == {float(step)}


def test_a_killed_save_leaves_a_whole_checkpoint(tmp_path):
    _survives_kills(tmp_path, 3)


@pytest.mark.long
def test_a_hundred_killed_saves_leave_whole_checkpoints(tmp_path):
    _survives_kills(tmp_path, 100)
