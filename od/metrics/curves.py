"""Precision against recall for each class, and the score threshold that serves it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.metrics.matching import match_class
from od.structures.evaluation import ImageResult
from od.structures.label_map import LabelMap

_DEFAULT_THRESHOLD = 0.5  # where nothing was found, no score is better than another


@dataclass(frozen=True)
class PrecisionRecall:
    """The curve of one class (or of all together) at one IoU.

    Args:
        class_id: 1-based, None for all classes together.
        name: The class's name.
        objects: Labelled objects, difficult ones not counted.
        scores: float64 ``(N,)``, falling: the threshold at each point.
        precision: float64 ``(N,)`` in [0, 1]: share of the detections so far that are right.
        recall: float64 ``(N,)`` in [0, 1], rising: share of the objects found so far; empty
            when there is no object.
    """

    class_id: int | None
    name: str
    objects: int
    scores: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def best_f1(self) -> tuple[float, float]:
        """Return the highest F1 and the score threshold that gives it.

        Without a right detection the F1 is 0 and the threshold 0.5.
        """
        if not len(self.scores) or not self.recall.any():
            return 0.0, _DEFAULT_THRESHOLD
        total = self.precision + self.recall
        f1 = np.divide(
            2 * self.precision * self.recall, total, out=np.zeros_like(total), where=total > 0
        )
        best = int(np.argmax(f1))
        return float(f1[best]), float(self.scores[best])

    def at(self, threshold: float) -> tuple[float | None, float | None]:
        """Return precision and recall of the detections with a score of at least ``threshold``.

        None where there is nothing to divide by: no such detection, no object.
        """
        shown = int(np.count_nonzero(self.scores >= threshold))
        if not shown:
            return None, 0.0 if self.objects else None
        return float(self.precision[shown - 1]), float(self.recall[shown - 1])

    def to_json(self) -> dict[str, Any]:
        """Return the summary (not the points) as a JSON object."""
        f1, threshold = self.best_f1()
        precision, recall = self.at(threshold)
        return {
            "name": self.name,
            "objects": self.objects,
            "best_f1": f1,
            "best_f1_threshold": threshold,
            "precision_there": precision,
            "recall_there": recall,
        }


def precision_recall(
    images: Sequence[ImageResult], label_map: LabelMap, *, iou: float = 0.5
) -> tuple[PrecisionRecall, tuple[PrecisionRecall, ...]]:
    """Draw up the curve of all classes together and of each class.

    Args:
        images: Truth and detections of each image.
        label_map: The classes.
        iou: Lowest overlap that counts as found, in [0, 1].

    Returns:
        The curve over all classes, and one for each class of the label map, in its order.
    """
    curves = []
    all_scores, all_verdicts, all_objects = [], [], 0
    for class_id, name in label_map.items:
        matched = [match_class(i.truth, i.detections, class_id, iou=iou) for i in images]
        scores = np.concatenate([s for s, _ in matched]) if matched else np.zeros(0)
        verdicts = np.concatenate([v for _, v in matched]) if matched else np.zeros(0, np.int8)
        objects = sum(
            int(np.count_nonzero((i.truth.class_ids == class_id) & ~i.truth.difficult))
            for i in images
        )
        curves.append(_curve(class_id, name, objects, scores, verdicts))
        all_scores.append(scores)
        all_verdicts.append(verdicts)
        all_objects += objects
    together = _curve(
        None,
        "all classes",
        all_objects,
        np.concatenate(all_scores) if all_scores else np.zeros(0),
        np.concatenate(all_verdicts) if all_verdicts else np.zeros(0, np.int8),
    )
    return together, tuple(curves)


def _curve(
    class_id: int | None,
    name: str,
    objects: int,
    scores: NDArray[np.float64],
    verdicts: NDArray[np.int8],
) -> PrecisionRecall:
    counted = verdicts >= 0
    scores, verdicts = scores[counted], verdicts[counted]
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(verdicts[order], dtype=np.float64)
    if objects == 0:  # no recall to speak of
        empty = np.zeros(0)
        return PrecisionRecall(class_id, name, 0, empty, empty, empty)
    # Detections of one score come in or stay out together: one point for each score.
    last = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, bool)
    shown = np.flatnonzero(last) + 1
    right = right[last]
    return PrecisionRecall(class_id, name, objects, scores[last], right / shown, right / objects)
