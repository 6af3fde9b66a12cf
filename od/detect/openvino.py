"""Runtime openvino: an IR on whatever OpenVINO finds in this machine. No tensorflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.detect.devices import OpenVinoDevice
from od.errors import ExportError, MissingDependencyError
from od.odapi.model import to_detections
from od.structures.artifacts import Detector
from od.structures.detections import Detections

_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def open_ir(model: Path, *, device: str = "CPU") -> Detector:
    """Compile an IR whose input and outputs are those of the OD API's exporter.

    Args:
        model: The ``.xml``; its ``.bin`` stands beside it.
        device: "CPU", "GPU", "AUTO", as OpenVINO names it.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: There is no such device, or the IR is broken.
    """
    compiled = compile_model(model, device)
    finish = _reader(model, device, compiled)

    def detect(image: NDArray[np.uint8], /) -> Detections:
        return finish(compiled(_batch(image)), image)

    return detect


def ir_in_flight(
    model: Path, *, requests: int
) -> tuple[OpenVinoDevice, Callable[[NDArray[np.uint8]], Any], Callable[..., Detections]]:
    """Compile such an IR for several images at once.

    Args:
        model: See ``open_ir``.
        requests: How many to have in flight.

    Returns:
        The device, what prepares an image for it, and what reads its result for that image.

    Raises:
        MissingDependencyError, ExportError: See ``open_ir``.
    """
    compiled = compile_model(model, "CPU", requests=requests)
    return OpenVinoDevice(compiled, "CPU", requests), _batch, _reader(model, "CPU", compiled)


def _batch(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image)[None]


def _reader(model: Path, device: str, compiled: Any) -> Callable[..., Detections]:
    """Return what turns the outputs for an image into its detections."""
    try:
        outputs = [compiled.output(name) for name in _OUTPUTS]
    except RuntimeError as error:
        raise _unloadable(model, device, error) from error

    def finish(results: Any, image: NDArray[np.uint8]) -> Detections:
        found = {name: results[output] for name, output in zip(_OUTPUTS, outputs, strict=True)}
        found["detection_classes"] = found["detection_classes"] - 1
        return to_detections(found, height=image.shape[0], width=image.shape[1])

    return finish


def compile_model(model: Path, device: str, *, requests: int = 1) -> Any:
    """Compile an IR for a device, computing in float32.

    Args:
        model: The ``.xml``; its ``.bin`` stands beside it.
        device: As OpenVINO names it.
        requests: How many it is to work on at once; 1 makes each as quick as can be.

    Returns:
        OpenVINO's ``CompiledModel``.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: There is no such device, or the IR is broken.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenVINO cannot be imported: {error}", hint="pip install openvino, or run od doctor"
        ) from error
    core = openvino.Core()
    _check_device(core.available_devices, device)
    # Machines with AMX would compute in bfloat16 and find other boxes than were checked.
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if requests > 1:
        settings.update(PERFORMANCE_HINT="THROUGHPUT", PERFORMANCE_HINT_NUM_REQUESTS=requests)
    try:
        return core.compile_model(model, device, settings)
    except RuntimeError as error:
        raise _unloadable(model, device, error) from error


def _check_device(available: list[str], device: str) -> None:
    known = {name.split(".")[0] for name in available} | {"AUTO"}
    if device.split(":")[0].split(".")[0] not in known:
        raise ExportError(
            f"device {device}: OpenVINO finds {', '.join(sorted(known))} in this machine",
            hint="choose one of them: --device CPU",
        )


def _unloadable(model: Path, device: str, error: RuntimeError) -> ExportError:
    return ExportError(
        f"{model}: OpenVINO cannot load it on {device}: {_last_words(error)}",
        hint="export it again; od doctor says what works here",
    )


def _last_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
