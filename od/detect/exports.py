"""The folder of an export -> a detector, as its own ``od.json`` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from od.errors import ExportError, OutputError
from od.outputs import read_od_json
from od.structures.artifacts import Detector, ExportedDetector, InputSpec

_HINT = "give a folder that od export made, as runs/<name>/export/openvino"
_TARGETS = ("saved_model", "openvino", "myriad")


def load_detector(folder: Path, *, device: str = "CPU") -> Detector:
    """Open an export.

    Args:
        folder: Made by ``od export``; its ``od.json`` says which runtime loads it and how an
            image has to be handed over.
        device: As the runtime names it: "CPU", "GPU", "AUTO".

    Raises:
        ExportError: The folder is no export, is broken, or the runtime has no such device.
        MissingDependencyError: The runtime is not installed.
    """
    export = read_export(folder)
    if export.target == "myriad":
        from od.detect.ssd_ir import open_ssd_ir

        return open_ssd_ir(export.model, export.input_spec, device=device)
    if export.target == "openvino":
        from od.detect.openvino import open_ir

        return open_ir(export.model, device=device)
    from od.detect.saved_model import open_saved_model

    return open_saved_model(export.model, device=device)


def read_export(folder: Path) -> ExportedDetector:
    """Read what an export's ``od.json`` says, and check that its model is there.

    Args:
        folder: Made by ``od export``.

    Raises:
        ExportError: The folder is no export, or one that this version of od cannot run.
    """
    facts = _export_facts(folder)
    target, model = str(facts.get("target")), folder / str(facts.get("model"))
    if not model.exists():
        raise ExportError(f"{model}: is not there, though od.json names it", hint="export it again")
    spec = _read_spec(folder, facts.get("input_spec"))
    if target not in _TARGETS:
        raise ExportError(
            f"{folder / 'od.json'}: target '{target}', expected one of {', '.join(_TARGETS)}",
            hint="it was made by another version of od: export it again",
        )
    _check_spec(folder, target, spec)
    return ExportedDetector(folder, target, model, spec)


def read_stick_export(folder: Path) -> ExportedDetector:
    """Read an export that sticks can load, see ``read_export``.

    Raises:
        ExportError: It is none.
    """
    export = read_export(folder)
    if export.target != "myriad":
        raise ExportError(
            f"{folder}: is an export for {export.target}, sticks take one for myriad only",
            hint="export the run with od export --target myriad",
        )
    return export


def _export_facts(folder: Path) -> dict[str, Any]:
    try:
        facts = read_od_json(folder)
    except OutputError as error:
        raise ExportError(str(error), hint=_HINT) from error
    if facts.get("kind") != "export":
        raise ExportError(
            f"{folder / 'od.json'}: says kind '{facts.get('kind')}', expected 'export'", hint=_HINT
        )
    return facts


def _read_spec(folder: Path, fields: Any) -> InputSpec:
    try:
        return InputSpec.from_json(fields)
    except TypeError as error:
        raise ExportError(
            f"{folder / 'od.json'}: its input_spec cannot be read: {error}", hint="export it again"
        ) from error


def _check_spec(folder: Path, target: str, spec: InputSpec) -> None:
    """Refuse an input that the target's runtime does not know how to make: nothing is guessed."""
    if target == "myriad":
        fits = (
            all(isinstance(side, int) and side > 0 for side in (spec.height, spec.width))
            and spec.resize in ("stretch", "pad")
            and spec.layout in ("NCHW", "NHWC")
            and spec.channels in ("rgb", "bgr")
            and spec.dtype == "uint8"
            and all(0 <= value <= 255 for value in spec.pad_value)
        )
        takes = "uint8 images stretched or padded to one size"
    else:
        fits, takes = spec == InputSpec(), "upright RGB images of any size only"
    if not fits:
        raise ExportError(
            f"{folder / 'od.json'}: input_spec asks for {spec}; this version of od hands over"
            f" {takes}",
            hint="it was made by another version of od: export it again",
        )
