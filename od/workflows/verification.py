"""Does an export for sticks find what the trained model finds?  Measured on every runtime here.

The same images of the records go through the trained model on tensorflow, the IR on the
current OpenVINO, the IR on the CPU of the release that sticks need, and the script that
travels with the export, which reads and resizes image files by itself; through a stick as
well when one is plugged in.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import ExportError, OdError
from od.evaluate import check_evaluable, evaluate_detector
from od.export import read_source
from od.export.parity import Parity, compare_detections
from od.metrics.evaluation import Evaluation
from od.outputs import read_od_json, refuse_foreign, whole_folder, write_od_json
from od.records.label_map_file import read_label_map
from od.records.parts import read_part
from od.structures.artifacts import Detector
from od.structures.detections import Detections
from od.structures.progress import Progress, silent
from od.workflows.evaluation import recorded_folder

KIND = "verification"
TRAINED = "trained model, TensorFlow"
CURRENT = "IR, current OpenVINO"
OLDER = "IR, OpenVINO 2021.4.2 on the CPU"
SCRIPT = "detect_on_stick.py, current OpenVINO"
OLDER_SCRIPT = "detect_on_stick.py, OpenVINO 2021.4.2"
STICK = "IR, on the sticks here"
_SCRIPT_FILE = "detect_on_stick.py"


@dataclass(frozen=True)
class Runtime:
    """What one runtime found.

    Args:
        name: As ``TRAINED`` and so on.
        evaluation: Its COCO metrics.
        differences: From the first runtime, image by image; empty for the first.
        parity: The same over all images; None for the first.
    """

    name: str
    evaluation: Evaluation
    differences: tuple[tuple[str, Parity], ...] = ()
    parity: Parity | None = None


@dataclass(frozen=True)
class Verification:
    """An export on every runtime that is here.

    Args:
        export: The export's folder.
        records: The folder of records.
        part: "val", "test" or "train".
        runtimes: The first is what the others are compared with.
        left_out: Runtimes that are not here, and why.
    """

    export: Path
    records: Path
    part: str
    runtimes: tuple[Runtime, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def map_difference(self) -> float:
        """The greatest difference of mAP from the first runtime."""
        first = self.runtimes[0].evaluation.metrics.map or 0.0
        return max(
            (abs((r.evaluation.metrics.map or 0.0) - first) for r in self.runtimes), default=0.0
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object."""
        return {
            "export": str(self.export),
            "records": str(self.records),
            "part": self.part,
            "map_difference": self.map_difference,
            "left_out": dict(self.left_out),
            "runtimes": [
                {
                    "name": runtime.name,
                    "metrics": runtime.evaluation.metrics.to_json(),
                    "parity": runtime.parity.to_json() if runtime.parity else None,
                }
                for runtime in self.runtimes
            ],
        }


def is_stick_export(folder: Path) -> bool:
    """Tell whether a folder is an export for sticks."""
    return (folder / "od.json").is_file() and read_od_json(folder).get("target") == "myriad"


def verify_export(
    export: Path, *, records: Path | None = None, part: str = "val", progress: Progress = silent
) -> Verification:
    """Measure an export for sticks on every runtime of this machine.

    Args:
        export: A folder that ``od export --target myriad`` made.
        records: A folder of records; None takes those of the run it was exported from.
        part: "val", "test" or "train".
        progress: Told after each image of each runtime.

    Raises:
        ExportError: The export is broken.
        RecordError: There are no such records, or they are broken.
        LabelMapError: The records' classes are not the detector's.
    """
    facts = read_od_json(export)
    folder = records or recorded_folder(facts.get("records")) or Path("records")
    label_map = read_label_map(export / "label_map.pbtxt")
    check_evaluable(folder, part, label_map)
    names = [image.filename for image in read_part(folder, part)]
    found: dict[str, list[Detections]] = {}
    evaluations: dict[str, Evaluation] = {}
    left_out: list[tuple[str, str]] = []
    for name, opened in _openers(export, facts, folder, part):
        try:
            with opened() as detector:
                recorder = _Recorder(detector)
                evaluations[name] = evaluate_detector(
                    recorder,
                    folder,
                    part,
                    label_map=label_map,
                    progress=_named(progress, name),
                )
                found[name] = recorder.found
        except OdError as error:
            if name == CURRENT:
                raise
            left_out.append((name, str(error)))
    runtimes = _compared(names, found, evaluations, str(folder))
    return Verification(export, folder, part, runtimes, tuple(left_out))


def _named(progress: Progress, name: str) -> Progress:
    def tell(done: int, total: int, _: str = "", /) -> None:
        progress(done, total, name)

    return tell


