"""Which detection found which object: the matching behind curves, confusion and error lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from od.structures.detections import Detections
from od.structures.evaluation import Truth


def iou_matrix(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return intersection over union of every pair of boxes.

    Args:
        a: ``(N, 4)``, ``(xmin, ymin, xmax, ymax)``.
        b: ``(M, 4)``, the same.

    Returns:
        ``(N, M)`` in [0, 1]; 0 where a box has no area.

    Example:
        >>> iou_matrix(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10]])).round(3)
        array([[0.333]])
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - intersection
    overlaps = np.zeros_like(intersection)
    np.divide(intersection, union, out=overlaps, where=union > 0)
    return overlaps


def match_class(
    truth: Truth, detections: Detections, class_id: int, *, iou: float
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Match one class's detections in one image, best score first, as COCO does.

    Each detection takes the object with the highest IoU that no better detection took;
    a difficult object only if no other one is left for it.

    Returns:
        Scores ``(N,)``, best first, and for each 1 (right), 0 (false alarm) or -1
        (found a difficult object: counts for nothing).
    """
    mine = np.flatnonzero(detections.class_ids == class_id)
    mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
    objects = np.flatnonzero(truth.class_ids == class_id)
    overlaps = iou_matrix(detections.boxes[mine], truth.boxes[objects])
    difficult = truth.difficult[objects]
    free = np.ones(len(objects), dtype=bool)
    verdicts = np.zeros(len(mine), dtype=np.int8)
    for row in range(len(mine)):
        for wanted in (~difficult, difficult):
            candidates = np.flatnonzero(free & wanted & (overlaps[row] >= iou))
            if len(candidates):
                best = candidates[np.argmax(overlaps[row, candidates])]
                free[best] = False
                verdicts[row] = -1 if difficult[best] else 1
                break
    return detections.scores[mine].astype(np.float64), verdicts


@dataclass(frozen=True)
class ImageErrors:
    """What is right and wrong in one image at a score threshold; places in truth and detections.

    Args:
        correct: ``(object, detection)`` pairs of the same class.
        wrong_class: ``(object, detection)`` pairs that overlap but differ in class.
        missed: Objects that nothing found.
        false_alarms: Detections where no object is (a second one on the same object included).
    """

    correct: tuple[tuple[int, int], ...]
    wrong_class: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false_alarms: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many things are wrong."""
        return len(self.wrong_class) + len(self.missed) + len(self.false_alarms)


def image_errors(
    truth: Truth, detections: Detections, *, threshold: float, iou: float = 0.5
) -> ImageErrors:
    """Compare one image's detections with its truth, whatever the classes.

    Pairs of the same class are joined first, the closest first; only what is left can be a
    confusion of two classes. Difficult objects take their detections out of the count.

    Args:
        truth: The labelled objects.
        detections: Those below ``threshold`` are passed over.
        threshold: Lowest score that counts, in [0, 1].
        iou: Lowest overlap that counts as found, in [0, 1].
    """
    shown = np.flatnonzero(detections.scores >= threshold)
    overlaps = iou_matrix(truth.boxes, detections.boxes[shown])
    same = truth.class_ids[:, None] == detections.class_ids[shown][None, :]
    counted = ~truth.difficult[:, None]
    free_objects = np.ones(len(truth), dtype=bool)
    free_shown = np.ones(len(shown), dtype=bool)
    found: dict[str, list[tuple[int, int]]] = {"correct": [], "difficult": [], "wrong": []}
    for kind, allowed in (
        ("correct", same & counted),
        ("difficult", np.broadcast_to(~counted, same.shape)),
        ("wrong", ~same & counted),
    ):
        rows, columns = np.nonzero(allowed & (overlaps >= iou))
        for pair in np.argsort(-overlaps[rows, columns], kind="stable"):
            row, column = int(rows[pair]), int(columns[pair])
            if free_objects[row] and free_shown[column]:
                free_objects[row] = free_shown[column] = False
                found[kind].append((row, int(shown[column])))
    return ImageErrors(
        correct=tuple(sorted(found["correct"])),
        wrong_class=tuple(sorted(found["wrong"])),
        missed=tuple(int(i) for i in np.flatnonzero(free_objects & ~truth.difficult)),
        false_alarms=tuple(int(i) for i in shown[free_shown]),
    )
