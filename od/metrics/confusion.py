"""The confusion matrix: what each object was taken for, background included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.metrics.matching import image_errors
from od.structures.evaluation import ImageResult
from od.structures.label_map import LabelMap


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of (true class, detected class) at a score threshold.

    Args:
        names: The class names, in the order of their ids; the background comes after them.
        counts: int64 ``(K + 1, K + 1)``; row = truth, column = detection, the last of each
            is the background: the last column counts missed objects, the last row false alarms.
        threshold: Lowest score that counted.
        iou: Lowest overlap that counted as found.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    threshold: float
    iou: float

    def shares(self) -> NDArray[np.float64]:
        """Return the counts as shares in [0, 1].

        A class's row is divided by its objects, the background's by all detections: three
        false alarms among a thousand detections are few, though they are all of their row.
        """
        whole = self.counts.sum(axis=1, keepdims=True)
        whole[-1] = self.counts[:, :-1].sum()
        shares: NDArray[np.float64] = self.counts / whole.clip(min=1)
        return shares

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as a JSON object."""
        return {
            "rows": "truth",
            "columns": "detection",
            "names": [*self.names, "(background)"],
            "counts": self.counts.tolist(),
            "score_threshold": self.threshold,
            "iou_threshold": self.iou,
        }


def confusion_matrix(
    images: Iterable[ImageResult], label_map: LabelMap, *, threshold: float, iou: float = 0.5
) -> ConfusionMatrix:
    """Count what each object was taken for.

    Args:
        images: Truth and detections of each image; class ids outside the label map count as
            background's.
        label_map: The classes, in the order of the matrix.
        threshold: Lowest score that counts, in [0, 1].
        iou: Lowest overlap that counts as found, in [0, 1].
    """
    background = len(label_map)
    place = {class_id: index for index, (class_id, _) in enumerate(label_map.items)}
    counts = np.zeros((background + 1, background + 1), dtype=np.int64)
    for image in images:
        errors = image_errors(image.truth, image.detections, threshold=threshold, iou=iou)
        true = [place.get(int(i), background) for i in image.truth.class_ids]
        detected = [place.get(int(i), background) for i in image.detections.class_ids]
        for row, column in (*errors.correct, *errors.wrong_class):
            counts[true[row], detected[column]] += 1
        for row in errors.missed:
            counts[true[row], background] += 1
        for column in errors.false_alarms:
            counts[background, detected[column]] += 1
    return ConfusionMatrix(label_map.names, counts, threshold, iou)