class _Recorder:
    """Passes images on to a detector and keeps what it finds."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.found: list[Detections] = []

    def __call__(self, image: NDArray[np.uint8], /) -> Detections:
        self.found.append(self._detector(image))
        return self.found[-1]


def _compared(
    names: Sequence[str],
    found: dict[str, list[Detections]],
    evaluations: dict[str, Evaluation],
    samples: str,
) -> tuple[Runtime, ...]:
    first = next(iter(found))
    runtimes = [Runtime(first, evaluations[first])]
    for name in list(found)[1:]:
        pairs = list(zip(found[first], found[name], strict=True))
        differences = tuple(
            (file, compare_detections([pair], samples=file))
            for file, pair in zip(names, pairs, strict=True)
        )
        parity = compare_detections(pairs, samples=samples)
        runtimes.append(Runtime(name, evaluations[name], differences, parity))
    return tuple(runtimes)


_Opener = Callable[[], Any]


def _openers(
    export: Path, facts: dict[str, Any], records: Path, part: str
) -> Iterator[tuple[str, _Opener]]:
    """Yield each runtime's name and what opens a detector on it, as a context."""
    from od.myriad.toolchain import find_toolchain

    toolchain = find_toolchain()
    yield TRAINED, lambda: _trained(_run_of(export, facts), export)
    yield CURRENT, lambda: _current(export)
    yield OLDER, lambda: _older(export)
    yield STICK, lambda: _sticks(export)
    yield SCRIPT, lambda: _script(export, records, part, Path(sys.executable), {})
    if toolchain is None:
        yield OLDER_SCRIPT, lambda: _older(export)  # which says what is missing
    else:
        environment = dict(toolchain.environment)
        yield OLDER_SCRIPT, lambda: _script(export, records, part, toolchain.python, environment)


def _run_of(export: Path, facts: dict[str, Any]) -> Path:
    """The run is where it was exported from, or, seen from another folder, above its export."""
    named, above = Path(str(facts.get("run"))), export.resolve().parent.parent
    return above if not named.is_dir() and (above / "pipeline.config").is_file() else named


@contextmanager
def _trained(run: Path, export: Path) -> Iterator[Detector]:
    from od.odapi.model import load_run_detector

    source = read_source(run, label_map=export / "label_map.pbtxt", unfinished=True)
    if source.checkpoint.name != read_od_json(export).get("checkpoint"):
        raise ExportError(
            f"{run}: was trained further since it was exported", hint="export it again"
        )
    yield load_run_detector(run, source.checkpoint)


@contextmanager
def _current(export: Path) -> Iterator[Detector]:
    from od.detect import load_detector

    yield load_detector(export)


@contextmanager
def _older(export: Path) -> Iterator[Detector]:
    from od.detect.ssd_ir import toolchain_detector

    with toolchain_detector(export) as detector:
        yield detector


@contextmanager
def _sticks(export: Path) -> Iterator[Detector]:
    from od.detect.exports import read_export
    from od.detect.sticks import open_sticks

    detector = open_sticks(read_export(export))
    try:
        yield detector
    finally:
        detector.close()


@contextmanager
def _script(
    export: Path, records: Path, part: str, python: Path, environment: dict[str, str]
) -> Iterator[Detector]:
    """Run the export's own script over image files; give its results in their order."""
    with tempfile.TemporaryDirectory(prefix="od-verify-") as scratch:
        folder = Path(scratch)
        for number, image in enumerate(read_part(records, part)):
            (folder / f"{number:06d}.{image.format}").write_bytes(image.encoded)
        found = run_stick_script(export, [folder], python=python, environment=environment)
        results = iter(found)

        def detect(_: NDArray[np.uint8], /) -> Detections:
            return next(results)

        yield detect


def run_stick_script(
    export: Path,
    sources: Sequence[Path],
    *,
    threshold: float = 0.0,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Detections]:
    """Run the script that travels with an export on the CPU; one result per image.

    Args:
        export: A folder that ``od export --target myriad`` made.
        sources: Images and folders of them.
        threshold: Detections with a lower score are left out.
        python: Which Python runs it; this one by default.
        environment: Variables to add.

    Raises:
        ExportError: The script ended with an error; its last words are quoted.
    """
    script = (export / _SCRIPT_FILE).resolve()
    command = [str(python or sys.executable), str(script), *map(str, sources)]
    done = subprocess.run(
        [*command, "--device", "CPU", "--json", "--threshold", str(threshold)],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no words"]
        raise ExportError(
            f"{script}: ended with status {done.returncode}: {words[-1]}", hint="export it again"
        )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [_detections(line["objects"]) for line in lines]


def _detections(objects: list[dict[str, Any]]) -> Detections:
    return Detections(
        boxes=np.array([o["box"] for o in objects], np.float32).reshape(-1, 4),
        scores=np.array([o["score"] for o in objects], np.float32),
        class_ids=np.array([o["class_id"] for o in objects], np.int32),
    )


def write_verification(made: Verification, folder: Path) -> tuple[Path, ...]:
    """Write ``verification.json`` and ``differences.csv``, one line per runtime and image.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    refuse_foreign(folder, KIND)
    with whole_folder(folder) as new:
        text = json.dumps(made.to_json(), indent=2, ensure_ascii=False)
        (new / "verification.json").write_text(text + "\n", encoding="utf-8")
        with (new / "differences.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(
                ["runtime", "image", "compared", "exchanged", "missing", "max_pixels", "max_score"]
            )
            for runtime in made.runtimes:
                for image, p in runtime.differences:
                    pixels, score = round(p.max_pixels, 3), round(p.max_score, 5)
                    row = [p.compared, p.exchanged, p.missing, pixels, score]
                    table.writerow([runtime.name, image, *row])
        write_od_json(new, KIND, {"export": str(made.export), "part": made.part})
    return folder / "verification.json", folder / "differences.csv"
