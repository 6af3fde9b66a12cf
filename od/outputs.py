"""Outputs that appear whole or not at all, and the ``od.json`` that tells how they were made.

A file or folder is written under a temporary name beside its target, flushed to the
disk and renamed.  A folder that stands already is exchanged in one system call where
the system has one (Linux's ``renameat2``), so there is no moment without either.
What a killed command left under a temporary name is removed by the next one.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from od.errors import OutputError

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h, since Linux 3.15
_VERSIONED = (
    "od-finetune",
    "tensorflow",
    "tf-keras",
    "tf-models-research-object-detection",
    "openvino",
)


def _temporary_mark(target: Path) -> str:
    return f".{target.name}.od-tmp-"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _remove_leftovers(target: Path) -> None:
    """Remove what commands that no longer run left beside ``target``."""
    mark = _temporary_mark(target)
    for entry in target.parent.iterdir():
        pid = entry.name.removeprefix(mark).split("-")[0]
        if entry.name.startswith(mark) and pid.isdigit() and not _is_alive(int(pid)):
            _remove(entry)


def _temporary_for(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    return target.with_name(f"{_temporary_mark(target)}{os.getpid()}-{os.urandom(4).hex()}")


def sync(path: Path) -> None:
    """Flush a file or a folder's list of names to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_tree(folder: Path) -> None:
    for directory, _, files in os.walk(folder):
        for name in files:
            sync(Path(directory, name))
        sync(Path(directory))


def output_error(path: Path, error: OSError) -> OutputError:
    """Turn an OSError of writing ``path`` into a sentence with a way out."""
    hint = {
        errno.ENOSPC: "free some space on that disk and run the command again",
        errno.EDQUOT: "your quota on that disk is used up: free some space and run it again",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "that disk is read-only: choose another folder",
        errno.EIO: "the disk reports an error: choose another one",
    }.get(error.errno or 0, "nothing was changed; mend the cause and run the command again")
    return OutputError(f"{path}: cannot be written: {error.strerror or error}", hint=hint)


def _exchange(new: Path, old: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    args = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE)
    return bool(renameat2(*args) == 0)


def _publish_folder(temporary: Path, target: Path) -> None:
    """Give ``temporary`` the name ``target``, or leave everything as it was and raise."""
    if not target.exists():
        os.rename(temporary, target)
        _sync_or_undo(target, lambda: os.rename(target, temporary))
        return
    if _exchange(temporary, target):
        _sync_or_undo(target, lambda: _exchange(temporary, target))
        _remove(temporary)  # it holds the old content now
        return
    aside = _temporary_for(target)
    os.rename(target, aside)
    try:
        os.rename(temporary, target)
        _sync_or_undo(target, lambda: os.rename(target, temporary))
    except OSError:
        os.rename(aside, target)
        raise
    _remove(aside)


def _sync_or_undo(target: Path, undo: Callable[[], object]) -> None:
    try:
        sync(target.parent)
    except OSError:
        undo()
        raise


def _real(target: Path) -> Path:
    """Follow links, so that a link to a folder on another disk stays a link."""
    return Path(os.path.realpath(target))


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a new empty folder that becomes ``target`` when the block ends without an error.

    An existing ``target`` stays untouched until then and is replaced as a whole.

    Raises:
        OutputError: Writing, flushing or renaming failed; ``target`` is as it was.
    """
    temporary: Path | None = None
    real = _real(target)
    try:
        temporary = _temporary_for(real)
        temporary.mkdir()
        yield temporary
        _sync_tree(temporary)
        _publish_folder(temporary, real)
    except BrokenPipeError:
        raise  # the reader of our messages has gone; the disk is fine
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        if temporary is not None and temporary.exists():
            _remove(temporary)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a temporary path that becomes ``target`` when the block ends without an error.

    Raises:
        OutputError: Writing, flushing or renaming failed; ``target`` is as it was, or, when
            only the very last flush failed, whole and new.
    """
    temporary: Path | None = None
    real = _real(target)
    try:
        temporary = _temporary_for(real)
        yield temporary
        sync(temporary)
        os.replace(temporary, real)
        sync(real.parent)
    except BrokenPipeError:
        raise  # the reader of our messages has gone; the disk is fine
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        if temporary is not None and temporary.exists():
            _remove(temporary)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python, od and the packages that shape its outputs."""
    from importlib import metadata  # 30 ms, which only this function needs

    found = {"python": sys.version.split()[0]}
    for package in _VERSIONED:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def write_od_json(folder: Path, kind: str, fields: Mapping[str, Any]) -> None:
    """Write ``od.json``: what this folder is, made by which command and versions.

    Args:
        folder: The (temporary) output folder.
        kind: "records", "run" or "export".
        fields: What else is known: inputs and their hashes, counts, InputSpec.
    """
    content = {"kind": kind, "command": ["od", *sys.argv[1:]], "versions": versions(), **fields}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    with (folder / "od.json").open("w", encoding="utf-8") as file:
        file.write(text)


def read_od_json(folder: Path) -> dict[str, Any]:
    """Read what ``write_od_json`` wrote.

    Raises:
        OutputError: There is none, or it is not JSON.
    """
    path = folder / "od.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(
            f"{folder}: holds no od.json", hint="give a folder that a command of od made"
        ) from error
    except ValueError as error:
        raise OutputError(f"{path}: is not JSON: {error}", hint="make the folder again") from error
    if not isinstance(content, dict):
        raise OutputError(f"{path}: holds no JSON object", hint="make the folder again")
    return content


def refuse_foreign(target: Path, kind: str) -> None:
    """Refuse to replace a folder that is not an earlier output of the same kind.

    Args:
        target: A folder that ``whole_folder`` is about to replace; may be absent or empty.
        kind: What its ``od.json`` has to say.

    Raises:
        OutputError: Something else stands there.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    found = None
    if target.is_dir():
        with suppress(OutputError):
            found = read_od_json(target).get("kind")
    if found != kind:
        what = f"od.json says kind '{found}'" if found else "it holds other things"
        raise OutputError(
            f"{target}: refusing to replace it, {what}, expected an earlier output ('{kind}')",
            hint="choose another --output, or remove it by hand",
        )
