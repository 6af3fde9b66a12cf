"""Target openvino: an IR made by OpenVINO's own converter, weights in half precision.

The whole detector is in it, resizing and non-maximum suppression included: it takes the
same uint8 image of any size as the SavedModel and gives the same named outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from od.errors import ExportError, MissingDependencyError
from od.export.saved_model import detect_function

MODEL_FILE = "model.xml"
# What a reader of detections needs; the raw ones would only be copied out for nothing.
OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def write_ir(model: Any, folder: Path, *, name: str) -> None:
    """Write ``model.xml`` and ``model.bin`` into a folder.

    Args:
        model: As ``od.odapi.model.load_model`` returns it.
        folder: The (temporary) export folder.
        name: The model's folder, named first in errors.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: The converter refuses the model; its words are quoted.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenVINO cannot be imported: {error}", hint="pip install openvino"
        ) from error
    concrete = _with_four_outputs(model)
    try:
        converted = openvino.convert_model(concrete)
    # The converter's Python part lets through whatever a strange model provokes in it.
    except (RuntimeError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise ExportError(
            f"{name}: OpenVINO's converter refuses this model: {_last_words(error)}",
            hint="export it with --target saved_model",
        ) from error
    openvino.save_model(converted, folder / MODEL_FILE, compress_to_fp16=True)


def _with_four_outputs(model: Any) -> Any:
    import tensorflow as tf

    detect = detect_function(model)
    signature = detect.input_signature

    def detect_only(input_tensor: Any) -> dict[str, Any]:
        outputs = detect(input_tensor)
        return {key: outputs[key] for key in OUTPUTS}

    traced = tf.function(detect_only, autograph=False, input_signature=signature)
    return traced.get_concrete_function()


def _last_words(error: Exception) -> str:
    """Return the last line of an error that says something, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
