"""The environment with OpenVINO 2021.4.2: where it is, whether it is whole, making it once.

2021.4 is the last release on PyPI whose wheels hold the MYRIAD plugin; they exist for
Python 3.6 to 3.9 on x86-64 (https://pypi.org/project/openvino/2021.4.2/#files).
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import ExportError, OutputError
from od.myriad.file_lock import file_lock
from od.myriad.python39 import UvFailed, make_environment, run_uv
from od.outputs import output_error, read_od_json, whole_folder, write_od_json

VERSION = "2021.4.2"
# numpy: the plugin's binding was built against an older one than 1.20.
# Pillow: so that the script that travels to the stick can be tried under this release.
_PACKAGES = {"openvino": VERSION, "numpy": "1.19.5", "pillow": "11.3.0"}
# Carries libusb-1.0 for machines without it; the plugin for Windows does without libusb.
_LIBUSB_PACKAGE = {"libusb-package": "1.0.30.0"}
_DOWNLOAD, _ON_DISK = 50, 171  # MB on Linux: measured; a Python that is fetched adds 30 and 110
_KIND = "toolchain"
# The names under which the plugin looks for libusb.
_LIBUSB = {"linux": "libusb-1.0.so.0", "darwin": "libusb-1.0.0.dylib"}
_LIBRARY_PATH = {"linux": "LD_LIBRARY_PATH", "darwin": "DYLD_LIBRARY_PATH"}
_AHEAD = "run od doctor --setup-myriad"


@dataclass(frozen=True)
class Toolchain:
    """An environment that is whole.

    Args:
        folder: The environment.
        python: Its Python.
        environment: Variables to set for its processes, beside those that are there.
    """

    folder: Path
    python: Path
    environment: Mapping[str, str]


def cache_root() -> Path:
    """Return od's cache folder: ``OD_CACHE_DIR``, else the system's usual place."""
    from platformdirs import user_cache_path

    given = os.environ.get("OD_CACHE_DIR")
    return Path(given).absolute() if given else user_cache_path("od", appauthor=False)


def toolchain_folder() -> Path:
    """Return where the toolchain is or will be."""
    return cache_root() / f"openvino-{VERSION}"


def unsupported_machine() -> str | None:
    """Say why the toolchain cannot be had on this machine, None when it can."""
    machine, system = platform.machine().lower(), platform.system()
    if system not in ("Linux", "Windows", "Darwin"):
        return f"OpenVINO {VERSION} has no package for {system or 'this system'}"
    if machine not in ("x86_64", "amd64"):
        return f"OpenVINO {VERSION} has no package for {machine or 'this'} processors, only x86-64"
    return None


def find_toolchain() -> Toolchain | None:
    """Return the toolchain if it is there and whole, without starting a process."""
    if unsupported_machine():
        return None
    folder = toolchain_folder()
    if not _is_whole(folder):
        return None
    return Toolchain(folder, _python(folder), _environment(folder))


def make_toolchain(*, say: Callable[[str], None], repair: bool = False) -> Toolchain:
    """Make the toolchain, or return the one that is there.

    Another process that makes it is waited for.  It appears whole or not at all.

    Args:
        say: Told what is made, where and how large it is, in whole lines.
        repair: Also start the one that is there, and replace it when it does not start.

    Raises:
        ExportError: It cannot be had on this machine, something cannot be fetched, or what
            was fetched does not start.
        OutputError: The cache folder cannot be written.
        MissingDependencyError: uv is not installed.
    """
    reason = unsupported_machine()
    if reason:
        raise ExportError(reason, hint="export on a PC with Linux, and copy the folder here")
    folder = toolchain_folder()
    lock = folder.with_name(f"{folder.name}.lock")
    try:
        with file_lock(lock, waiting=lambda: say(f"waiting for another od that makes {folder}")):
            found = find_toolchain()  # another process may have made it meanwhile
            if found and repair and not _still_starts(found):
                found = None
            return found or _make(folder, say)
    except OSError as error:
        raise output_error(folder, error) from error


def _packages() -> dict[str, str]:
    return _PACKAGES if sys.platform == "win32" else _PACKAGES | _LIBUSB_PACKAGE


def _make(folder: Path, say: Callable[[str], None]) -> Toolchain:
    begin = time.monotonic()
    say(
        f"making the Myriad toolchain, once: OpenVINO {VERSION} with a Python 3.9 of its own in "
        f"{folder}, {_DOWNLOAD} MB to fetch, {_ON_DISK} MB on disk"
    )
    if folder.exists():  # its Python vanished, or a cleaner took files of it
        say(f"replacing what is left of an earlier one in {folder}")
    with whole_folder(folder) as temporary:
        make_environment(temporary, pythons=cache_root() / "python")
        _install(temporary)
        _link_libusb(temporary)
        _try_out(temporary)
        write_od_json(temporary, _KIND, _facts())
    found = find_toolchain()
    if found is None:  # no known way leads here; better said than returned
        raise ExportError(
            f"{folder}: was made and is not whole", hint="remove it by hand and try again"
        )
    say(f"made the Myriad toolchain in {time.monotonic() - begin:.0f} s")
    return found


def _facts() -> dict[str, Any]:
    return {"packages": _packages(), "machine": platform.machine(), "system": platform.system()}


def _install(folder: Path) -> None:
    pinned = [f"{name}=={version}" for name, version in _packages().items()]
    arguments = ["pip", "install", "--python", str(_python(folder)), "--no-deps"]
    arguments += ["--only-binary", ":all:", *pinned]
    try:
        run_uv(arguments, folder=folder.parent, pythons=cache_root() / "python")
    except UvFailed as error:
        if error.offline:
            hint = f"connect this machine to the internet and {_AHEAD}"
        elif "no space left" in error.words.lower():
            hint = f"free some space, or set OD_CACHE_DIR to a folder with room, and {_AHEAD}"
        else:
            hint = f"mend the cause and {_AHEAD}; UV_DEFAULT_INDEX names another package index"
        raise ExportError(
            f"{toolchain_folder()}: OpenVINO {VERSION} cannot be installed: {error.reason}",
            hint=hint,
        ) from error


def _link_libusb(folder: Path) -> None:
    """Put libusb-package's library under the name that the plugin asks for."""
    wanted = _LIBUSB.get(sys.platform)
    if wanted is None:
        return
    package = _site_packages(folder) / "libusb_package"
    library = next(iter(sorted(package.glob("libusb-1.0*"))), None)
    if library is not None:
        (folder / "libusb").mkdir()
        shutil.copy2(library, folder / "libusb" / wanted)


