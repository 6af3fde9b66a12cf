"""The page about an evaluation: how good the detector is, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from od.drawing import TRUTH_COLOR, DrawnBox, class_color, drawn_jpeg
from od.images import decode_image
from od.metrics.evaluation import Evaluation
from od.metrics.matching import ImageErrors
from od.records.parts import read_part
from od.report import charts
from od.report.page import (
    gallery,
    heading,
    legend,
    matrix,
    numbers,
    page,
    paragraph,
    picture,
    side_by_side,
    table,
)
from od.structures.evaluation import ImageResult
from od.structures.label_map import LabelMap

WORST_SHOWN = 24


def evaluation_page(
    evaluation: Evaluation, *, detector: str, folder: Path, part: str, worst: int = WORST_SHOWN
) -> str:
    """Return the page as one HTML document.

    Args:
        evaluation: What was measured.
        detector: What to call the detector, plain text.
        folder: The records, read again for the pictures of the worst images.
        part: Their part that was evaluated.
        worst: How many images to draw at most.

    Raises:
        RecordError: The records changed and cannot be read any more.
    """
    metrics = evaluation.metrics
    body = [
        numbers(
            [
                (_share(metrics.map50), "mAP at IoU 0.5"),
                (_share(metrics.map), "mAP at IoU 0.5 to 0.95"),
                (_share(metrics.ar100), "average recall"),
                (str(metrics.images), "images"),
                (str(metrics.objects), "objects"),
            ]
        ),
        *_remarks(evaluation),
        heading("By class"),
        _class_table(evaluation),
        heading("By size of the object"),
        _size_table(evaluation),
        heading("Precision and recall"),
        paragraph(
            "At IoU 0.5, each point a score threshold. Towards the upper right is better.",
            soft=True,
        ),
        side_by_side([precision_recall_chart(evaluation)]),
        legend((curve.name, class_color(curve.class_id or 0)) for curve in evaluation.curves),
        heading("What objects were taken for"),
        paragraph(
            f"Detections with a score of at least {evaluation.threshold:.2f}, the threshold of "
            "the best F1 over all classes. The last column counts missed objects, the last row "
            "false alarms.",
            soft=True,
        ),
        matrix(
            [*evaluation.confusion.names, "(background)"],
            evaluation.confusion.counts.tolist(),
            evaluation.confusion.shares().tolist(),
            "truth \\ detection",
        ),
        heading("The worst images"),
        *_worst_images(evaluation, folder, part, worst),
    ]
    return page(f"{detector} on {part}", f"records: {folder}", body)


def precision_recall_chart(evaluation: Evaluation) -> str:
    """Return the curves of the classes that have objects, as SVG."""
    lines = [
        (class_color(curve.class_id or 0), curve.recall, curve.precision)
        for curve in evaluation.curves
        if len(curve.recall)
    ]
    return charts.curves("Precision against recall", lines, x_title="recall", y_title="precision")


def describe_errors(image: ImageResult, errors: ImageErrors, label_map: LabelMap) -> list[str]:
    """Return what is wrong in an image, one sentence for each thing."""
    names = dict(label_map.items)

    def true(row: int) -> str:
        return names.get(int(image.truth.class_ids[row]), "?")

    def found(column: int) -> str:
        class_id = int(image.detections.class_ids[column])
        return f"{names.get(class_id, '?')} {image.detections.scores[column]:.0%}"

    return [
        *(f"missed: {true(row)}" for row in errors.missed),
        *(f"wrong class: {true(r)} taken for {found(c)}" for r, c in errors.wrong_class),
        *(f"false alarm: {found(column)}" for column in errors.false_alarms),
    ]


def error_boxes(image: ImageResult, errors: ImageErrors, label_map: LabelMap) -> list[DrawnBox]:
    """Return what to draw: truth dashed in green, detections in the colour of their class.

    Only what is wrong carries its name, so that a crowded picture stays legible.
    """
    names = dict(label_map.items)
    wrong = {c for _, c in errors.wrong_class} | set(errors.false_alarms)
    missed = {*errors.missed, *(r for r, _ in errors.wrong_class)}
    shown = sorted({c for _, c in errors.correct} | wrong)
    boxes = [
        DrawnBox(
            _corners(image.detections.boxes[c]),
            f"{names.get(class_id, '?')} {image.detections.scores[c]:.0%}" if c in wrong else "",
            class_color(class_id),
        )
        for c in shown
        for class_id in (int(image.detections.class_ids[c]),)
    ]
    for row in range(len(image.truth)):
        name = names.get(int(image.truth.class_ids[row]), "?") if row in missed else ""
        boxes.append(DrawnBox(_corners(image.truth.boxes[row]), name, TRUTH_COLOR, dashed=True))
    return boxes


def _corners(box: NDArray[np.floating]) -> tuple[float, float, float, float]:
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _remarks(evaluation: Evaluation) -> Iterable[str]:
    metrics = evaluation.metrics
    if metrics.difficult:
        yield paragraph(
            f"{metrics.difficult} objects are marked difficult: they count neither as missed "
            "nor, when found, as right or wrong.",
            soft=True,
        )
    if evaluation.left_out:
        yield paragraph(
            f"{evaluation.left_out} labelled boxes have no area and were left out.", soft=True
        )


def _class_table(evaluation: Evaluation) -> str:
    head = ["class", "objects", "AP@0.5", "AP", "AP@0.75", "recall", "best F1", "at score"]
    rows = []
    for known, curve in zip(evaluation.metrics.per_class, evaluation.curves, strict=True):
        f1, threshold = curve.best_f1()
        rows.append(
            [
                known.name,
                str(known.objects),
                _share(known.ap50),
                _share(known.ap),
                _share(known.ap75),
                _share(known.ar100),
                f"{f1:.3f}" if known.objects else "–",
                f"{threshold:.2f}" if f1 else "–",
            ]
        )
    return table(head, rows)


def _size_table(evaluation: Evaluation) -> str:
    metrics = evaluation.metrics
    return table(
        ["objects", "mAP", "average recall"],
        [
            ["small (below 32 x 32 pixels)", _share(metrics.map_small), _share(metrics.ar_small)],
            ["medium", _share(metrics.map_medium), _share(metrics.ar_medium)],
            ["large (above 96 x 96 pixels)", _share(metrics.map_large), _share(metrics.ar_large)],
        ],
    )


def _worst_images(evaluation: Evaluation, folder: Path, part: str, worst: int) -> Iterable[str]:
    chosen = evaluation.worst(worst)
    if not chosen:
        yield paragraph("None: every object was found and nothing else was.")
        return
    yield paragraph(
        "Ordered by the number of mistakes. Dashed green: the labels. Other colours: the "
        "detections. What is wrong carries its name.",
        soft=True,
    )
    pictures = _pictures(folder, part, {image.position for image, _ in chosen})
    shown = []
    for image, errors in chosen:
        pixels = decode_image(pictures[image.position], name=image.name)
        jpeg = drawn_jpeg(pixels, error_boxes(image, errors, evaluation.label_map))
        sentences = describe_errors(image, errors, evaluation.label_map)
        if len(sentences) > 8:
            sentences = [*sentences[:7], f"and {len(sentences) - 7} more"]
        shown.append(picture(jpeg, image.name, sentences))
    yield gallery(shown)


def _pictures(folder: Path, part: str, positions: set[int]) -> dict[int, bytes]:
    last = max(positions)
    found: dict[int, bytes] = {}
    for position, image in enumerate(read_part(folder, part)):
        if position in positions:
            found[position] = image.encoded
        if position == last:
            break
    return found
