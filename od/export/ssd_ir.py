"""Target myriad: an SSD as an IR of version 10 that ends in DetectionOutput, for sticks.

What TensorFlow's converter gives is made fit for an OpenVINO of 2020: raw bytes come in as
planes (NCHW), normalisation is inside, weights are in half precision, only operations of
opset1 (and Broadcast of opset3) are left, and non-maximum suppression is the one layer that
a stick has for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import ExportError, MissingDependencyError, OutputError
from od.export.old_operations import lower_operations, redirect, refuse_new_operations
from od.export.ssd_config import Normalisation, check_ssd, myriad_input_spec, normalisation
from od.export.ssd_head import HeadOptions, SsdHead, build_head, head_notes, read_head
from od.export.weighted_sums import unstack_weighted_sums
from od.structures.artifacts import InputSpec

__all__ = ["HeadOptions", "SsdIr", "check_ssd", "myriad_input_spec", "write_ssd_ir"]

MODEL_FILE = "model.xml"
INPUT, OUTPUT = "input", "detections"
RAW_BOXES, RAW_LOGITS = "raw_boxes", "raw_logits"  # layers in front of the head
AS_CONFIGURED = HeadOptions()
_EXTENT = re.compile(r'\boffset="(\d+)" size="(\d+)"')  # of a Constant's bytes in model.bin


@dataclass(frozen=True)
class SsdIr:
    """An IR for sticks.

    Args:
        xml: The IR; its weights stand beside it.
        input_spec: How an image has to be handed to it.
        head: What its DetectionOutput does.
        anchors: How many boxes it chooses from.
        notes: In what the head does otherwise than the pipeline config says.
    """

    xml: Path
    input_spec: InputSpec
    head: SsdHead
    anchors: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Network:
    """A network without head in OpenVINO's form: normalised NCHW in, raw predictions out."""

    model: Any
    boxes: Any
    logits: Any
    anchors: NDArray[np.float32]


def write_ssd_ir(
    model: Any,
    model_config: Any,
    folder: Path,
    *,
    channels: str = "bgr",
    head: HeadOptions = AS_CONFIGURED,
    name: str,
) -> SsdIr:
    """Write ``model.xml`` and ``model.bin`` into a folder.

    Input "input": uint8 ``[1, 3, H, W]``; output "detections": ``[1, 1, top_k, 7]``, rows of
    image id, class id (1-based), score, xmin, ymin, xmax, ymax (0 to 1 of the input with its
    padding), ended by image id -1.

    Args:
        model: As ``od.odapi.model.build_model`` or ``load_model`` returns it.
        model_config: The ``DetectionModel`` message that it was built from.
        folder: Exists.
        channels: Order of the input's planes, "bgr" or "rgb".
        head: Wishes for the head; the config's values where there is none.
        name: The model's folder, named first in errors.

    Raises:
        MissingDependencyError: OpenVINO is not installed or does not load.
        ExportError: The model is none that a stick can run, or the converter refuses it.
        OutputError: The IR cannot be written, or not all of it.
    """
    check_ssd(model_config, name=name)
    spec = myriad_input_spec(model_config, channels=channels)
    resolved = read_head(model_config, head, name=name)
    mean_and_scale = _normalisation(model, model_config.ssd, spec)
    try:
        import_module("openvino")
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenVINO cannot be imported: {error}", hint="pip install openvino"
        ) from error
    try:
        network = _convert(model, spec, name=name)
        finished = _finish(network, spec, resolved, mean_and_scale)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ExportError(
            f"{name}: OpenVINO's converter refuses this model: {(lines or ['?'])[-1][:300]}",
            hint="export it with --target openvino",
        ) from error
    refuse_new_operations(finished, name=name)
    xml = folder / MODEL_FILE
    _write(finished, xml)
    notes = head_notes(model_config, head, resolved)
    return SsdIr(xml, spec, resolved, len(network.anchors), notes)


def _normalisation(model: Any, ssd: Any, spec: InputSpec) -> Normalisation:
    """Measure what the feature extractor does to a byte: (byte - mean) / deviation.

    Raises:
        ExportError: It does something else.
    """
    import tensorflow as tf

    grey = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1).repeat(3, axis=3)
    values = np.asarray(model.feature_extractor.preprocess(tf.constant(grey))).reshape(256, 3)
    deviation = 255 / (values[255] - values[0]).astype(np.float64)
    mean = -values[0] * deviation
    line = (np.arange(256)[:, None] - mean) / deviation
    expected = normalisation(ssd.feature_extractor.type) if spec.resize == "pad" else None
    padded_alike = expected is None or np.allclose(expected, (mean, deviation), rtol=1e-3)
    if not (np.allclose(line, values, atol=1e-4) and padded_alike):
        raise ExportError(
            f"pipeline.config: feature extractor {ssd.feature_extractor.type} normalises images"
            " in a way that cannot be put into an IR",
            hint="export it with --target openvino",
        )
    return (mean[0], mean[1], mean[2]), (deviation[0], deviation[1], deviation[2])