def _try_out(folder: Path) -> None:
    """Let it load the MYRIAD plugin once, which also compiles its modules to bytecode."""
    code = "from openvino.inference_engine import IECore; IECore().get_versions('MYRIAD')"
    try:
        done = subprocess.run(
            [str(_python(folder)), "-I", "-c", code],
            env={**os.environ, **_environment(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        words, failed = done.stderr.strip(), done.returncode != 0
    except (OSError, subprocess.SubprocessError) as error:
        words, failed = str(error), True
    if failed:
        last = (words.splitlines() or ["it says nothing"])[-1]
        raise ExportError(
            f"{toolchain_folder()}: OpenVINO {VERSION} was fetched and does not start: {last}",
            hint="install what it misses with your system's packages, and " + _AHEAD,
        )


def _still_starts(toolchain: Toolchain) -> bool:
    try:
        _try_out(toolchain.folder)
    except ExportError:
        return False
    return True


def _is_whole(folder: Path) -> bool:
    try:
        facts = read_od_json(folder)
    except OutputError:
        return False
    if {key: facts.get(key) for key in ("kind", *_facts())} != {"kind": _KIND, **_facts()}:
        return False  # of another version of od, or of another machine that shares this disk
    site = _site_packages(folder)
    needed = [site / "numpy/__init__.py", site / "openvino/inference_engine/__init__.py"]
    needed += [site / "openvino/libs"]
    return _starts(folder) and all(path.exists() for path in needed)


def _starts(folder: Path) -> bool:
    """Whether its Python is still there: the environment only points to one elsewhere."""
    home = None
    with suppress(OSError):
        for line in (folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                home = Path(value.strip())
    return home is not None and home.is_dir() and os.access(_python(folder), os.X_OK)


def _python(folder: Path) -> Path:
    if sys.platform == "win32":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def _site_packages(folder: Path) -> Path:
    if sys.platform == "win32":
        return folder / "Lib" / "site-packages"
    return folder / "lib" / "python3.9" / "site-packages"


def _environment(folder: Path) -> dict[str, str]:
    """Name the folder of libusb-package's library where the system has none."""
    wanted = _LIBUSB.get(sys.platform)
    if wanted is None or not (folder / "libusb" / wanted).exists():
        return {}
    with suppress(OSError):
        ctypes.CDLL(wanted)
        return {}
    variable = _LIBRARY_PATH[sys.platform]
    others = os.environ.get(variable)
    own = str(folder / "libusb")
    return {variable: f"{own}{os.pathsep}{others}" if others else own}
