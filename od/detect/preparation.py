"""An image -> what an export for sticks takes, and its rows -> Detections: exact inverses.

The OD API resizes with TensorFlow 1's ``tf.image.resize_images``: bilinear, pixel ``i`` of
the output looks at ``i * in / out`` of the input.  OpenCV and TensorFlow 2 look at
``(i + 0.5) * in / out - 0.5`` instead, up to three pixels further on a large photograph, and
Pillow averages when it shrinks: each finds other boxes than the model was trained for.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.structures.artifacts import InputSpec
from od.structures.detections import Detections


def prepare_frame(image: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Resize, pad, reorder: an image as an export's input wants it.

    Args:
        image: Upright RGB uint8 ``(H, W, 3)``.
        spec: Of the export; its height and width are set.

    Returns:
        uint8 ``(1, 3, spec.height, spec.width)`` (``(1, spec.height, spec.width, 3)`` where its
        layout is "NHWC"), contiguous.
    """
    height, width = _target(spec)
    inner = content_size(spec, height=image.shape[0], width=image.shape[1])
    frame = resize_bilinear(image, *inner)
    if inner != (height, width):
        padded = np.empty((height, width, 3), np.uint8)
        padded[:] = np.array(spec.pad_value, np.uint8)
        padded[: inner[0], : inner[1]] = frame
        frame = padded
    if spec.channels == "bgr":
        frame = frame[:, :, ::-1]
    if spec.layout == "NCHW":
        frame = frame.transpose(2, 0, 1)
    return np.ascontiguousarray(frame[None])


def content_size(spec: InputSpec, *, height: int, width: int) -> tuple[int, int]:
    """Return ``(height, width)`` that an image takes up in the input; the rest is padding.

    Args:
        spec: Of the export.
        height, width: Of the image, in pixels.

    Example:
        >>> spec = InputSpec(height=512, width=512, resize="pad")
        >>> content_size(spec, height=480, width=640)
        (384, 512)
    """
    target = _target(spec)
    if spec.resize != "pad":
        return target
    # In float32 and rounding half to even, as tf.image.resize_images with
    # preserve_aspect_ratio does (tensorflow/python/ops/image_ops_impl.py, 2.20).
    size = np.array([height, width], np.float32)
    scale = (np.array(target, np.float32) / size).min()
    inner = np.round(scale * size).astype(int)
    return max(1, int(inner[0])), max(1, int(inner[1]))


def resize_bilinear(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize as TensorFlow 1 does, within rounding to whole numbers.

    Args:
        image: uint8 ``(H, W, 3)``.
        height, width: Of the result, in pixels.
    """
    if image.shape[:2] == (height, width):
        return image
    cv2 = _exact_opencv()
    if cv2 is None:
        return resize_with_numpy(image, height, width)
    scale = np.array([[image.shape[1] / width, 0, 0], [0, image.shape[0] / height, 0]])
    resized: NDArray[np.uint8] = cv2.warpAffine(
        np.ascontiguousarray(image),
        scale,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return resized


@functools.cache
def _exact_opencv() -> Any:
    """Return OpenCV's module where its warping is exact, else None.

    Before version 5 it rounds places to 1/32 of a pixel.
    """
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if int(cv2.__version__.split(".")[0]) >= 5 else None


def resize_with_numpy(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize as ``resize_bilinear`` does, in twice to five times its time."""
    top, bottom, down = _neighbours(image.shape[0], height)
    left, right, across = _neighbours(image.shape[1], width)
    lines = image.reshape(image.shape[0], -1)
    upper = lines.take(top, axis=0).astype(np.float32)
    mixed = lines.take(bottom, axis=0).astype(np.float32)
    mixed -= upper
    mixed *= down[:, None]
    mixed += upper
    columns = mixed.reshape(height, -1, 3)
    first, second = columns.take(left, axis=1), columns.take(right, axis=1)
    second -= first
    second *= across[None, :, None]
    second += first
    return np.rint(second).astype(np.uint8)


def _neighbours(
    old: int, new: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return both source places of each new pixel along one side, and how far it is between."""
    place = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    lower = np.minimum(place.astype(np.intp), old - 1)
    return lower, np.minimum(lower + 1, old - 1), place - lower.astype(np.float32)


def to_detections7(
    rows: NDArray[np.float32], spec: InputSpec, *, height: int, width: int
) -> Detections:
    """Turn the rows of OpenVINO's DetectionOutput into pixels of the original image.

    Args:
        rows: ``(N, 7)``: image id, class id (1-based), score, xmin, ymin, xmax, ymax in [0, 1] of
            the input with its padding; an image id below 0 ends them.
        spec: Of the export.
        height, width: Of the upright original, in pixels.

    Returns:
        Boxes clipped to the image, those that lie in the padding alone left out; best first.
    """
    rows = np.asarray(rows, np.float32).reshape(-1, 7)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    target = _target(spec)
    inner = content_size(spec, height=height, width=width)
    across, down = target[1] / inner[1] * width, target[0] / inner[0] * height
    boxes = rows[:, 3:7] * np.array([across, down, across, down], np.float32)
    boxes = boxes.clip(0, np.array([width, height, width, height], np.float32))
    keep = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, rows = boxes[keep], rows[keep]
    order = np.argsort(-rows[:, 2], kind="stable")
    return Detections(
        boxes=boxes[order].astype(np.float32),
        scores=rows[order, 2],
        class_ids=rows[order, 1].astype(np.int32),
    )


def _target(spec: InputSpec) -> tuple[int, int]:
    if spec.height is None or spec.width is None:
        raise ValueError(f"{spec} resizes by itself; nothing is to be prepared")
    return spec.height, spec.width
