"""From raw boxes and class scores to detections, in OpenVINO's DetectionOutput.

The OD API decodes boxes against anchors and keeps, class by class, what no better box of
the class overlaps (``batch_multiclass_non_max_suppression``).  DetectionOutput, which SSDs
in Caffe brought to OpenVINO, does the same in one layer, the only such layer a stick has.
Where the two differ:

- DetectionOutput sorts a class' ``CANDIDATES`` best boxes and drops the others before it
  suppresses anything; the OD API suppresses first and then keeps max_detections_per_class.
- The official configs' score_threshold of 1e-8 lets every anchor through, 170,000 and more
  candidates that the stick would sort for each image, and is 0 in half precision.
  ``MIN_SCORE`` is what an exported head starts from instead.

Measured on the 87 validation images of BCCD with the small SSD (8,184 anchors, 3 classes, some
20 objects an image), CPU plugin, reading the images included; the OD API's own head has mAP 0.5461:

    score    candidates   mAP      images/s
    1e-8     all          0.5461        1
    1e-8     1000         0.5462        9
    0.01     all          0.5461       11
    0.01     1000         0.5462       41
    0.01     400          0.5446       41
    0.01     100          0.5387       62

A threshold of 0.05 changes nothing in the first four decimals either; 0.01 is a margin for
weaker models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import ExportError

MIN_SCORE = 0.01
CANDIDATES = 1000
_CONVERTERS = ("identity", "sigmoid", "softmax")  # post_processing.proto, ScoreConverter


@dataclass(frozen=True)
class HeadOptions:
    """What the user wants otherwise than the pipeline config has it; None: as that has it.

    Args:
        top_k: Detections in the output, over all classes.
        nms_iou: Of two boxes of a class that overlap more, the weaker goes; 0 to 1.
        score: Detections with no higher score are not delivered; 0 to 1.
    """

    top_k: int | None = None
    nms_iou: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class SsdHead:
    """All that DetectionOutput has to know.

    Args:
        top_k: Rows of the output.
        candidates: Best boxes of each class that take part in non-maximum suppression.
        nms_iou: Of two boxes that overlap more, the weaker goes.
        score: Below it, or at it, a box is none.
        class_agnostic: Whether boxes of different classes suppress one another.
        converter: "identity", "sigmoid" or "softmax": what makes a score of a logit.
        logit_scale: What logits are divided by first.
        box_scales: y, x, height and width scale of the box coder.
        background: Whether column 0 of the model's scores is the background.
    """

    top_k: int
    candidates: int
    nms_iou: float
    score: float
    class_agnostic: bool
    converter: str
    logit_scale: float
    box_scales: tuple[float, float, float, float]
    background: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {**asdict(self), "box_scales": list(self.box_scales)}


def read_head(model_config: Any, options: HeadOptions, *, name: str) -> SsdHead:
    """Return the head that a config and the user's wishes ask for.

    Args:
        model_config: A ``DetectionModel`` message that ``check_ssd`` lets pass.
        options: The wishes.
        name: The model's folder, named first in errors.

    Raises:
        ExportError: A wish is out of its range.
    """
    ssd = model_config.ssd
    nms, coder = ssd.post_processing.batch_non_max_suppression, ssd.box_coder.faster_rcnn_box_coder
    top_k = options.top_k if options.top_k is not None else _total(nms)
    nms_iou = options.nms_iou if options.nms_iou is not None else nms.iou_threshold
    score = options.score if options.score is not None else max(nms.score_threshold, MIN_SCORE)
    if top_k < 1 or not 0 <= nms_iou <= 1 or not 0 <= score < 1:
        raise ExportError(
            f"{name}: top_k {top_k}, nms_iou {nms_iou:g}, score {score:g}: expected at least 1,"
            " 0 to 1, and 0 to below 1",
            hint="leave them out: the pipeline config has values of its own",
        )
    return SsdHead(
        top_k=top_k,
        candidates=max(CANDIDATES, top_k),
        nms_iou=round(float(nms_iou), 6),  # the config's 0.6 is 0.6000000238 as a float32
        score=round(float(score), 8),
        class_agnostic=nms.use_class_agnostic_nms,
        converter=_CONVERTERS[ssd.post_processing.score_converter],
        logit_scale=ssd.post_processing.logit_scale,
        box_scales=(coder.y_scale, coder.x_scale, coder.height_scale, coder.width_scale),
        background=ssd.add_background_class or ssd.explicit_background_class,
    )


def _total(nms: Any) -> int:
    """Return how many detections the OD API gives; its 0 means as many as there are."""
    return int(nms.max_total_detections or max(nms.max_detections_per_class, 100))


def head_notes(model_config: Any, options: HeadOptions, head: SsdHead) -> tuple[str, ...]:
    """Return in what the head does otherwise than the config says, a sentence each."""
    nms = model_config.ssd.post_processing.batch_non_max_suppression
    notes = []
    if options.score is None and nms.score_threshold < head.score:
        notes.append(
            f"score threshold {head.score:g} instead of the config's {nms.score_threshold:g}"
        )
    if nms.soft_nms_sigma > 0:
        notes.append(
            f"soft non-maximum suppression (soft_nms_sigma {nms.soft_nms_sigma:g}) is not to be"
            f" had on a stick: boxes that overlap by more than {head.nms_iou:g} go"
        )
    if nms.use_class_agnostic_nms and nms.max_classes_per_detection > 1:
        notes.append(
            f"the best class of a box only, not max_classes_per_detection"
            f" {nms.max_classes_per_detection}"
        )
    if not nms.use_class_agnostic_nms and nms.max_detections_per_class < head.top_k:
        notes.append(
            f"{head.top_k} detections may be of one class, not max_detections_per_class"
            f" {nms.max_detections_per_class}"
        )
    return tuple(notes)


def build_head(boxes: Any, logits: Any, anchors: NDArray[np.float32], head: SsdHead) -> Any:
    """Put DetectionOutput behind a network, in operations that OpenVINO 2020.3 knows.

    Args:
        boxes: Output of OpenVINO's graph, ``[1, N, 4]``: ty, tx, th, tw.
        logits: ``[1, N, C]``, or ``[1, N, C + 1]`` with the background first.
        anchors: ``(N, 4)``: ymin, xmin, ymax, xmax, normalised.
        head: What to do with them.

    Returns:
        The node whose output is ``[1, 1, top_k, 7]``: image id, class id (1-based), score,
        xmin, ymin, xmax, ymax.
    """
    from openvino import opset1 as ops

    count = len(anchors)
    axis = ops.constant(np.array(2, np.int32))
    order = ops.constant(np.array([1, 0, 3, 2], np.int32))
    offsets = _flat(ops.gather(boxes, order, axis))
    scores = _scores(logits, head)
    classes = logits.get_shape()[2]
    if not head.background:
        scores, classes = _with_background(scores, classes), classes + 1
    priors = ops.constant(_priors(anchors, head.box_scales))
    if not head.class_agnostic:
        return ops.detection_output(offsets, _flat(scores), priors, _attributes(head, classes))
    best = ops.topk(
        _objects(scores, classes - 1), ops.constant(np.array(1, np.int32)), 2, "max", "none"
    )
    one_class = _with_background(best.output(0), 1)
    rows = ops.detection_output(offsets, _flat(one_class), priors, _attributes(head, 2))
    return _with_classes(rows, best, count=count, top_k=head.top_k)


def _flat(node: Any) -> Any:
    from openvino import opset1 as ops

    return ops.reshape(node, ops.constant(np.array([1, -1], np.int32)), False)


def _scores(logits: Any, head: SsdHead) -> Any:
    from openvino import opset1 as ops

    if head.logit_scale != 1:
        logits = ops.multiply(
            logits, ops.constant(np.full((1, 1, 1), 1 / head.logit_scale, np.float32))
        )
    if head.converter == "softmax":
        return ops.softmax(logits, 2)
    if head.converter == "sigmoid":
        return ops.sigmoid(logits)
    return logits


def _objects(scores: Any, classes: int) -> Any:
    """Return the scores without their first column, the background."""
    from openvino import opset1 as ops

    lengths = ops.constant(np.array([1, classes], np.int32))
    return ops.variadic_split(scores, ops.constant(np.array(2, np.int32)), lengths).output(1)


def _with_background(scores: Any, classes: int) -> Any:
    """Repeat the first column in front of all.

    DetectionOutput counts the background as class 0 and never looks at its scores; a column
    of zeros would be a constant, which the sticks' compiler does not concatenate.
    """
    from openvino import opset1 as ops

    columns = ops.constant(np.array([0, *range(classes)], np.int32))
    return ops.gather(scores, columns, ops.constant(np.array(2, np.int32)))


def _priors(
    anchors: NDArray[np.float32], scales: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Return ``(1, 2, 4 N)``: the anchors in x, y order, and what their offsets are scaled by."""
    corners = anchors[:, [1, 0, 3, 2]]
    y, x, height, width = scales
    variances = np.broadcast_to([1 / x, 1 / y, 1 / width, 1 / height], corners.shape)
    return np.stack([corners.reshape(-1), variances.reshape(-1)])[None].astype(np.float32)


