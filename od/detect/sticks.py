"""Detectors that work on several images at once: the sticks in this machine, shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.detect.devices import Device, ToolchainDevice
from od.detect.preparation import prepare_frame, to_detections7
from od.detect.toolchain import new_worker
from od.errors import DeviceError
from od.structures.artifacts import ExportedDetector, InputSpec
from od.structures.detections import Detections

# One NCS2 does 21 images/s one at a time and 48 with four in flight.
REQUESTS = 4
STICK, TOOLCHAIN_CPU = "MYRIAD", "CPU-2021.4"


class SharedDetector:
    """A detector over one device or more; ``detect_each`` keeps them all at work.

    Args:
        devices: With the model loaded.
        spec: How an image is prepared for it.
        left_out: What was said by devices that are there but cannot be used.
    """

    def __init__(
        self, devices: Sequence[Device], spec: InputSpec, *, left_out: Sequence[str] = ()
    ) -> None:
        self.devices = tuple(devices)
        self.left_out = tuple(left_out)
        self._spec = spec

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what a device takes."""
        return prepare_frame(image, self._spec)

    def finish(self, rows: Any, image: NDArray[np.uint8]) -> Detections:
        """Return what a device gave, in the pixels of the image."""
        return to_detections7(rows, self._spec, height=image.shape[0], width=image.shape[1])

    def __call__(self, image: NDArray[np.uint8], /) -> Detections:
        """Look at one image, on the first device."""
        self.devices[0].start(0, self.prepare(image))
        return self.finish(self.devices[0].wait()[1], image)

    def close(self) -> None:
        """Let go of all devices."""
        for device in self.devices:
            device.close()


def open_sticks(export: ExportedDetector, *, requests: int = REQUESTS) -> SharedDetector:
    """Load an export onto every stick in this machine, each in a process of its own.

    Args:
        export: Its target is "myriad".
        requests: How many images each stick has in flight.

    Raises:
        DeviceError: There is no stick, or none that can be used.
        ExportError: The toolchain is not there, or refuses the model.
    """
    first = new_worker()
    try:
        names = [name for name in first.devices() if name.split(".")[0] == STICK]
    except BaseException:
        first.close()
        raise
    if not names:
        first.close()
        raise DeviceError(
            f"device {STICK}: OpenVINO's older runtime finds no stick", hint="run od doctor"
        )
    opened: list[Device] = []
    left_out: list[str] = []
    error: DeviceError | None = None
    for position, name in enumerate(names):
        worker = new_worker() if position else first
        try:
            worker.load(export.model, device=name, requests=requests)
        except DeviceError as failed:  # taken by another program, or the first generation's
            worker.close()
            left_out.append(str(failed))
            error = failed
            continue
        except BaseException:
            worker.close()
            _close_all(opened)
            raise
        opened.append(ToolchainDevice(worker, name, requests))
    if not opened and error is not None:
        raise error
    return SharedDetector(opened, export.input_spec, left_out=left_out)


def open_toolchain_cpu(export: ExportedDetector, *, requests: int = 1) -> SharedDetector:
    """Load an export onto the CPU of the sticks' OpenVINO.

    Args:
        export: Its target is "myriad".
        requests: How many images to have in flight.

    Raises:
        ExportError: The toolchain is not there, or refuses the model.
    """
    worker = new_worker()
    try:
        worker.load(export.model, device="CPU", requests=requests)
    except BaseException:
        worker.close()
        raise
    return SharedDetector([ToolchainDevice(worker, TOOLCHAIN_CPU, requests)], export.input_spec)


def _close_all(devices: Sequence[Device]) -> None:
    for device in devices:
        device.close()
