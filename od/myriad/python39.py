"""Finding a Python 3.9, the newest one that OpenVINO 2021.4.2 has wheels for, and running uv."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from od.errors import ExportError, MissingDependencyError

WANTED = "3.9"
_TIMEOUT = 1800.0  # seconds for one command of uv: 45 MB over a slow line take minutes
_PROBE = (
    "import platform, struct, sys; "
    "print(sys.implementation.name, '%d.%d' % sys.version_info[:2], struct.calcsize('P'))"
)
# What a user set for projects of their own and would bend this one.
_FOREIGN = ("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER")


class UvFailed(Exception):
    """uv ended with an error.

    Args:
        words: What it said on stderr.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    @property
    def reason(self) -> str:
        """What it said, in one line: what failed, and the last of the causes it names."""
        lines = [line.strip() for line in self.words.splitlines() if line.strip()]
        begin = next((i for i, line in enumerate(lines) if line.startswith(("error:", "×"))), 0)
        causes = [line for line in lines[begin + 1 :] if line.startswith(("cause:", "╰─▶"))]
        told = [line.partition(" ")[2] for line in (*lines[begin : begin + 1], *causes[-1:])]
        return ": ".join(told)[:600] or self.words.strip()[-600:] or "it says nothing"

    @property
    def offline(self) -> bool:
        """Whether it did not reach what it wanted to fetch."""
        signs = ("error sending request", "dns error", "client error", "network")
        return any(sign in self.words.lower() for sign in signs)


def uv_binary() -> str:
    """Return the path of uv.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise MissingDependencyError(
            f"uv is not installed, which makes the Myriad toolchain: {error}",
            hint="pip install uv",
        ) from error


def run_uv(arguments: list[str], *, folder: Path, pythons: Path) -> str:
    """Run uv and return what it printed on stdout.

    Args:
        arguments: Its command and options.
        folder: Where it runs: uv obeys a ``pyproject.toml`` it finds there or above.
        pythons: Where it puts a Python that it fetches.

    Raises:
        UvFailed: It ended with an error or did not end.
        MissingDependencyError: It is not installed.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN}
    environment |= {"UV_PYTHON_INSTALL_DIR": str(pythons), "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            [uv_binary(), *arguments, "--no-progress"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UvFailed(f"uv {arguments[0]} did not end within {_TIMEOUT:.0f} s") from error
    except OSError as error:
        raise UvFailed(f"uv cannot be started: {error}") from error
    if done.returncode:
        raise UvFailed(done.stderr or f"uv ended with status {done.returncode}")
    return done.stdout


def find_python(*, folder: Path, pythons: Path) -> Path | None:
    """Return a CPython 3.9 of 64 bits that starts, None where the machine has none.

    Args:
        folder, pythons: As ``run_uv`` takes them.
    """
    for candidate in _candidates(folder, pythons):
        if _answers_as_wanted(candidate):
            return candidate
    return None


def _candidates(folder: Path, pythons: Path) -> Iterator[Path]:
    arguments = ["python", "list", WANTED, "--only-installed", "--output-format", "json"]
    try:
        listed = json.loads(run_uv(arguments, folder=folder, pythons=pythons) or "[]")
    except (UvFailed, ValueError):
        listed = []  # a broken Python somewhere on the PATH makes some versions of uv give up
    for entry in listed:
        if entry.get("path"):
            yield Path(entry["path"])
    # pyenv keeps the versions that are not switched on off the PATH; uv does not look there.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser())
    for pattern in ("versions/3.9.*/bin/python3.9", "pyenv-win/versions/3.9.*/python.exe"):
        yield from sorted(pyenv.glob(pattern), reverse=True)


def _answers_as_wanted(python: Path) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and done.stdout.split() == ["cpython", WANTED, "8"]


def make_environment(folder: Path, *, pythons: Path) -> None:
    """Make an empty environment with Python 3.9 in an empty folder, fetching it if need be.

    Raises:
        ExportError: There is no Python 3.9 and none can be fetched.
    """
    python = find_python(folder=folder.parent, pythons=pythons)
    wanted = [str(python)] if python else [WANTED, "--managed-python"]
    arguments = ["venv", "--allow-existing", str(folder), "--python", *wanted]
    try:
        run_uv(arguments, folder=folder.parent, pythons=pythons)
    except UvFailed as error:
        if python:
            raise ExportError(
                f"{python}: no environment can be made with it: {error.reason}",
                hint="mend or remove that Python, and run od doctor --setup-myriad",
            ) from error
        raise ExportError(
            f"no Python {WANTED} on this machine, which the Myriad toolchain needs, "
            f"and it cannot be fetched: {error.reason}",
            hint=f"install Python {WANTED} (your system's package, pyenv, or uv python install "
            f"{WANTED} with a connection) and run od doctor --setup-myriad",
        ) from error
