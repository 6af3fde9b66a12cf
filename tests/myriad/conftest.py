"""A toolchain to try things with: a stand-in made of files, and the real one where it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from od.myriad import python39
from od.myriad.toolchain import Toolchain, find_toolchain, unsupported_machine
from stick_exports import write_squares_ir

# Plays uv: what it does at ``pip install`` stands in a file beside it.
_UV = """#!{python} -I
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
mode = (here / "mode").read_text()
if "UV_CONSTRAINT" in os.environ:
    sys.exit("error: File not found: the user's own constraints")
words = [a for a in sys.argv[1:] if a != "--no-progress"]
if words[:2] == ["python", "list"]:
    print((here / "pythons").read_text())
elif words[0] == "venv":
    if mode == "offline" or "--managed-python" in words:
        sys.exit("error: Failed to download a Python\\n  cause: error sending request for url")
    folder = pathlib.Path(words[2])
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(here / "base" / "python3.9")
    (folder / "pyvenv.cfg").write_text(f"home = {{here / 'base'}}\\n")
elif words[0] == "pip":
    if mode == "slow":
        time.sleep(1.0)
    if mode == "hang":
        (here / "hanging").write_text("")
        time.sleep(60)
    if mode == "no network":
        sys.exit("warning: something\\nerror: Failed to fetch: `openvino`\\n  cause: dns error")
    if mode == "disk full":
        sys.exit("error: Failed to install: openvino\\n  cause: No space left on device")
    folder = pathlib.Path(words[words.index("--python") + 1]).parent.parent
    site = folder / "lib" / "python3.9" / "site-packages"
    for name in ("numpy/__init__.py", "openvino/inference_engine/__init__.py",
                 "openvino/libs/libmyriadPlugin.so", "libusb_package/libusb-1.0.so"):
        (site / name).parent.mkdir(parents=True)
        (site / name).write_text("")
"""
_PYTHON = """#!/bin/sh
case "$3" in
*struct*) echo cpython 3.9 8 ;;
*IECore*) if [ -e "$(dirname "$0")/broken" ] || [ -e "{base}/broken" ]; then
    echo "libstdc++.so.6: version not found" >&2; exit 1; fi ;;
esac
"""


class StandIn:
    """A uv and a Python 3.9 made of scripts.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir(parents=True)
        self.uv = self._script(folder / "uv", _UV.format(python=sys.executable))
        self.python = self._script(self.base / "python3.9", _PYTHON.format(base=self.base))
        self.list_pythons(self.python)
        self.behave("as usual")

    def _script(self, path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def list_pythons(self, *pythons: Path) -> None:
        """Say which ones uv finds."""
        entries = [{"path": str(python)} for python in pythons]
        (self.folder / "pythons").write_text(json.dumps(entries))

    def behave(self, mode: str) -> None:
        """Say what happens at ``pip install``."""
        (self.folder / "mode").write_text(mode)

    def calls(self, command: str) -> list[list[str]]:
        """Return the calls of one command of uv."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call for call in map(json.loads, lines) if call[0] == command]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of od's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("OD_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def stand_in(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A uv and a Python 3.9 that od takes for the real ones."""
    made = StandIn(tmp_path / "stand-in")
    monkeypatch.setattr(python39, "uv_binary", lambda: str(made.uv))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "no-pyenv"))
    return made


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The real one; tests that need it skip where it is not."""
    found = find_toolchain()
    if found is None:
        reason = unsupported_machine() or "run od doctor --setup-myriad first"
        pytest.skip(f"NO MYRIAD TOOLCHAIN, so this is NOT TESTED: {reason}")
    return found


@pytest.fixture(scope="session")
def squares_ir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of a few layers that ends as an SSD does on a stick."""
    return write_squares_ir(tmp_path_factory.mktemp("ir"))
