"""What evaluating a detector gives: the truth and the detections of each image, no pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from od.structures.detections import Detections


@dataclass(frozen=True)
class Truth:
    """The labelled objects of one image.

    Args:
        boxes: float64 ``(N, 4)``, ``(xmin, ymin, xmax, ymax)`` in pixels, on pixel edges.
        class_ids: int32 ``(N,)``, 1-based as in the label map.
        difficult: bool ``(N,)``: marked by the labeller as hard to recognise. Such an object
            counts neither as missed nor, when found, as right or wrong.

    Raises:
        ValueError: The three do not have those shapes.
    """

    boxes: NDArray[np.float64]
    class_ids: NDArray[np.int32]
    difficult: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.class_ids)
        shapes = (self.boxes.shape, self.class_ids.shape, self.difficult.shape)
        if shapes != ((n, 4), (n,), (n,)):
            raise ValueError(
                f"boxes, class ids and difficult have shapes {shapes}, not (N, 4), (N,), (N,)"
            )

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True)
class ImageResult:
    """One image of an evaluation.

    Args:
        position: 0-based place of the image in its part of the records.
        name: Its file name as the record states it.
        truth: What the labels say.
        detections: What the detector said, best first.
    """

    position: int
    name: str
    truth: Truth
    detections: Detections
