"""STEP detect_in_images: image files -> what a detector finds in each, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import ImageError
from od.images import read_image
from od.structures.artifacts import Detector
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent


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
) -> Iterator[ImageDetections | ImageError]:
    """Yield what a detector finds in each image, in their order.

    The next image is read while the detector works on this one; no more are held.

    Args:
        detector: Anything that finds objects in one image.
        images: Image files.
        threshold: Detections with a lower score are left out.
        progress: Told after each image.

    Yields:
        The detections, or, for an image that is missing or broken, the error that says so.
    """
    with ThreadPoolExecutor(max_workers=1) as reader:
        following: Future[NDArray[np.uint8]] | None = None
        for position, path in enumerate(images):
            reading = following or reader.submit(read_image, path)
            last = position + 1 == len(images)
            following = None if last else reader.submit(read_image, images[position + 1])
            try:
                pixels = reading.result()
            except ImageError as error:
                yield error
            else:
                yield ImageDetections(path, pixels, detector(pixels).above(threshold))
            progress(position + 1, len(images), "images")


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
