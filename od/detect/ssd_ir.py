"""Runtime of exports for sticks: an IR that ends in DetectionOutput, on a CPU. No tensorflow.

The current OpenVINO runs it in this process; the CPU plugin of the release that sticks need
runs it in the toolchain's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.detect.devices import OpenVinoDevice
from od.detect.openvino import compile_model
from od.detect.preparation import prepare_frame, to_detections7
from od.errors import ExportError
from od.structures.artifacts import Detector, InputSpec
from od.structures.detections import Detections


def open_ssd_ir(model: Path, spec: InputSpec, *, device: str = "CPU") -> Detector:
    """Compile an IR that takes prepared frames and gives rows ``[1, 1, N, 7]``.

    Args:
        model: The ``.xml``; its ``.bin`` stands beside it.
        spec: How an image is prepared for it.
        device: "CPU", "GPU", "AUTO", as OpenVINO names it.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: There is no such device, or the IR is broken or another one.
    """
    compiled = compile_model(model, device)
    check_shapes(model, spec, compiled)

    def detect(image: NDArray[np.uint8], /) -> Detections:
        rows = compiled(prepare_frame(image, spec))[0]
        return to_detections7(rows, spec, height=image.shape[0], width=image.shape[1])

    return detect


def ssd_ir_in_flight(
    model: Path, spec: InputSpec, *, requests: int
) -> tuple[OpenVinoDevice, Callable[[NDArray[np.uint8]], Any], Callable[..., Detections]]:
    """Compile such an IR for several images at once.

    Args:
        model, spec: See ``open_ssd_ir``.
        requests: How many to have in flight.

    Returns:
        The device, what prepares an image for it, and what reads its result for that image.

    Raises:
        MissingDependencyError, ExportError: See ``open_ssd_ir``.
    """
    compiled = compile_model(model, "CPU", requests=requests)
    check_shapes(model, spec, compiled)
    output = compiled.output(0)

    def prepare(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return prepare_frame(image, spec)

    def finish(results: Any, image: NDArray[np.uint8]) -> Detections:
        return to_detections7(results[output], spec, height=image.shape[0], width=image.shape[1])

    return OpenVinoDevice(compiled, "CPU", requests), prepare, finish


def check_shapes(model: Path, spec: InputSpec, compiled: Any) -> None:
    """Refuse an IR whose input or output is not the one that its ``od.json`` tells of.

    Args:
        model: Named in the message.
        spec: Of the export.
        compiled: OpenVINO's ``CompiledModel``.

    Raises:
        ExportError: They differ.
    """
    sides = [spec.height, spec.width]
    expected = [1, 3, *sides] if spec.layout == "NCHW" else [1, *sides, 3]
    inputs = [list(port.get_partial_shape().to_shape()) for port in compiled.inputs]
    outputs = [list(port.get_partial_shape().to_shape()) for port in compiled.outputs]
    fits = inputs == [expected] and len(outputs) == 1 and outputs[0][-1:] == [7]
    if not fits:
        raise ExportError(
            f"{model}: takes {inputs} and gives {outputs}, expected {[expected]} and"
            " [[1, 1, N, 7]] as its od.json says",
            hint="the files are of two exports: export it again",
        )


@contextmanager
def toolchain_detector(folder: Path) -> Iterator[Detector]:
    """Give a detector that runs an export for sticks on the CPU of the toolchain's OpenVINO.

    Args:
        folder: Made by ``od export --target myriad``.

    Raises:
        ExportError: The folder is no such export, the toolchain is not there, or its process
            ended.
    """
    from od.detect.exports import read_stick_export
    from od.detect.sticks import open_toolchain_cpu

    detector = open_toolchain_cpu(read_stick_export(folder))
    try:
        yield detector
    finally:
        detector.close()
