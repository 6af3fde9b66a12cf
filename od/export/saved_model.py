"""Target saved_model: signatures, names and layout as the OD API's ``exporter_lib_v2``.

``serving_default`` takes one upright RGB image as ``input_tensor`` (uint8, 1 x H x W x 3)
and gives what the exporter gives, classes 1-based and everything float32.  The second
signature, ``serving_bytes``, takes encoded JPEG or PNG files as ``image_bytes``: the name's
ending is what lets TensorFlow Serving's REST interface accept ``{"b64": ...}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.odapi.model import inference_function, to_detections
from od.structures.artifacts import Detector
from od.structures.detections import Detections

SIGNATURE = "serving_default"
BYTES_SIGNATURE = "serving_bytes"
BYTES_INPUT = "image_bytes"
FIRST_CLASS_ID = 1  # models count classes from 0, label maps from 1


def _as_exported(detections: dict[str, Any]) -> dict[str, Any]:
    """Number classes as in the label map and make everything float32, as the exporter does."""
    import tensorflow as tf

    exported = {key: tf.cast(value, tf.float32) for key, value in detections.items()}
    exported["detection_classes"] += FIRST_CLASS_ID
    return exported


def detect_function(model: Any) -> Any:
    """Return the ``tf.function`` of ``serving_default``: a uint8 image ``(1, H, W, 3)`` in."""
    import tensorflow as tf

    infer = inference_function(model)

    def detect(input_tensor: Any) -> dict[str, Any]:
        return _as_exported(infer(input_tensor))

    signature = tf.TensorSpec((1, None, None, 3), tf.uint8, name="input_tensor")
    return tf.function(detect, autograph=False, input_signature=[signature])


def _bytes_function(model: Any) -> Any:
    """Return the ``tf.function`` of ``serving_bytes``: encoded images ``(N,)`` in."""
    import tensorflow as tf

    def read(encoded: Any) -> tuple[Any, Any]:
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        image.set_shape((None, None, 3))
        pixels, shape = model.preprocess(tf.cast(image, tf.float32)[None])
        return pixels[0], shape[0]

    def detect(image_bytes: Any) -> dict[str, Any]:
        pixels, shapes = tf.map_fn(read, image_bytes, fn_output_signature=(tf.float32, tf.int32))
        return _as_exported(dict(model.postprocess(model.predict(pixels, shapes), shapes)))

    signature = tf.TensorSpec((None,), tf.string, name=BYTES_INPUT)
    return tf.function(detect, autograph=False, input_signature=[signature])


def reference_detector(detect: Any) -> Detector:
    """Return a detector that runs ``detect_function`` as it is, before any export."""

    def run(image: NDArray[np.uint8], /) -> Detections:
        outputs = dict(detect(image[None]))
        outputs["detection_classes"] = outputs["detection_classes"] - FIRST_CLASS_ID
        return to_detections(outputs, height=image.shape[0], width=image.shape[1])

    return run


def write_saved_model(model: Any, detect: Any, folder: Path) -> None:
    """Write ``saved_model/`` and ``checkpoint/ckpt-0`` below a folder.

    The checkpoint makes the export itself a model that can be fine-tuned.

    Args:
        model: As ``od.odapi.model.load_model`` returns it.
        detect: Its ``detect_function``.
        folder: The (temporary) export folder.
    """
    import tensorflow as tf

    concrete = detect.get_concrete_function()
    concrete_bytes = _bytes_function(model).get_concrete_function()
    module = tf.Module()
    # Called like a function after tf.saved_model.load, as the exporter's modules are.
    module.__call__ = detect
    # The variables alone: saving the Keras layers too would trace each of them once more
    # (35 s instead of 6 s for the small SSD) for nobody's use.
    module.variables_ = [*concrete.graph.variables, *concrete_bytes.graph.variables]
    tf.saved_model.save(
        module,
        str(folder / "saved_model"),
        signatures={SIGNATURE: concrete, BYTES_SIGNATURE: concrete_bytes},
    )
    checkpoint = tf.train.Checkpoint(model=model)
    tf.train.CheckpointManager(checkpoint, str(folder / "checkpoint"), max_to_keep=1).save(0)
