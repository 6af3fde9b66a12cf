"""COCO's detection metrics, by pycocotools (whose owner this module is)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import MissingDependencyError
from od.structures.evaluation import ImageResult
from od.structures.label_map import LabelMap

# Places in COCOeval's axes: areaRng is all, small (< 32^2 px), medium, large (> 96^2 px);
# maxDets is 1, 10, 100 detections an image (pycocotools 2.0.11, cocoeval.Params).
_ALL, _SMALL, _MEDIUM, _LARGE = range(4)
_ONE, _TEN, _HUNDRED = range(3)
_IOU_50, _IOU_75 = 0, 5  # of 0.50, 0.55, ..., 0.95


@dataclass(frozen=True)
class ClassMetrics:
    """COCO metrics of one class; None where the truth has no object of it.

    Args:
        class_id: 1-based.
        name: The class's name.
        objects: Labelled objects, difficult ones not counted.
        ap: Average precision, mean over IoU 0.50 to 0.95, in [0, 1].
        ap50: At IoU 0.50.
        ap75: At IoU 0.75.
        ar100: Average recall with at most 100 detections an image.
    """

    class_id: int
    name: str
    objects: int
    ap: float | None
    ap50: float | None
    ap75: float | None
    ar100: float | None


@dataclass(frozen=True)
class Metrics:
    """COCO metrics of a detector; shares in [0, 1], None where nothing could be measured.

    Args:
        images: Images looked at.
        objects: Labelled objects in them, difficult ones not counted.
        difficult: Objects marked difficult: neither missed nor, when found, right or wrong.
        detections: Detections of any score.
        map: Mean average precision over the classes and IoU 0.50 to 0.95.
        map50: At IoU 0.50.
        map75: At IoU 0.75.
        map_small, map_medium, map_large: Of objects below 32^2, between, above 96^2 pixels.
        ar1, ar10, ar100: Average recall with at most so many detections an image.
        ar_small, ar_medium, ar_large: ``ar100`` by the object's size.
        per_class: In the order of the label map.
    """

    images: int
    objects: int
    difficult: int
    detections: int
    map: float | None
    map50: float | None
    map75: float | None
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    per_class: tuple[ClassMetrics, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as a JSON object."""
        return asdict(self)


def evaluate_coco(images: Sequence[ImageResult], label_map: LabelMap) -> Metrics:
    """Measure detections against the truth as COCO does.

    An object marked difficult is ignored as the Pascal VOC challenge does, not treated as
    COCO's crowd: its overlap is measured like any other's, nobody misses it, and the one
    detection that finds it is neither right nor wrong.

    Args:
        images: Truth and detections of each image.
        label_map: The classes; detections of other classes are passed over.

    Raises:
        MissingDependencyError: pycocotools is not installed.
    """
    try:
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingDependencyError(
            "pycocotools is not installed", hint="pip install pycocotools"
        ) from error

    class IgnoringDifficult(COCOeval):  # type: ignore[misc]
        """COCOeval takes 'ignore' from 'iscrowd' alone; here 'difficult' sets it by itself."""

        def _prepare(self) -> None:
            super()._prepare()
            for objects in self._gts.values():
                for item in objects:
                    item["ignore"] = item["difficult"]

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports every step there
        evaluation = IgnoringDifficult(
            _coco(_truth_entries(images), len(images), label_map),
            _coco(_detection_entries(images), len(images), label_map),
            "bbox",
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return _metrics(images, label_map, evaluation.eval["precision"], evaluation.eval["recall"])


def _coco(entries: list[dict[str, Any]], image_count: int, label_map: LabelMap) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": position} for position in range(image_count)],
        "categories": [{"id": class_id, "name": name} for class_id, name in label_map.items],
        "annotations": entries,
    }
    coco.createIndex()
    return coco


def _entry(identity: int, image: int, class_id: int, box: NDArray[np.floating]) -> dict[str, Any]:
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    width, height = xmax - xmin, ymax - ymin
    return {
        "id": identity,
        "image_id": image,
        "category_id": class_id,
        "bbox": [xmin, ymin, width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _truth_entries(images: Sequence[ImageResult]) -> list[dict[str, Any]]:
    # Ids start at 1: COCOeval takes a match with id 0 for no match.
    entries: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        truth = image.truth
        for box, class_id, difficult in zip(
            truth.boxes, truth.class_ids, truth.difficult, strict=True
        ):
            entry = _entry(len(entries) + 1, place, int(class_id), box)
            entries.append({**entry, "difficult": int(difficult)})
    return entries


def _detection_entries(images: Sequence[ImageResult]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        found = image.detections
        for box, class_id, score in zip(found.boxes, found.class_ids, found.scores, strict=True):
            entry = _entry(len(entries) + 1, place, int(class_id), box)
            entries.append({**entry, "score": float(score)})
    return entries


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[values > -1]  # pycocotools writes -1 where there is no truth
    # It divides by tp + fp + epsilon, so a perfect detector gets 0.9999999999999998.
    return round(float(known.mean()), 6) if known.size else None


def _metrics(
    images: Sequence[ImageResult],
    label_map: LabelMap,
    precision: NDArray[np.float64],  # [IoU, recall, class, area, maxDets]
    recall: NDArray[np.float64],  # [IoU, class, area, maxDets]
) -> Metrics:
    true_ids = [i.truth.class_ids[~i.truth.difficult] for i in images]
    counts = {c: sum(int((ids == c).sum()) for ids in true_ids) for c, _ in label_map.items}
    per_class = tuple(
        ClassMetrics(
            class_id=class_id,
            name=name,
            objects=counts[class_id],
            ap=_mean(precision[:, :, k, _ALL, _HUNDRED]),
            ap50=_mean(precision[_IOU_50, :, k, _ALL, _HUNDRED]),
            ap75=_mean(precision[_IOU_75, :, k, _ALL, _HUNDRED]),
            ar100=_mean(recall[:, k, _ALL, _HUNDRED]),
        )
        for k, (class_id, name) in enumerate(label_map.items)
    )
    return Metrics(
        images=len(images),
        objects=sum(len(ids) for ids in true_ids),
        difficult=sum(int(i.truth.difficult.sum()) for i in images),
        detections=sum(len(i.detections) for i in images),
        map=_mean(precision[:, :, :, _ALL, _HUNDRED]),
        map50=_mean(precision[_IOU_50, :, :, _ALL, _HUNDRED]),
        map75=_mean(precision[_IOU_75, :, :, _ALL, _HUNDRED]),
        map_small=_mean(precision[:, :, :, _SMALL, _HUNDRED]),
        map_medium=_mean(precision[:, :, :, _MEDIUM, _HUNDRED]),
        map_large=_mean(precision[:, :, :, _LARGE, _HUNDRED]),
        ar1=_mean(recall[:, :, _ALL, _ONE]),
        ar10=_mean(recall[:, :, _ALL, _TEN]),
        ar100=_mean(recall[:, :, _ALL, _HUNDRED]),
        ar_small=_mean(recall[:, :, _SMALL, _HUNDRED]),
        ar_medium=_mean(recall[:, :, _MEDIUM, _HUNDRED]),
        ar_large=_mean(recall[:, :, _LARGE, _HUNDRED]),
        per_class=per_class,
    )
