"""Whatever fails in od prepare: old output or none, inputs untouched, next run the same bytes."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import tree_hash
from od import outputs
from od.errors import OdError, OutputError
from od.prepare import PrepareOptions, prepare_dataset

NEW, OLD = PrepareOptions(shards=2), PrepareOptions(seed=1)


class _CountedFile:
    """A file opened for writing whose writes and close are counted."""

    def __init__(self, file: Any, count: Callable[[str], None]) -> None:
        self._file, self._count = file, count

    def write(self, data: Any) -> int:
        self._count("write")
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        self._count("close")

    def __enter__(self) -> _CountedFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Faults:
    """Counts every write, close, flush, rename and new folder; one of them fails."""

    def __init__(self, fail_at: int = -1, code: int = errno.EIO) -> None:
        self.done: list[str] = []
        self._fail_at, self._code = fail_at, code

    def count(self, operation: str) -> None:
        self.done.append(operation)
        if len(self.done) - 1 == self._fail_at:
            raise OSError(self._code, os.strerror(self._code))

    def _counted(self, operation: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.count(operation)
            return function(*args, **kwargs)

        return call

    def _exchange(self, function: Callable[..., bool]) -> Callable[..., bool]:
        def call(*args: Any) -> bool:
            try:
                self.count("exchange")
            except OSError:
                return False  # how the real one reports a failure
            return function(*args)

        return call

    @contextmanager
    def injected(self) -> Iterator[None]:
        real_open = Path.open

        def open_counted(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if "w" not in mode:
                return real_open(path, mode, *args, **kwargs)
            self.count("open")
            return _CountedFile(real_open(path, mode, *args, **kwargs), self.count)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "open", open_counted)
            for name in ("rename", "replace", "mkdir"):
                patch.setattr(os, name, self._counted(name, getattr(os, name)))
            patch.setattr(os, "fsync", lambda fd: self.count("fsync"))
            patch.setattr(outputs, "_exchange", self._exchange(outputs._exchange))
            yield


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("old", "exchange"),
    [(False, True), (True, True), (True, False)],
    ids=["no old records", "old records", "old records, no exchange in the system"],
)
def test_every_write_flush_and_rename_may_fail(voc_folder, monkeypatch, old, exchange):
    if not exchange:
        monkeypatch.setattr(outputs, "_exchange", lambda new, old: False)
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # a thousand real ones take a minute
    output = voc_folder.parent / "records"
    prepare_dataset(voc_folder, output, options=NEW)
    new_hash, inputs = tree_hash(output), tree_hash(voc_folder)

    def start_over() -> str | None:
        shutil.rmtree(output, ignore_errors=True)
        if old:
            prepare_dataset(voc_folder, output, options=OLD)
            return tree_hash(output)
        return None

    start_over()
    counting = Faults()
    with counting.injected():
        prepare_dataset(voc_folder, output, options=NEW)
    assert {"open", "write", "close", "fsync", "mkdir"} <= set(counting.done)
    for fail_at, operation in enumerate(counting.done):
        old_hash = start_over()
        code = (errno.EIO, errno.ENOSPC)[fail_at % 2]
        error: OutputError | None = None
        with Faults(fail_at, code).injected():
            try:
                prepare_dataset(voc_folder, output, options=NEW)
            except OutputError as raised:
                error = raised
        if error is None:
            # An exchange has another way, and a folder that exists need not be made.
            assert operation in ("exchange", "mkdir")
        else:
            assert str(error).startswith(f"{output}: cannot be written")
            assert error.hint
        if output.exists():
            assert tree_hash(output) == (old_hash if error else new_hash)
        else:
            assert old_hash is None
        assert tree_hash(voc_folder) == inputs
        assert set(_names(voc_folder.parent)) <= {"photos", "records"}
    prepare_dataset(voc_folder, output, options=NEW)
    assert tree_hash(output) == new_hash


def test_a_full_disk_while_the_report_of_problems_is_written_keeps_the_problems(
    voc_folder, monkeypatch
):
    for i in range(3):
        (voc_folder / f"img_{i:02d}.jpg").write_bytes(b"x")
    output = voc_folder.parent / "records"
    real_open = Path.open

    def open_or_fail(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "report" in path.name and "w" in mode:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_or_fail)
    with pytest.raises(OdError, match="3 problems") as error:
        prepare_dataset(voc_folder, output)
    assert "could not be written" in str(error.value)
    assert "img_02.jpg: is no image" in str(error.value)
    assert _names(voc_folder.parent) == ["photos"]


def _command(source: Path, output: Path) -> list[str]:
    return [sys.executable, "-m", "od", "prepare", str(source), "--output", str(output),
            "--workers", "2"]  # fmt: skip


def _worker_pids(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"workers {pids} outlive the killed command"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def larger_folder(write_voc, tmp_path) -> Path:
    for i in range(60):
        write_voc(f"img_{i:02d}", [("cat" if i % 2 else "dog", (5, 5, 90, 80))], size=(320, 240))
    return tmp_path / "photos"


def _kill_at_random(folder: Path, times: int) -> None:
    output = folder.parent / "records"
    start = time.monotonic()
    subprocess.run(_command(folder, output), check=True, capture_output=True)
    lasts = time.monotonic() - start
    new_hash, inputs = tree_hash(output), tree_hash(folder)
    chance = random.Random(0)
    killed = 0
    for i in range(times):
        shutil.rmtree(output, ignore_errors=True)
        old_hash = None
        if i % 2:
            prepare_dataset(folder, output, options=OLD)
            old_hash = tree_hash(output)
        process = subprocess.Popen(
            _command(folder, output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.3, 1.0) * lasts)
        workers = _worker_pids(process.pid)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        _wait_until_gone(workers)
        if output.exists():
            assert tree_hash(output) in (old_hash, new_hash)
        else:
            assert old_hash is None
        assert tree_hash(folder) == inputs
        subprocess.run(_command(folder, output), check=True, capture_output=True)
        assert tree_hash(output) == new_hash
        assert _names(folder.parent) == ["photos", "records"]
    assert killed


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_a_killed_command_leaves_old_records_or_none_and_no_process(larger_folder):
    _kill_at_random(larger_folder, 3)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_two_hundred_killed_commands_leave_old_records_or_none(larger_folder):
    _kill_at_random(larger_folder, 200)


def test_ctrl_c_ends_cleanly_with_nothing_half_written(larger_folder):
    output = larger_folder.parent / "records"
    process = subprocess.Popen(
        _command(larger_folder, output),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while process.poll() is None and not list(larger_folder.parent.glob(".records*")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=30)
    assert "Traceback" not in text
    if process.returncode != 0:  # 0: it was faster than the signal
        assert process.returncode == 1
        assert "Aborted!" in text
        assert _names(larger_folder.parent) == ["photos"]