def _convert(model: Any, spec: InputSpec, *, name: str) -> _Network:
    """Trace the network for one size of input, freeze it, and read it into OpenVINO."""
    import openvino
    from openvino import opset1 as ops
    from openvino._offline_transformations import apply_moc_transformations

    with TemporaryDirectory(prefix="od-frozen-") as scratch:
        frozen = Path(scratch) / "frozen.pb"
        graph, names = _frozen(model, spec, name=name)
        frozen.write_bytes(graph)
        # The converter in the C++ core; see od.export.openvino.
        converted = openvino.Core().read_model(str(frozen))
    planes = ops.parameter([1, 3, spec.height, spec.width], np.float32, name=INPUT)
    nhwc = ops.transpose(planes, ops.constant(np.array([0, 2, 3, 1], np.int32)))
    (old,) = converted.get_parameters()
    redirect(old.output(0), nhwc.output(0))
    results = [ops.result(converted.output(name).get_node().input_value(0)) for name in names]
    network = openvino.Model(results, [planes], "ssd")
    apply_moc_transformations(network, cf=True, smart_reshape=False)
    lower_operations(network)
    unstack_weighted_sums(network)
    anchors, boxes, logits = (result.input_value(0) for result in network.get_results())
    boxes.get_node().set_friendly_name(RAW_BOXES)
    logits.get_node().set_friendly_name(RAW_LOGITS)
    values = np.array(anchors.get_node().get_data(), np.float32).reshape(-1, 4)
    return _Network(network, boxes, logits, values)


def _frozen(model: Any, spec: InputSpec, *, name: str) -> tuple[bytes, list[str]]:
    """Return a frozen graph, and its tensors of anchors, boxes and logits by name.

    Raises:
        ExportError: The network cannot be traced for this size, or predicts something else
            than one box for each anchor.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    def predict(image: Any) -> dict[str, Any]:
        predictions = model.predict(image, None)
        return {
            "anchors": predictions["anchors"],  # in the order of their names, as tf.nest has it
            "boxes": predictions["box_encodings"],
            "logits": predictions["class_predictions_with_background"],
        }

    size = tf.TensorSpec((1, spec.height, spec.width, 3), tf.float32)
    try:
        traced = tf.function(predict, autograph=False, input_signature=[size])
        concrete = convert_variables_to_constants_v2(
            traced.get_concrete_function(), lower_control_flow=False
        )
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ExportError(
            f"{name}: the network cannot be built for {spec.height} x {spec.width} pixels: {error}",
            hint="compare the model section of its pipeline.config with the official one",
        ) from error
    shapes = [tuple(tensor.shape) for tensor in concrete.outputs]
    if len(shapes[1]) != 3 or shapes[1][2] != 4:
        raise ExportError(
            f"{name}: its boxes are {shapes[1]}, expected one of 4 numbers for each anchor",
            hint="export it with --target openvino",
        )
    graph = concrete.graph.as_graph_def().SerializeToString()
    return graph, [tensor.name for tensor in concrete.outputs]


def _finish(
    network: _Network, spec: InputSpec, head: SsdHead, mean_and_scale: Normalisation
) -> Any:
    """Put the raw bytes in front and DetectionOutput behind, in half precision."""
    import openvino
    from openvino import opset1 as ops
    from openvino.passes import ConvertFP32ToFP16, Manager

    rows = build_head(network.boxes, network.logits, network.anchors, head)
    rows.set_friendly_name(OUTPUT)
    (planes,) = network.model.get_parameters()
    raw = ops.parameter([1, 3, spec.height, spec.width], np.uint8, name=INPUT)
    pixels = ops.convert(raw, np.float32)
    if spec.channels == "bgr" and not _swap_first_weights(planes):
        swap = ops.constant(np.array([2, 1, 0], np.int32))
        pixels = ops.gather(pixels, swap, ops.constant(np.array(1, np.int32)))
        order = slice(None)
    else:
        order = slice(None, None, -1 if spec.channels == "bgr" else 1)
    mean, deviation = (np.array(v, np.float32)[order].reshape(1, 3, 1, 1) for v in mean_and_scale)
    # In this order, and not as a x + b: what is subtracted is nearly exact in half precision.
    centred = ops.subtract(pixels, ops.constant(mean))
    normalised = ops.multiply(centred, ops.constant(1 / deviation))
    redirect(planes.output(0), normalised.output(0))
    finished = openvino.Model([ops.result(rows)], [raw], "ssd")
    passes = Manager()
    passes.register_pass(ConvertFP32ToFP16())
    passes.run_passes(finished)
    return finished


def _swap_first_weights(planes: Any) -> bool:
    """Swap red and blue in the first convolution's weights; say whether that was possible."""
    from openvino import opset1 as ops

    consumers = [target.get_node() for target in planes.output(0).get_target_inputs()]
    if [node.get_type_name() for node in consumers] != ["Convolution"]:
        return False
    weights = consumers[0].input_value(1).get_node()
    if weights.get_type_name() != "Constant":
        return False
    swapped = np.ascontiguousarray(weights.get_data()[:, ::-1])
    consumers[0].input(1).replace_source_output(ops.constant(swapped).output(0))
    return True


def _write(model: Any, xml: Path) -> None:
    """Serialize a model, and see that all of it has arrived: OpenVINO does not look.

    Raises:
        OutputError: It cannot be written, or the disk is full.
    """
    import openvino

    weights = xml.with_suffix(".bin")
    try:
        openvino.serialize(model, str(xml), str(weights), "IR_V10")
        text, found = xml.read_text(encoding="utf-8"), weights.stat().st_size
    except (RuntimeError, OSError) as error:
        raise OutputError(
            f"{xml}: cannot be written: {error}", hint="choose another --output, or free some space"
        ) from error
    expected = max((int(at) + int(size) for at, size in _EXTENT.findall(text)), default=1)
    if not text.rstrip().endswith("</net>") or found < expected:
        raise OutputError(
            f"{weights}: only {found} bytes could be written, expected {expected}",
            hint="free some space, or choose another --output",
        )
