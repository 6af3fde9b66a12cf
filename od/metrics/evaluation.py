"""Everything that is measured on one part of the records, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from od.metrics.coco import Metrics, evaluate_coco
from od.metrics.confusion import ConfusionMatrix, confusion_matrix
from od.metrics.curves import PrecisionRecall, precision_recall
from od.metrics.matching import ImageErrors, image_errors
from od.structures.evaluation import ImageResult
from od.structures.label_map import LabelMap

IOU = 0.5  # overlap that counts as found in curves, confusion matrix and error lists


@dataclass(frozen=True)
class Evaluation:
    """A detector, measured.

    Args:
        label_map: The detector's classes.
        metrics: COCO's metrics.
        overall: Precision and recall of all classes together, at IoU 0.5.
        curves: The same for each class, in the order of the label map.
        threshold: The score threshold of the best F1 over all classes; confusion matrix and
            error lists count detections from this score on.
        confusion: At that threshold and IoU 0.5.
        images: Truth and detections of each image, in the order of the records.
        left_out: Labelled boxes without area, which no detector can find.
    """

    label_map: LabelMap
    metrics: Metrics
    overall: PrecisionRecall
    curves: tuple[PrecisionRecall, ...]
    threshold: float
    confusion: ConfusionMatrix
    images: tuple[ImageResult, ...]
    left_out: int = 0

    def errors(self, image: ImageResult) -> ImageErrors:
        """Return what is right and wrong in one of the images at ``threshold``."""
        return image_errors(image.truth, image.detections, threshold=self.threshold, iou=IOU)

    def worst(self, count: int) -> tuple[tuple[ImageResult, ImageErrors], ...]:
        """Return the images with the most errors, the worst first; those without are left out."""
        judged = [(image, self.errors(image)) for image in self.images]
        wrong = [pair for pair in judged if pair[1].count]
        wrong.sort(key=lambda pair: (-pair[1].count, pair[0].position))
        return tuple(wrong[:count])

    def to_json(self) -> dict[str, Any]:
        """Return everything but the single images as a JSON object."""
        return {
            **self.metrics.to_json(),
            "boxes_without_area_left_out": self.left_out,
            "score_threshold": self.threshold,
            "at_iou_50": {
                "all": self.overall.to_json(),
                "per_class": [curve.to_json() for curve in self.curves],
            },
            "confusion": self.confusion.to_json(),
        }


def assess(images: Sequence[ImageResult], label_map: LabelMap, *, left_out: int = 0) -> Evaluation:
    """Measure detections against the truth in every way that od knows.

    Args:
        images: Truth and detections of each image.
        label_map: The detector's classes.
        left_out: Labelled boxes that were not taken in, to be told.
    """
    overall, curves = precision_recall(images, label_map, iou=IOU)
    _, threshold = overall.best_f1()
    return Evaluation(
        label_map=label_map,
        metrics=evaluate_coco(images, label_map),
        overall=overall,
        curves=curves,
        threshold=threshold,
        confusion=confusion_matrix(images, label_map, threshold=threshold, iou=IOU),
        images=tuple(images),
        left_out=left_out,
    )