def _attributes(head: SsdHead, classes: int) -> dict[str, Any]:
    return {
        "num_classes": classes,
        "background_label_id": 0,
        "top_k": head.candidates,
        "keep_top_k": [head.top_k],
        "variance_encoded_in_target": False,
        "code_type": "caffe.PriorBoxParameter.CENTER_SIZE",
        "share_location": True,
        "nms_threshold": head.nms_iou,
        "confidence_threshold": head.score,
        "clip_before_nms": False,
        "clip_after_nms": True,
        "decrease_label_id": False,
        "normalized": True,
    }


def _with_classes(rows: Any, best: Any, *, count: int, top_k: int) -> Any:
    """Give rows of one class the class of the anchor that each is of.

    DetectionOutput does not say which anchor that was, but it hands the score on as it is: the
    anchor with that very score is it.

    Args:
        rows: ``[1, 1, top_k, 7]``.
        best: TopK's node: ``[1, N, 1]`` scores and 0-based classes.
        count: N.
        top_k: Rows.
    """
    from openvino import opset1 as ops

    def whole(*numbers: int) -> Any:
        return ops.constant(np.array(numbers, np.int32))

    last = ops.constant(np.array(3, np.int32))
    image, _, score, corners = ops.variadic_split(rows, last, whole(1, 1, 1, 4)).outputs()
    found = ops.reshape(score, whole(top_k, 1), False)
    known = ops.reshape(best.output(0), whole(1, count), False)
    classes = ops.add(
        ops.convert(best.output(1), np.float32), ops.constant(np.ones((1, 1, 1), np.float32))
    )
    ids = ops.reshape(classes, whole(1, count), False)
    same = ops.convert(ops.equal(found, known), np.float32)
    label = ops.reduce_max(ops.multiply(same, ids), whole(1), True)
    labels = ops.reshape(label, whole(1, 1, top_k, 1), False)
    return ops.concat([image, labels, score, corners], 3)
