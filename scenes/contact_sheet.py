"""Many scenes on one sheet, with their boxes: for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.canvas import Box

_COLOURS = (
    (255, 60, 60),
    (60, 220, 60),
    (70, 130, 255),
    (255, 200, 0),
    (255, 0, 255),
    (0, 230, 230),
)


def with_boxes(image: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """Return the image with each box and its class name drawn."""
    drawn = np.ascontiguousarray(image)
    for name, xmin, ymin, xmax, ymax in boxes:
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        cv2.rectangle(drawn, (xmin, ymin), (xmax - 1, ymax - 1), colour, 1)
        at = (xmin + 2, max(ymin - 2, 8))
        cv2.putText(drawn, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, 1, cv2.LINE_AA)
    return drawn


def contact_sheet(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Return images side by side, each in a cell of the largest one's size."""
    height = max(image.shape[0] for image in images) + 4
    width = max(image.shape[1] for image in images) + 4
    rows = -(-len(images) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet
