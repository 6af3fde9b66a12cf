"""Target openvino: an IR made by OpenVINO's own converter, weights in half precision.

The whole detector is in it, resizing and non-maximum suppression included: it takes the
same uint8 image of any size as the SavedModel and gives the same named outputs.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from od.errors import ExportError, MissingDependencyError

MODEL_FILE = "model.xml"
# What a reader of detections needs; the raw ones would only be copied out for nothing.
OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def write_ir(detect: Any, folder: Path, *, name: str) -> None:
    """Write ``model.xml`` and ``model.bin`` into a folder.

    Args:
        detect: As ``od.export.saved_model.detect_function`` returns it.
        folder: The (temporary) export folder.
        name: The model's folder, named first in errors.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: The converter refuses the model; its words are quoted.
    """
    try:
        import openvino
        from openvino.passes import ConstantFolding, Manager
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenVINO cannot be imported: {error}", hint="pip install openvino"
        ) from error
    with TemporaryDirectory(prefix="saved_model-", dir=folder) as saved:
        _save_four_outputs(detect, saved)
        try:
            # The converter in the C++ core, not openvino.convert_model: that one walks the
            # graph in Python, which takes several times as long, and reports every use of
            # it to its makers over the network.
            converted = openvino.Core().read_model(saved)
            folding = Manager()
            folding.register_pass(ConstantFolding())  # a quarter less work at each start
            folding.run_passes(converted)
            openvino.save_model(converted, folder / MODEL_FILE, compress_to_fp16=True)
        except RuntimeError as error:
            raise ExportError(
                f"{name}: OpenVINO's converter refuses this model: {_last_words(error)}",
                hint="export it with --target saved_model",
            ) from error


def _save_four_outputs(detect: Any, folder: str) -> None:
    import tensorflow as tf

    def detect_only(input_tensor: Any) -> dict[str, Any]:
        outputs = detect(input_tensor)
        return {key: outputs[key] for key in OUTPUTS}

    concrete = tf.function(
        detect_only, autograph=False, input_signature=detect.input_signature
    ).get_concrete_function()
    module = tf.Module()
    module.variables_ = list(concrete.graph.variables)
    tf.saved_model.save(module, folder, signatures=concrete)


def _last_words(error: Exception) -> str:
    """Return the last line of an error that says something, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
