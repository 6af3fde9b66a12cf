"""STEP evaluate_detector: run a detector over one part of the records and measure it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from od.errors import LabelMapError, RecordError
from od.images import decode_image
from od.metrics.evaluation import Evaluation, assess
from od.records.label_map_file import read_label_map
from od.records.parts import count_part, read_part
from od.records.tf_example import RecordedImage
from od.structures.artifacts import Detector
from od.structures.evaluation import ImageResult, Truth
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent


def check_evaluable(folder: Path, part: str, label_map: LabelMap) -> None:
    """Refuse records that a detector cannot be measured on, before the slow work begins.

    Args:
        folder: Holds the records; its ``label_map.pbtxt`` is compared where it exists.
        part: "val", "test" or "train".
        label_map: The detector's classes.

    Raises:
        RecordError: The folder has no such part.
        LabelMapError: The records have a class that the detector lacks or knows by another id.
    """
    count_part(folder, part)
    file = folder / "label_map.pbtxt"
    if not file.is_file():
        return
    known = dict(label_map.items)
    for class_id, name in read_label_map(file).items:
        if known.get(class_id) != name:
            raise LabelMapError(
                f"{file}: class {class_id} is '{name}', the detector's is "
                f"{_quoted(known.get(class_id))}",
                hint="give the records that the detector was trained on, or prepare them with "
                "--label-map and the run's label_map.pbtxt",
            )


def evaluate_detector(
    detector: Detector,
    folder: Path,
    part: str,
    *,
    label_map: LabelMap,
    progress: Progress = silent,
) -> Evaluation:
    """Run a detector over one part of the records and measure what it finds.

    Images are read one after the other and let go; truth and detections are kept.

    Args:
        detector: Anything that finds objects in one image.
        folder: Holds the records.
        part: "val", "test" or "train".
        label_map: The detector's classes.
        progress: Told after each image.

    Raises:
        RecordError: There is no such part, a record is broken, or the part is empty.
        LabelMapError: A record has a class id that the detector lacks.
        ImageError: An image cannot be decoded.
    """
    check_evaluable(folder, part, label_map)
    total = count_part(folder, part)
    results: list[ImageResult] = []
    left_out = 0
    for position, image in enumerate(read_part(folder, part)):
        where = f"{folder}: {part} image {position} ('{image.filename}')"
        truth, without_area = _truth(image, label_map, where)
        left_out += without_area
        detections = detector(decode_image(image.encoded, name=where))
        results.append(ImageResult(position, image.filename, truth, detections))
        progress(position + 1, total, "images")
    if not results:
        raise RecordError(
            f"{folder}: part '{part}' holds no image", hint="prepare it with more images"
        )
    return assess(results, label_map, left_out=left_out)


def _quoted(name: str | None) -> str:
    return f"'{name}'" if name is not None else "none"


def _truth(image: RecordedImage, label_map: LabelMap, where: str) -> tuple[Truth, int]:
    """Return the objects with an area, and how many have none."""
    known = dict(label_map.items)
    for class_id in image.class_ids:
        if class_id not in known:
            raise LabelMapError(
                f"{where}: class id {class_id}, the detector knows "
                f"{', '.join(str(i) for i in known)}",
                hint="give the records that the detector was trained on",
            )
    kept = [
        (annotation, class_id)
        for annotation, class_id in zip(image.annotations, image.class_ids, strict=True)
        if annotation.corners[0] < annotation.corners[2]
        and annotation.corners[1] < annotation.corners[3]
    ]
    truth = Truth(
        np.array([a.corners for a, _ in kept], dtype=np.float64).reshape(-1, 4),
        np.array([class_id for _, class_id in kept], dtype=np.int32),
        np.array([a.difficult for a, _ in kept], dtype=bool),
    )
    return truth, len(image.annotations) - len(kept)
