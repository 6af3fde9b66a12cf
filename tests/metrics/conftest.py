"""Images of an evaluation, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from od.structures.detections import Detections
from od.structures.evaluation import ImageResult, Truth

Box = tuple[float, float, float, float]


def _image(
    truth: Sequence[tuple[int, Box]] = (),
    found: Sequence[tuple[int, float, Box]] = (),
    difficult: Sequence[int] = (),
    position: int = 0,
) -> ImageResult:
    marks = np.zeros(len(truth), bool)
    marks[list(difficult)] = True
    found = sorted(found, key=lambda item: -item[1])
    return ImageResult(
        position,
        f"{position}.jpg",
        Truth(
            np.array([box for _, box in truth], np.float64).reshape(-1, 4),
            np.array([class_id for class_id, _ in truth], np.int32),
            marks,
        ),
        Detections(
            np.array([box for _, _, box in found], np.float32).reshape(-1, 4),
            np.array([score for _, score, _ in found], np.float32),
            np.array([class_id for class_id, _, _ in found], np.int32),
        ),
    )


@pytest.fixture
def make_image() -> Callable[..., ImageResult]:
    """``make_image(truth=[(class, box)], found=[(class, score, box)], difficult=[index])``."""
    return _image
