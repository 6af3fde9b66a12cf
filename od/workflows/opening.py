"""A folder -> a detector on the device that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from od.detect import load_detector
from od.detect.exports import read_stick_export
from od.detect.sharing import Say
from od.detect.sticks import (
    STICK,
    TOOLCHAIN_CPU,
    SharedDetector,
    open_sticks,
    open_toolchain_cpu,
)
from od.doctor.sticks import find_sticks, stick_findings
from od.errors import DeviceError, ExportError
from od.outputs import read_od_json
from od.records.label_map_file import read_label_map
from od.structures.artifacts import Detector
from od.structures.label_map import LabelMap

_ROOT = Path("/")


def open_model(folder: Path, *, device: str = "CPU") -> tuple[Detector, LabelMap]:
    """Open an export, or a run (which takes tensorflow and the OD API).

    Args:
        folder: Made by ``od export`` or ``od finetune``.
        device: "CPU", "GPU", "AUTO", as the export's runtime names it; "MYRIAD" for all sticks.
            With an export for sticks, "AUTO" is the sticks if there are any, else the CPU.

    Raises:
        ExportError: The folder is neither, or the runtime cannot load it on ``device``.
        DeviceError: There is no stick.
        OdError: The run's model does not load.
    """
    check_model(folder)
    label_map_file = folder / "label_map.pbtxt"
    if device == STICK:
        return _on_sticks(folder), read_label_map(label_map_file)
    if device == TOOLCHAIN_CPU:
        return open_toolchain_cpu(read_stick_export(folder)), read_label_map(label_map_file)
    if (folder / "od.json").is_file() and read_od_json(folder).get("kind") == "run":
        from od.odapi.model import load_run_detector

        label_map = read_label_map(label_map_file)
        return load_run_detector(folder), label_map
    if device == "AUTO" and is_for_sticks(folder):
        detector = _sticks_if_any(folder) or load_detector(folder)
    else:
        detector = load_detector(folder, device=device)
    return detector, read_label_map(label_map_file)


def check_model(folder: Path) -> None:
    """Refuse what is no folder.

    Raises:
        ExportError: It is none.
    """
    if not folder.is_dir():
        raise ExportError(
            f"{folder}: no such folder",
            hint="give a folder that od export made, as runs/<name>/export/openvino",
        )


@contextmanager
def at_work(detector: Detector, folder: Path, device: str, say: Say) -> Iterator[None]:
    """Say what works, where that was not plain; let go of sticks in the end.

    Args:
        detector: As ``open_model`` returned it.
        folder, device: As ``open_model`` was given them.
        say: Told of each stick.
    """
    if not isinstance(detector, SharedDetector):
        if device == "AUTO" and is_for_sticks(folder):
            say("no stick: working on the CPU")
        yield
        return
    try:
        for words in detector.left_out:
            say(f"{words}; left out")
        say(f"working on {', '.join(at.name for at in detector.devices)}")
        yield
    finally:
        detector.close()


def is_for_sticks(folder: Path) -> bool:
    """Tell whether a folder is an export for sticks."""
    return (folder / "od.json").is_file() and read_od_json(folder).get("target") == "myriad"


def _on_sticks(folder: Path) -> SharedDetector:
    """Open all sticks; where there is none, say what ``od doctor`` would."""
    from od.myriad.toolchain import find_toolchain

    export = read_stick_export(folder)
    plugged_in = find_sticks(_ROOT)
    if not plugged_in and find_toolchain() is None:
        raise _no_stick("")  # the toolchain would be no help
    try:
        return open_sticks(export)
    except DeviceError as error:
        raise _no_stick(f" ({error})" if plugged_in else "") from error


def _no_stick(reason: str) -> DeviceError:
    findings = list(stick_findings(_ROOT))
    mends = [finding.mend for finding in findings if finding.mend]
    words = "; ".join(f"{finding.subject}: {finding.found}" for finding in findings)
    return DeviceError(
        f"device {STICK}: no stick to work on{reason}; od doctor shows: {words}",
        hint=mends[0] if mends else "plug a stick in, or use --device CPU",
    )


def _sticks_if_any(folder: Path) -> SharedDetector | None:
    from od.myriad.toolchain import find_toolchain

    if not find_sticks(_ROOT) or find_toolchain() is None:
        return None
    try:
        return open_sticks(read_stick_export(folder))
    except DeviceError:
        return None
