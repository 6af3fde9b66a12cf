"""Which SSDs can go to a Neural Compute Stick: parity, layers, blobs. Writes docs/myriad_models.md.

    python -m benchmarks.myriad_table pipeline_configs CONFIGS --only mobilenet

CONFIGS is any folder of pipeline configs, the official ones for example.  Each SSD is built
with random weights in a process of its own, smallest input first; results are kept in
benchmarks/results/myriad_models.json, so a later call adds to the table.  It needs the
toolchain: od doctor --setup-myriad.

Weights are He-initialised, batch normalisation is given the statistics of real images, and the
last layers are scaled so that scores are spread: otherwise all scores would be alike and any
two heads would differ.  Compared are the raw predictions of every anchor, and then what both
heads make of the same raw predictions.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULTS = Path("benchmarks/results/myriad_models.json")
TABLE = Path("docs/myriad_models.md")
CHIPS = ("myriad2", "myriadx")
SHAVES = (6, 8, 4)  # od export's number, and what to try where the compiler refuses it
MAX_IMAGES = 2


def measure(file: Path) -> dict[str, Any]:
    """Build a model from a config, export it, and return the facts of its row."""
    from od.odapi.model import build_model
    from od.pipeline_config import read_pipeline_config

    config = read_pipeline_config(file).model
    from od.export.parity import sample_images
    from od.export.ssd_ir import check_ssd, write_ssd_ir

    check_ssd(config, name=file.name)
    model = build_model(config, is_training=False)
    images = sample_images(None)[0][:MAX_IMAGES]
    spread_weights(model, images)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.monotonic()
        ir = write_ssd_ir(model, config, folder, name=file.name)
        facts: dict[str, Any] = {
            "input": f"{ir.input_spec.width} x {ir.input_spec.height}, {ir.input_spec.resize}",
            "anchors": ir.anchors,
            "classes": config.ssd.num_classes,
            "ir_seconds": time.monotonic() - started,
            "ir_bytes": ir.xml.with_suffix(".bin").stat().st_size,
        }
        facts |= compile_for_chips(ir.xml, folder)
        print(json.dumps(facts), flush=True)  # kept should the comparison be too much
        return facts | compare(model, ir, images)


def spread_weights(model: Any, images: list[NDArray[np.uint8]]) -> None:
    """Draw weights with which signals neither die nor explode and scores are spread."""
    import tensorflow as tf

    from od.odapi.checkpoint import model_variables

    rng = np.random.default_rng(4)
    variables = {v.ref(): v for v in model_variables(model).values()}.values()
    for variable in variables:
        if "kernel" in variable.name and len(variable.shape) == 4:
            *window, inputs, _ = variable.shape
            fan_in = np.prod(window) * (1 if "depthwise" in variable.name else inputs)
            variable.assign(rng.normal(0, np.sqrt(2 / fan_in), variable.shape))
    layers = [m for m in model.submodules if hasattr(m, "moving_variance")]
    for layer in layers:
        layer.momentum = 0.0
        if hasattr(layer, "_training"):
            layer._training = None
    batch = [tf.constant(image[None], tf.float32) for image in images]
    pixels = tf.concat([model.preprocess(image)[0] for image in batch], 0)
    tf.keras.backend.set_learning_phase(True)
    model.predict(pixels, None)
    tf.keras.backend.set_learning_phase(False)
    for layer in layers:
        if hasattr(layer, "_training"):
            layer._training = False
    outputs = model.predict(pixels, None)
    for key, layers_name, spread in (
        ("class_predictions_with_background", "_class_predictor_layers", 1.5),
        ("box_encodings", "_box_encoder_layers", 1.0),
    ):
        factor = spread / float(np.std(outputs[key]))
        for name, variable in model_variables(model).items():
            if layers_name in name and name.endswith(("/kernel", "/pointwise_kernel")):
                variable.assign(variable * factor)
            elif layers_name in name and "class" in layers_name and name.endswith("bias"):
                variable.assign(np.full(variable.shape, -4.6))  # as the focal loss begins


def compile_for_chips(xml: Path, folder: Path) -> dict[str, Any]:
    """Ask the toolchain which layers a stick lacks, and for both blobs."""
    from od.errors import OdError
    from od.myriad.toolchain import find_toolchain
    from od.myriad.worker import ToolchainWorker

    toolchain = find_toolchain()
    if toolchain is None:
        sys.exit("the toolchain is not there: od doctor --setup-myriad")
    facts: dict[str, Any] = {}
    with ToolchainWorker(toolchain) as worker:
        facts["unsupported"] = [f"{kind} {name}" for name, kind in worker.unsupported_layers(xml)]
    for chip in CHIPS:
        facts[chip] = {}
        for shaves in SHAVES:
            started = time.monotonic()
            try:
                with _limited_memory(), ToolchainWorker(toolchain) as worker:
                    worker.compile_blob(xml, folder / "blob", chip=chip, shaves=shaves)
                facts[chip] |= {"bytes": (folder / "blob").stat().st_size, "shaves": shaves}
            except OdError as error:
                facts[chip].setdefault("refused", str(error).replace(str(xml), "model.xml"))
            facts[chip]["seconds"] = time.monotonic() - started
            if "bytes" in facts[chip]:
                break
    return facts


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Let the compiler's process, which inherits it, have 10 GB, not the whole machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (10 * 2**30, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def compare(model: Any, ir: Any, images: list[NDArray[np.uint8]]) -> dict[str, Any]:
    """Compare raw predictions, and both heads on the same raw predictions."""
    import openvino
    import tensorflow as tf

    from od.detect.preparation import prepare_frame, to_detections7
    from od.export.parity import compare_detections
    from od.export.ssd_ir import RAW_BOXES, RAW_LOGITS, _convert
    from od.odapi.model import to_detections

    network = openvino.Core().read_model(str(ir.xml))
    nodes = {node.get_friendly_name(): node for node in network.get_ops()}
    raw = [openvino.opset1.convert(nodes[key], np.float32) for key in (RAW_BOXES, RAW_LOGITS)]
    network.add_outputs([node.output(0) for node in raw])
    compiled = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    spec, pairs, boxes, scores, exact = ir.input_spec, [], [], [], []
    whole = openvino.compile_model(
        _convert(model, spec, name="whole").model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    rgb = replace(spec, channels="rgb", layout="NHWC", resize="stretch")
    height, width = spec.height, spec.width
    for image in images:
        frame = prepare_frame(image, replace(spec, channels="rgb", layout="NHWC"))
        found = compiled(prepare_frame(frame[0], replace(rgb, layout="NCHW", channels="bgr")))
        pixels = model.feature_extractor.preprocess(tf.constant(frame, tf.float32))
        predictions = model.predict(pixels, None)
        boxes.append(np.abs(found[1] - predictions["box_encodings"]))
        logits = np.asarray(predictions["class_predictions_with_background"])
        scores.append(np.abs(_sigmoid(found[2]) - _sigmoid(logits)))
        before = whole(np.asarray(pixels).transpose(0, 3, 1, 2))
        exact.append(np.abs(_sigmoid(before[2]) - _sigmoid(logits)).max())
        predictions["box_encodings"] = tf.constant(found[1])
        predictions["class_predictions_with_background"] = tf.constant(found[2])
        theirs = model.postprocess(predictions, None)
        ours = to_detections7(found[0], rgb, height=height, width=width)
        pairs.append((to_detections(theirs, height=height, width=width), ours))
    parity = compare_detections(pairs, samples="the sample that ships with od")
    return {
        "exact_score_max": float(np.max(exact)),
        "raw_score_mean": float(np.mean(scores)),
        "raw_score_max": float(np.max(scores)),
        "raw_box_mean": float(np.mean(boxes)),
        "raw_box_max": float(np.max(boxes)),
        "head": parity.to_json(),
    }


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 / (1 + np.exp(-logits))


def _row(name: str, facts: dict[str, Any]) -> str:
    if "failed" in facts:
        return f"| {name} | {facts['failed']} |" + " |" * 10
    missing = ", ".join(facts["unsupported"]) or "none"
    cells = [name, facts["input"], f"{facts['anchors']:,} x {facts['classes']}", missing]
    if "head" in facts:
        head = facts["head"]
        cells += [
            f"{facts['exact_score_max']:.6f}",
            f"{facts['raw_score_mean']:.5f}, {facts['raw_score_max']:.4f}",
            f"{facts['raw_box_mean']:.5f}, {facts['raw_box_max']:.4f}",
            f"{head['compared']}: {head['missing']} missing, {head['exchanged']} exchanged,"
            f" {head['max_pixels']:.3f} px, {head['max_score']:.4f}",
        ]
    else:
        cells += ["not compared"] * 4
    for chip in CHIPS:
        size, shaves = facts[chip].get("bytes", 0), facts[chip].get("shaves", SHAVES[0])
        shown = f"{size / 1e6:.1f}" + (f" with {shaves} shaves" if shaves != SHAVES[0] else "")
        refused = facts[chip].get("refused", "")
        cells.append("; ".join([shown] * (size > 0) + [refused] * bool(refused)))
    cells.append(", ".join(f"{facts[chip]['seconds']:.0f}" for chip in CHIPS))
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"


HEADER = """# SSDs for the Neural Compute Stick

