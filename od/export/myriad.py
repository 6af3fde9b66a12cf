"""Target myriad: one folder that a person copies to where the stick is.

The IR comes first and does not need the toolchain; the blobs, which do, are compiled from
it.  What cannot be made on this machine is said and left out, what turns out wrong is not
delivered at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from od.errors import ExportError, OdError
from od.export.ssd_head import HeadOptions
from od.myriad.blob import check_blob
from od.myriad.toolchain import VERSION, Toolchain, find_toolchain, make_toolchain
from od.myriad.worker import ToolchainWorker
from od.outputs import sha256

MODEL_FILE = "model.xml"
CHIPS = {
    "myriad2": "the first Neural Compute Stick",
    "myriadx": "the Neural Compute Stick 2 and OAK cameras",
}
_OTHER_WAYS = "try the other --chip, or --target openvino for CPU and GPU"
NOT_CONFIRMED = "not confirmed on hardware"


@dataclass(frozen=True)
class MyriadOptions:
    """What can be chosen for the stick.

    Args:
        chips: Of ``CHIPS``, for which to compile.
        shaves: Vector processors that a blob uses, 1 to 12 (Myriad 2) or 16 (Myriad X). Six
            leave an OAK camera enough for its own work.
        channels: "bgr" or "rgb": the order of the bytes that the model is handed.
        head: What of non-maximum suppression is not as the pipeline config says.
        setup: Make the toolchain when it is missing.
    """

    chips: tuple[str, ...] = ("myriad2", "myriadx")
    shaves: int = 6
    channels: str = "bgr"
    head: HeadOptions = field(default_factory=HeadOptions)
    setup: bool = True


@dataclass(frozen=True)
class Compiled:
    """What the toolchain made of an IR.

    Args:
        blobs: The blob's file name by chip; empty without the toolchain.
        facts: For ``od.json``.
        missing: Why there are no blobs, and the way out, as an error has them; else None.
    """

    blobs: Mapping[str, str]
    facts: dict[str, Any]
    missing: OdError | None = None


def blob_name(chip: str) -> str:
    """Return a blob's file name.

    Example:
        >>> blob_name("myriadx")
        'model.myriadx.blob'
    """
    return f"model.{chip}.blob"


def ready_toolchain(*, setup: bool, say: Callable[[str], None]) -> Toolchain | OdError:
    """Find or make the toolchain; what stands in the way is returned, as the IR needs none."""
    found = find_toolchain()
    if found is not None:
        return found
    if not setup:
        return ExportError(
            f"OpenVINO {VERSION}, which compiles for the stick, is not set up here: no blobs",
            hint="od doctor --setup-myriad, then export again with --overwrite",
        )
    try:
        return make_toolchain(say=say)
    except OdError as error:
        return error


def compile_blobs(
    folder: Path,
    toolchain: Toolchain | OdError,
    options: MyriadOptions,
    *,
    name: str,
    stage: Callable[[str], None],
) -> Compiled:
    """Ask whether the stick can run each layer, compile for each chip, check the blobs.

    Args:
        folder: The (temporary) export folder with ``model.xml``; the blobs are put there.
        toolchain: Or why there is none.
        options: Chips and shaves.
        name: The trained model's folder, named first in errors.
        stage: Told what begins.

    Raises:
        ExportError: The stick cannot run a layer, the compiler refuses the model (its words
            are quoted), or a blob is not what was asked for.
    """
    if isinstance(toolchain, OdError):
        return Compiled({}, {"blobs": {}, "toolchain": None}, toolchain)
    blobs: dict[str, str] = {}
    facts: dict[str, Any] = {}
    with ToolchainWorker(toolchain) as worker:
        stage("asking which layers the stick can run")
        unsupported = worker.unsupported_layers(folder / MODEL_FILE)
        if unsupported:
            layers = ", ".join(f"{layer} ({kind})" for layer, kind in unsupported[:5])
            raise ExportError(
                f"{name}: the stick cannot run {len(unsupported)} of its layers: {layers}",
                hint="od export --target openvino makes an IR for CPU and GPU",
            )
        for chip in options.chips:
            stage(f"compiling for {CHIPS[chip]}")
            blobs[chip] = blob_name(chip)
            blob = folder / blobs[chip]
            try:
                made = worker.compile_blob(
                    folder / MODEL_FILE, blob, chip=chip, shaves=options.shaves
                )
                header = check_blob(blob, shaves=options.shaves)
            except ExportError as error:
                raise ExportError(
                    f"{name}: no blob for {CHIPS[chip]}: {error}", hint=_OTHER_WAYS
                ) from error
            facts[chip] = {
                "file": blob.name,
                "bytes": blob.stat().st_size,
                "sha256": sha256(blob),
                "shaves": options.shaves,
                "seconds": round(float(made["seconds"]), 1),
                "header": asdict(header),
            }
            if chip == "myriad2":
                facts[chip]["note"] = NOT_CONFIRMED
    return Compiled(
        blobs, {"blobs": facts, "unsupported_layers": [], "toolchain": f"openvino {VERSION}"}
    )
