"""The folder of an export -> a detector, as its own ``od.json`` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from od.errors import ExportError, OutputError
from od.outputs import read_od_json
from od.structures.artifacts import Detector, InputSpec

_HINT = "give a folder that od export made, as runs/<name>/export/openvino"


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
    facts = _export_facts(folder)
    model = folder / str(facts.get("model"))
    if not model.exists():
        raise ExportError(f"{model}: is not there, though od.json names it", hint="export it again")
    _check_spec(folder, facts.get("input_spec"))
    if facts.get("target") == "openvino":
        from od.detect.openvino import open_ir

        return open_ir(model, device=device)
    if facts.get("target") == "saved_model":
        from od.detect.saved_model import open_saved_model

        return open_saved_model(model, device=device)
    raise ExportError(
        f"{folder / 'od.json'}: target '{facts.get('target')}',"
        " expected 'saved_model' or 'openvino'",
        hint="it was made by another version of od: export it again",
    )


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


def _check_spec(folder: Path, fields: Any) -> None:
    """Refuse an input that these runtimes do not know how to make: nothing is guessed."""
    try:
        spec = InputSpec.from_json(fields)
    except TypeError as error:
        raise ExportError(
            f"{folder / 'od.json'}: its input_spec cannot be read: {error}", hint="export it again"
        ) from error
    if spec != InputSpec():
        raise ExportError(
            f"{folder / 'od.json'}: input_spec asks for {spec}; this version of od hands over"
            " upright RGB images of any size only",
            hint="it was made by another version of od: export it again",
        )