Made by `{command}`: random weights, two photographs, {shaves} shaves, OpenVINO 2021.4.2's
compiler, no stick. The machine was shared while this was measured, so the seconds are upper
limits.

- *Scores before halving*: largest difference of a raw score between tensorflow and OpenVINO's
  graph with float32 weights: what conversion alone changes.
- *Raw scores* and *raw boxes*: mean and largest difference, over every anchor and class, between
  the trained model in tensorflow and the IR with its half-precision weights on the CPU; scores
  are 0 to 1, boxes are the box coder's offsets (1 is a tenth of the anchor's side). Weights are
  random, which lets rounding grow more than a trained network does.
- *Head*: of the same raw predictions, what DetectionOutput gives against the OD API's own
  non-maximum suppression: detections compared (both directions), those that one lacks, those of
  a neighbour with the same score, largest difference of a coordinate and of a score.
  A detection is missing where a box wholly outside the image took one of the rows: the OD API
  removes such boxes first and has room for others. Random weights make some, trained ones hardly.
- *Layers the stick lacks*: what `query_network` of the MYRIAD plugin names.

| config | input | anchors x classes | layers the stick lacks | scores before halving: max |"""
HEADER_END = (
    " raw scores: mean, max | raw boxes: mean, max | head | Myriad 2 blob, MB |"
    " Myriad X blob, MB | compile s |\n" + "| --- " * 11 + "|\n"
)


def write_table(results: dict[str, Any], command: str) -> None:
    """Write the page; rows in the order of input size and name."""
    ordered = sorted(results.items(), key=lambda item: (item[1].get("anchors", 0), item[0]))
    rows = "\n".join(_row(name, facts) for name, facts in ordered)
    TABLE.parent.mkdir(exist_ok=True)
    text = HEADER.format(command=command, shaves=SHAVES[0]) + HEADER_END + rows + "\n"
    TABLE.write_text(text, encoding="utf-8")


def _in_a_process(file: Path, timeout: float) -> dict[str, Any]:
    """Measure one config in a process of its own, so that one too large ends alone."""
    command = [sys.executable, "-m", "benchmarks.myriad_table", "--one", str(file)]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False
        )
        out, why = ended.stdout, ended.stderr.strip().splitlines()[-1:] or ["?"]
    except subprocess.TimeoutExpired as error:
        out = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        why = [f"not ready after {timeout:.0f} s"]
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"failed": why[0]}


def main() -> None:
    """Measure every SSD in the folders and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--only", default="", help="part of the config's name")
    parser.add_argument("--again", action="store_true", help="measure what is in the table too")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for each config")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)), flush=True)
        return
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    files = [file for folder in options.folders for file in sorted(folder.glob("ssd_*.config"))]
    for file in files:
        name = file.stem.split("_coco17")[0]
        done = name in results and "failed" not in results[name] and not options.again
        if options.only not in name or done:
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = _in_a_process(file, options.timeout)
        print(json.dumps(results[name]), file=sys.stderr, flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    write_table(results, "python -m benchmarks.myriad_table pipeline_configs CONFIGS")
    print(TABLE)


if __name__ == "__main__":
    main()
