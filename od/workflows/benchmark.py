"""Measure how quick the exports of a model are on this machine, on each runtime that is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from od.detect.devices import CallableDevice
from od.detect.exports import load_detector, read_export
from od.detect.openvino import ir_in_flight
from od.detect.speed import Speed, Timed, measure_speed
from od.detect.ssd_ir import ssd_ir_in_flight
from od.detect.sticks import SharedDetector, open_sticks, open_toolchain_cpu
from od.doctor.sticks import find_sticks
from od.errors import DeviceError, ExportError, OdError
from od.export.parity import sample_images
from od.outputs import read_od_json
from od.structures.artifacts import ExportedDetector
from od.structures.progress import Progress, silent
from od.workflows.evaluation import recorded_folder
from od.workflows.opening import check_model

SAVED_MODEL = "SavedModel, TensorFlow"
IR = "IR, OpenVINO"
STICK_IR = "IR for sticks, OpenVINO"
OLDER = "IR for sticks, OpenVINO 2021.4"
STICKS = "sticks"
REQUESTS = (1, 2, 4)
_Opener = Callable[[int], Timed]


@dataclass(frozen=True)
class Measured:
    """One runtime with some requests in flight.

    Args:
        runtime: ``SAVED_MODEL`` and so on.
        export: The export's folder.
        devices: Their names.
        requests: How many were in flight on each device.
        speed: What was measured.
    """

    runtime: str
    export: Path
    devices: tuple[str, ...]
    requests: int
    speed: Speed

    @property
    def in_process(self) -> bool:
        """Whether the work is done in this process, so that its processor time is known."""
        return self.runtime in (SAVED_MODEL, IR, STICK_IR)


@dataclass(frozen=True)
class Benchmark:
    """All that was measured.

    Args:
        model: The run or export.
        images: How many images were taken in turn, and where they are from.
        seconds: How long each was measured, at least.
        measured: In the order of the table.
        left_out: Runtimes that are not here, and why.
    """

    model: Path
    images: tuple[int, str]
    seconds: float
    measured: tuple[Measured, ...]
    left_out: tuple[tuple[str, str], ...]

    def best(self, runtime: str) -> float | None:
        """Return the most images a second of a runtime, None where it was not measured."""
        found = [m.speed.images_per_second for m in self.measured if m.runtime == runtime]
        return max(found, default=None)

    def times_saved_model(self, measured: Measured) -> float | None:
        """Return how often the SavedModel's best it is in images a second."""
        best = self.best(SAVED_MODEL)
        return measured.speed.images_per_second / best if best else None

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object; latencies and processor time are in milliseconds."""
        return {
            "model": str(self.model),
            "images": self.images[0],
            "images_from": self.images[1],
            "seconds": self.seconds,
            "left_out": dict(self.left_out),
            "measured": [
                {
                    "runtime": m.runtime,
                    "export": str(m.export),
                    "devices": list(m.devices),
                    "requests": m.requests,
                    **asdict(m.speed),
                    "processor": m.speed.processor if m.in_process else None,
                    "times_saved_model": self.times_saved_model(m),
                }
                for m in self.measured
            ],
        }


def benchmark_model(
    model: Path,
    *,
    requests: Sequence[int] = REQUESTS,
    seconds: float = 5.0,
    progress: Progress = silent,
) -> Benchmark:
    """Measure an export, or all exports of a run, on each runtime of this machine.

    Args:
        model: A folder that ``od export`` made, or a run with exports below it.
        requests: How many images to have in flight.
        seconds: How long to measure each, at least.
        progress: Told before each measurement.

    Raises:
        ExportError: There is no export, or one is broken.
        OdError: Nothing could be measured; the first reason is told.
    """
    check_model(model)
    exports = find_exports(model)
    records = next(
        (r for e in exports if (r := recorded_folder(read_od_json(e.folder).get("records")))), None
    )
    images, source = sample_images(records)
    openers = [found for export in exports for found in _runtimes(export)]
    # TensorFlow's threads never rest once they are there: it comes last.
    openers.sort(key=lambda found: found[0] == SAVED_MODEL)
    measured: list[Measured] = []
    errors: dict[str, OdError] = {}
    total = len(openers) * len(requests)
    for position, (runtime, export, opener) in enumerate(openers):
        for number, count in enumerate(requests):
            progress(position * len(requests) + number, total, f"{runtime}, {count} in flight")
            try:
                timed = opener(count)
            except OdError as error:
                errors[runtime] = error
                break
            try:
                speed = measure_speed(timed, images, seconds=seconds)
            finally:
                timed.close()
            names = tuple(device.name for device in timed.devices)
            measured.append(Measured(runtime, export.folder, names, count, speed))
    progress(total, total, "done")
    if not measured and errors:
        raise next(iter(errors.values()))
    order = [SAVED_MODEL, IR, STICK_IR, OLDER, STICKS]
    measured.sort(key=lambda m: (order.index(m.runtime), str(m.export), m.requests))
    left_out = tuple((runtime, str(error)) for runtime, error in errors.items())
    return Benchmark(model, (len(images), source), seconds, tuple(measured), left_out)


def find_exports(model: Path) -> list[ExportedDetector]:
    """Return an export, or all exports below a run.

    Raises:
        ExportError: There is none, or one is broken.
    """
    if (model / "od.json").is_file() and read_od_json(model).get("kind") != "run":
        return [read_export(model)]
    folders = sorted(path.parent for path in (model / "export").glob("*/od.json"))
    exports = [
        read_export(folder) for folder in folders if read_od_json(folder).get("kind") == "export"
    ]
    if not exports:
        raise ExportError(
            f"{model}: holds no export, neither itself nor in export/",
            hint="make some: od export --target saved_model, openvino or myriad",
        )
    return exports


def _runtimes(export: ExportedDetector) -> Iterator[tuple[str, ExportedDetector, _Opener]]:
    """Yield the runtimes for an export, each with what opens it for some requests."""
    if export.target == "saved_model":
        yield SAVED_MODEL, export, lambda count: _callable(export, count)
    elif export.target == "openvino":
        yield IR, export, lambda count: _openvino(export, count)
    else:
        yield STICK_IR, export, lambda count: _openvino(export, count)
        yield OLDER, export, lambda count: _shared(open_toolchain_cpu(export, requests=count))
        yield STICKS, export, lambda count: _sticks(export, count)


def _callable(export: ExportedDetector, count: int) -> Timed:
    device = CallableDevice(load_detector(export.folder), "CPU", count)
    return Timed([device], lambda image: image, lambda found, _: found, device.close)


def _openvino(export: ExportedDetector, count: int) -> Timed:
    if export.target == "openvino":
        device, prepare, finish = ir_in_flight(export.model, requests=count)
    else:
        device, prepare, finish = ssd_ir_in_flight(export.model, export.input_spec, requests=count)
    return Timed([device], prepare, finish, device.close)


def _shared(detector: SharedDetector) -> Timed:
    return Timed(detector.devices, detector.prepare, detector.finish, detector.close)


def _sticks(export: ExportedDetector, count: int) -> Timed:
    if not find_sticks(Path("/")):
        raise DeviceError("none plugged in", hint="run od doctor")
    return _shared(open_sticks(export, requests=count))
