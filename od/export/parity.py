"""Whether an exported model finds what the trained one finds, on sample images.

Two detectors never give the same bits.  Where two neighbouring boxes have nearly the same
score, non-maximum suppression may keep the other one: such an exchange is counted, and
only a few are let pass, as of boxes that one of the two does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import ImageError
from od.images import decode_image, find_images, read_image_bytes, usable_image
from od.records.parts import parts, read_part
from od.shipped import shipped
from od.structures.artifacts import Detector
from od.structures.boxes import BoundingBox, iou
from od.structures.detections import Detections

SCORE = 0.3  # detections above it are compared
TOP = 10  # or this many of the best in each image, when a weak model has fewer above it in all
MAX_PIXELS = 1.0
MAX_SCORE = 0.01
SAMPLES = 8
SAMPLE_SIDE = 640  # pixels; a pixel of a huge photograph would ask for more than float16 gives
_EXCHANGE_IOU = 0.5  # below every configuration's NMS threshold, so neighbours of one object
_EXCHANGED_SHARE = 0.1
# A box whose overlap with a better one is the NMS threshold itself, to five digits, is kept by
# one detector and dropped by the other: 2 in 1,077 for an SSD after 300 steps.
_MISSING_SHARE = 0.01
_FULL = 100  # max_total_detections of the official configurations, or more


@dataclass(frozen=True)
class Parity:
    """How far two detectors are apart.

    Args:
        images: Sample images.
        samples: Where they are from.
        compared: Detections compared, in both directions.
        exchanged: Of these, those where another box of nearly the same score was kept.
        missing: Of these, those that the other detector does not have.
        max_pixels: Greatest difference of a coordinate, in pixels.
        max_score: Greatest difference of a score.
    """

    images: int
    samples: str
    compared: int
    exchanged: int
    missing: int
    max_pixels: float
    max_score: float

    @property
    def holds(self) -> bool:
        """Whether the two can stand for one another."""
        return (
            self.compared > 0
            and self.missing <= _MISSING_SHARE * self.compared
            and self.exchanged <= max(1, _EXCHANGED_SHARE * self.compared)
        )

    @property
    def summary(self) -> str:
        """One line, as "160 detections in 8 images: boxes within 0.02 px, scores within 0.0004"."""
        text = (
            f"{self.compared} detections in {self.images} images:"
            f" boxes within {self.max_pixels:.3f} px, scores within {self.max_score:.4f}"
        )
        if self.exchanged:
            text += f", {self.exchanged} exchanged for a neighbour of the same score"
        return text + (f", {self.missing} missing" if self.missing else "")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)


def compare_detectors(
    reference: Detector, other: Detector, images: Sequence[NDArray[np.uint8]], *, samples: str
) -> Parity:
    """Run both detectors over the images and match what they find, in both directions.

    Args:
        reference: The trained model.
        other: The exported one.
        images: RGB ``(H, W, 3)``.
        samples: Where they are from, for the record.
    """
    return compare_detections(
        [(reference(image), other(image)) for image in images], samples=samples
    )


def compare_detections(pairs: Sequence[tuple[Detections, Detections]], *, samples: str) -> Parity:
    """Match what two detectors found in the same images, in both directions.

    Args:
        pairs: The reference's detections and the other's, image by image.
        samples: Where the images are from, for the record.
    """
    weak = sum(int((a.scores > SCORE).sum()) for a, _ in pairs) < TOP
    found: list[tuple[str, float, float]] = []
    for a, b in pairs:
        found += _compare(a, b, weak=weak)
        found += _compare(b, a, weak=weak)
    same = [(pixels, score) for kind, pixels, score in found if kind == "same"]
    kinds = [kind for kind, _, _ in found]
    return Parity(
        images=len(pairs),
        samples=samples,
        compared=len(found),
        exchanged=kinds.count("exchanged"),
        missing=kinds.count("missing"),
        max_pixels=max((pixels for pixels, _ in same), default=0.0),
        max_score=max((score for _, score in same), default=0.0),
    )


def _compare(ours: Detections, theirs: Detections, *, weak: bool) -> list[tuple[str, float, float]]:
    """Look for each of our best detections among theirs: kind, pixels and score apart."""
    above = int((ours.scores > SCORE).sum())
    count = min(len(ours), max(above, TOP)) if weak else above
    return [_match(ours, index, theirs) for index in range(count)]


def _match(ours: Detections, index: int, theirs: Detections) -> tuple[str, float, float]:
    box, score = ours.boxes[index], ours.scores[index]
    scores = np.abs(theirs.scores - score)
    alike = (theirs.class_ids == ours.class_ids[index]) & (scores <= MAX_SCORE)
    if alike.any():
        pixels = np.where(alike, np.abs(theirs.boxes - box).max(axis=1), np.inf)
        best = int(pixels.argmin())
        if pixels[best] <= MAX_PIXELS:
            return "same", float(pixels[best]), float(scores[best])
        if any(_overlap(box, other) >= _EXCHANGE_IOU for other in theirs.boxes[alike]):
            return "exchanged", 0.0, 0.0
    # A model lists a fixed number of detections; of a crowd, equals drop out at the end.
    if len(theirs) >= _FULL and score <= theirs.scores[-1] + MAX_SCORE:
        return "exchanged", 0.0, 0.0
    return "missing", 0.0, 0.0


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    try:
        return iou(BoundingBox(*map(float, a)), BoundingBox(*map(float, b)))
    except ValueError:  # a box without area
        return 0.0


def sample_images(records: Path | None) -> tuple[list[NDArray[np.uint8]], str]:
    """Return a few images to compare on, and where they are from.

    Those of the records' val part (else train), else of the sample that ships with od, else
    made up; none is larger than 640 pixels.
    """
    if records is not None:
        part = next((part for part in ("val", "train") if part in parts(records)), None)
        if part is not None:
            encoded = ((image.encoded, image.filename) for image in read_part(records, part))
            images = _decoded(encoded)
            if images:
                return images, f"{records.as_posix()}, {part} part"
    shipped_files = find_images(shipped("annotations"))
    images = _decoded((read_image_bytes(path), path.name) for path in shipped_files)
    if images:
        return images, "the sample that ships with od"
    return [_made_up(seed) for seed in range(SAMPLES)], "made-up images"


def _decoded(files: Iterable[tuple[bytes, str]]) -> list[NDArray[np.uint8]]:
    images = []
    for data, name in islice(files, SAMPLES):
        try:
            usable = usable_image(data, name=name, max_side=SAMPLE_SIDE)
        except ImageError:
            continue  # samples only: od prepare and od inspect report broken images
        images.append(decode_image(usable.encoded, name=name))
    return images


def _made_up(seed: int) -> NDArray[np.uint8]:
    """Return blocks of colour under noise, ``(240, 320, 3)``."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (6, 8, 3)).repeat(40, axis=0).repeat(40, axis=1)
    noise = rng.normal(0, 12, (240, 320, 3))
    return (blocks + noise).clip(0, 255).astype(np.uint8)
