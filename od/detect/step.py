"""STEP detect_in_images: image files -> what a detector finds in each, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from od.detect.devices import CallableDevice
from od.detect.sharing import Say, say_nothing, share_frames
from od.detect.sticks import SharedDetector
from od.errors import ImageError
from od.images import read_image
from od.structures.artifacts import Detector
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent

T = TypeVar("T")


@dataclass(frozen=True)
class ImageDetections:
    """What was found in one image.

    Args:
        path: The image file.
        pixels: Upright RGB ``(H, W, 3)``.
        detections: In these pixels, best first.
    """

    path: Path
    pixels: NDArray[np.uint8]
    detections: Detections


def detect_in_images(
    detector: Detector,
    images: Sequence[Path],
    *,
    threshold: float = 0.0,
    progress: Progress = silent,
    say: Say = say_nothing,
) -> Iterator[ImageDetections | ImageError]:
    """Yield what a detector finds in each image, in their order.

    Images are read while the detector works on others; no more are held than it works on, and
    as many again.

    Args:
        detector: Anything that finds objects in one image; sticks share the images.
        images: Image files.
        threshold: Detections with a lower score are left out.
        progress: Told after each image.
        say: Told of each stick that goes while others are left.

    Yields:
        The detections, or, for an image that is missing or broken, the error that says so.

    Raises:
        DeviceGoneError: The last stick went.
    """
    each = detect_each(detector, _read_each(images), say=say)
    for position, (read, pixels, found) in enumerate(each):
        if isinstance(read, ImageError):
            yield read
        elif pixels is not None and found is not None:
            yield ImageDetections(read, pixels, found.above(threshold))
        progress(position + 1, len(images), "images")


def _read_each(
    images: Sequence[Path],
) -> Iterator[tuple[Path | ImageError, NDArray[np.uint8] | None]]:
    for path in images:
        try:
            yield path, read_image(path)
        except ImageError as error:
            yield error, None


def detect_each(
    detector: Detector,
    images: Iterable[tuple[T, NDArray[np.uint8] | None]],
    *,
    window: int | None = None,
    say: Say = say_nothing,
) -> Iterator[tuple[T, NDArray[np.uint8] | None, Detections | None]]:
    """Yield what a detector finds in each image, in their order, keeping all its devices at work.

    Args:
        detector: Anything that finds objects in one image; a ``SharedDetector`` on its devices.
        images: Pairs of what is handed back, and the pixels; None keeps its place and stays None.
        window: How many images are held at once; None: twice what the devices take.
        say: Told of each device that goes while others are left.

    Raises:
        DeviceGoneError: The last device went.
    """
    if isinstance(detector, SharedDetector):
        shared = detector
        pairs = (
            ((thing, image), None if image is None else shared.prepare(image))
            for thing, image in images
        )
        for (thing, image), rows in share_frames(shared.devices, pairs, window=window, say=say):
            yield thing, image, None if image is None else shared.finish(rows, image)
        return
    thread = CallableDevice(detector, "detector")
    try:
        both = (((thing, image), image) for thing, image in images)
        for (thing, image), found in share_frames([thread], both, window=window):
            yield thing, image, found
    finally:
        thread.close()


class CocoResults:
    """Collects detections in the format of COCO: images, annotations with a score, categories.

    Args:
        label_map: The detector's classes.
    """

    def __init__(self, label_map: LabelMap) -> None:
        self._categories = [{"id": i, "name": name} for i, name in label_map.items]
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, found: ImageDetections) -> None:
        """Add one image; ids are counted from 1."""
        height, width = found.pixels.shape[:2]
        image_id = len(self._images) + 1
        self._images.append(
            {"id": image_id, "file_name": str(found.path), "width": width, "height": height}
        )
        each = zip(
            found.detections.boxes.tolist(),
            found.detections.scores.tolist(),
            found.detections.class_ids.tolist(),
            strict=True,
        )
        for (xmin, ymin, xmax, ymax), score, class_id in each:
            bbox = [round(value, 2) for value in (xmin, ymin, xmax - xmin, ymax - ymin)]
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": bbox,
                    "area": round(bbox[2] * bbox[3], 2),
                    "score": round(score, 5),
                }
            )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object; boxes are ``[x, y, width, height]`` in pixels."""
        return {
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }
