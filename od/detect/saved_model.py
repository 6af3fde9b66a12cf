"""Runtime saved_model: tensorflow alone, without the OD API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from od.errors import ExportError, MissingDependencyError
from od.odapi.model import to_detections
from od.odapi.shims import use_legacy_keras
from od.structures.artifacts import Detector
from od.structures.detections import Detections

_DEVICES = ("CPU", "GPU", "AUTO")


def open_saved_model(model: Path, *, device: str = "CPU") -> Detector:
    """Load a SavedModel whose signature is that of the OD API's exporter.

    Args:
        model: The folder that holds ``saved_model.pb``.
        device: "CPU", "GPU", or "AUTO" (tensorflow's own choice).

    Raises:
        MissingDependencyError: TensorFlow is not installed or does not load.
        ExportError: There is no such device, or the SavedModel is broken.
    """
    if device not in _DEVICES:
        raise ExportError(
            f"device {device}: a SavedModel runs on one of {', '.join(_DEVICES)}",
            hint="choose one of them, or export with --target openvino",
        )
    use_legacy_keras()  # so that a trained run can still be loaded in this process
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError(
            f"TensorFlow cannot be imported: {error}", hint="run od doctor"
        ) from error
    if device == "GPU" and not tf.config.list_physical_devices("GPU"):
        raise ExportError("device GPU: TensorFlow finds none", hint="use --device CPU")
    place = None if device == "AUTO" else f"/{device}:0"
    try:
        with tf.device(place):
            loaded = tf.saved_model.load(str(model))
        infer = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        raise ExportError(
            f"{model}: cannot be loaded: {str(error).splitlines()[0]}", hint="export it again"
        ) from error

    def detect(image: NDArray[np.uint8], /) -> Detections:
        with tf.device(place):
            outputs = infer(input_tensor=tf.constant(image[None]))
        outputs["detection_classes"] = outputs["detection_classes"] - 1
        # The signature also holds the raw boxes; only what is read is copied out.
        return to_detections(outputs, height=image.shape[0], width=image.shape[1])

    # The loaded object owns the variables that its signature uses.
    detect.owner = loaded  # type: ignore[attr-defined]
    return detect
