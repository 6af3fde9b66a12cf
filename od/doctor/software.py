"""Python and the libraries: which versions, and do the two big ones start."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from od.doctor.finding import MISSING, NOTE, OK, Finding

PACKAGE = "od-finetune"
_NEWEST_BELOW = (3, 13)  # tensorflow-io has no wheel for 3.13
_OLDEST = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?([^);]*)")

# Each prints one line of JSON behind a mark; TensorFlow itself may print before it.
_MARK = "od-doctor:"
_TENSORFLOW = f"""
import json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
kinds = [device.device_type for device in tf.config.list_physical_devices()]
tf.constant([1.0]) + 1.0
print("{_MARK}" + json.dumps({{"version": tf.__version__, "devices": kinds}}))
"""
_OPENVINO = f"""
import json, openvino
version, devices = openvino.__version__.split("-")[0], openvino.Core().available_devices
print("{_MARK}" + json.dumps({{"version": version, "devices": devices}}))
"""


def python_finding() -> Finding:
    """Look at the version of Python."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if _OLDEST <= sys.version_info[:2] < _NEWEST_BELOW:
        return Finding(OK, "Python", version)
    return Finding(
        MISSING, "Python", f"{version}, expected 3.11 or 3.12", "uv venv --python 3.12 .venv"
    )


def package_findings() -> Iterator[Finding]:
    """Look at every library that od declares, without importing it."""
    try:
        requirements = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield Finding(MISSING, PACKAGE, "not installed", "pip install . (in od's own folder)")
        return
    yield Finding(OK, PACKAGE, metadata.version(PACKAGE))
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match is not None and "extra ==" not in requirement:
            yield _package(match.group(1), match.group(2).strip())


def _package(name: str, wanted: str) -> Finding:
    mend = f"pip install '{name}{wanted}'"
    try:
        version: str | None = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(MISSING, name, "not installed", mend)
    if not version:  # a folder of metadata without a version: an installation that broke off
        return Finding(MISSING, name, "installed in part only", f"{mend} --force-reinstall")
    if not _fits(version, wanted):
        return Finding(NOTE, name, f"{version}, expected {wanted}", mend)
    return Finding(OK, name, version)


def _fits(version: str, wanted: str) -> bool:
    """Compare the numbers of a version with ``>=``, ``<`` and ``==``; suffixes are passed over."""

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0].split(".post")[0]))

    found = numbers(version)
    for condition in wanted.split(","):
        match = re.match(r"\s*(>=|<|==)\s*([\w.]+)", condition)
        if match is None:
            continue
        limit = numbers(match.group(2))
        width = max(len(found), len(limit))
        a, b = found + (0,) * (width - len(found)), limit + (0,) * (width - len(limit))
        if not {">=": a >= b, "<": a < b, "==": a == b}[match.group(1)]:
            return False
    return True


def tensorflow_findings(root: Path, timeout: float) -> Iterator[Finding]:
    """Start TensorFlow in a process of its own: does it work, and which devices does it see.

    Args:
        root: Holds ``proc``.
        timeout: Seconds until it counts as hanging.
    """
    facts, problem = _probe(_TENSORFLOW, timeout)
    if facts is None:
        yield Finding(MISSING, "TensorFlow starts", f"no: {problem}", _tensorflow_mend(root))
        return
    devices = [str(device) for device in facts.get("devices", [])]
    yield Finding(OK, "TensorFlow starts", f"{facts.get('version')}, sees {', '.join(devices)}")
    gpus = nvidia_gpus(root)
    if gpus and "GPU" not in devices:
        yield Finding(
            NOTE,
            "GPU",
            f"{', '.join(gpus)}, but TensorFlow does not see it",
            f"pip install 'tensorflow[and-cuda]=={facts.get('version')}'",
        )
    elif gpus:
        yield Finding(OK, "GPU", ", ".join(gpus))
    else:
        yield Finding(OK, "GPU", "none with an NVIDIA driver: training runs on the CPU")


def openvino_finding(timeout: float) -> Finding:
    """Start OpenVINO in a process of its own."""
    facts, problem = _probe(_OPENVINO, timeout)
    if facts is None:
        mend = "pip install --force-reinstall 'openvino>=2026.4,<2027'"
        return Finding(MISSING, "OpenVINO starts", f"no: {problem}", mend)
    devices = ", ".join(str(device) for device in facts.get("devices", [])) or "no device"
    return Finding(OK, "OpenVINO starts", f"{facts.get('version')}, sees {devices}")


def nvidia_gpus(root: Path) -> list[str]:
    """Return the NVIDIA GPUs that the kernel's driver knows, by their names."""
    found = []
    for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        text = file.read_text(encoding="utf-8", errors="replace")
        model = re.search(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE)
        found.append(model.group(1) if model else file.parent.name)
    if not found and (root / "proc/driver/nvidia/version").is_file():
        found.append("NVIDIA driver")
    return found


def _tensorflow_mend(root: Path) -> str:
    cpu = root / "proc/cpuinfo"
    flags = cpu.read_text(encoding="utf-8", errors="replace").split() if cpu.is_file() else []
    if "flags" in flags and "avx" not in flags:
        return "this processor lacks AVX, which TensorFlow's wheels need: use another machine"
    return "pip install --force-reinstall 'tensorflow>=2.20,<2.21' 'tf-keras>=2.20,<2.21'"


def _probe(code: str, timeout: float) -> tuple[dict[str, Any] | None, str]:
    """Run code in a new Python; return what it printed behind the mark, or what went wrong."""
    command = [sys.executable, "-P", "-c", code]  # -P: a tensorflow.py lying about is not meant
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {timeout:.0f} s"
    except OSError as error:
        return None, f"cannot be tried: {error}"
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = f"signal {-done.returncode}"
        return None, f"it crashed with {name}"
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(_MARK):
            facts = json.loads(line.removeprefix(_MARK))
            return (facts, "") if isinstance(facts, dict) else (None, "an answer of no use")
    last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
    return None, last.strip()[:300]
