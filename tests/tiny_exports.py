"""A run that was never trained, small and with scores all over [0, 1], and its exports.

Built once for all tests that ask: each takes many seconds.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from conftest import encode, make_pixels
from od.detect import load_detector
from od.export import Export, export_detector, read_source
from od.odapi.protos import format_message
from od.outputs import write_od_json
from od.pipeline_config import read_pipeline_config, set_field
from od.records.label_map_file import write_label_map
from od.structures.label_map import LabelMap
from record_files import recorded, write_part
from tiny_model import TEMPLATE, TINY

NAMES = LabelMap(((1, "cat"), (2, "red cat"), (3, "고양이")))
STEP = 7


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="od-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def tiny_model() -> Any:
    """The OD API's model, its weights drawn at random so that it finds many things."""
    from od.odapi.checkpoint import model_variables
    from od.odapi.model import build_model

    model = build_model(_config().model, is_training=False)
    import tensorflow as tf

    rng = np.random.default_rng(4)
    for key, variable in sorted(model_variables(model).items()):
        if not key.endswith("kernel"):
            continue
        # He's initialisation: the signal neither dies nor explodes on its way through.
        *kernel, inputs, _ = variable.shape
        fan_in = np.prod(kernel) * (1 if "depthwise" in key else inputs)
        values = rng.normal(0, np.sqrt(2 / fan_in), variable.shape)
        variable.assign(values)
    blocks = rng.uniform(0, 255, (8, 8, 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    images = tf.constant(blocks + rng.normal(0, 20, blocks.shape), tf.float32)
    _normalize_batches(model, images)
    _spread_outputs(model, images)
    return model


def _normalize_batches(model: Any, images: Any) -> None:
    """Let batch normalisation know its inputs, or rounding errors would grow in each layer."""
    import tensorflow as tf

    layers = [
        layer
        for part in (model._feature_extractor, model._box_predictor)
        for layer in part.submodules
        if hasattr(layer, "moving_variance")
    ]
    assert layers
    for layer in layers:
        layer.momentum, layer._training = 0.0, None  # follows the learning phase
    tf.keras.backend.set_learning_phase(True)
    model.predict(*model.preprocess(images))
    tf.keras.backend.set_learning_phase(False)
    for layer in layers:
        layer._training = False


def _spread_outputs(model: Any, images: Any) -> None:
    """Scale the last layers: scores neither all alike nor at their limits, boxes near anchors."""
    from od.odapi.checkpoint import model_variables

    outputs = model.predict(*model.preprocess(images))
    for output, layer, spread in (
        ("class_predictions_with_background", "class_predictor", 0.5),
        ("box_encodings", "box_encoder", 0.3),
    ):
        for key, variable in model_variables(model).items():
            if f"_{layer}_layers" in key and key.endswith("pointwise_kernel"):
                variable.assign(variable * (spread / np.std(outputs[output])))
            if "_class_predictor_layers" in key and key.endswith("bias"):
                variable.assign(np.full(variable.shape, -1.0))


@cache
def _config() -> Any:
    config = read_pipeline_config(TEMPLATE)
    for assignment in (*TINY, f"model.ssd.num_classes={len(NAMES)}"):
        set_field(config, assignment)
    return config


@cache
def tiny_run() -> Path:
    """A run's folder; not to be written into."""
    model = tiny_model()  # first: the OD API must be prepared before tensorflow is imported
    import tensorflow as tf

    run, records = _folder() / "runs" / "tiny", _folder() / "records"
    images = [
        replace(recorded([], size=(64, 48)), encoded=encode(make_pixels(seed=i), "PNG"))
        for i in range(4)
    ]
    write_part(records, "val", images)
    (run / "checkpoint").mkdir(parents=True)
    checkpoint = tf.train.Checkpoint(model=model, step=tf.Variable(STEP, dtype=tf.int64))
    checkpoint.write(str(run / f"checkpoint/ckpt-{STEP}"))
    (run / "pipeline.config").write_text(format_message(_config()), encoding="utf-8")
    write_label_map(run / "label_map.pbtxt", NAMES)
    write_od_json(
        run, "run", {"model": "tiny", "step": STEP, "steps": STEP, "records": str(records)}
    )
    return run


@cache
def tiny_export(target: str) -> Export:
    """An export of the run; its folder is not to be written into."""
    output = _folder() / "exported" / target
    progress: list[str] = []
    export = export_detector(
        read_source(tiny_run()),
        target,
        output,
        load_detector=load_detector,
        progress=lambda done, total, note="": progress.append(f"{done}/{total} {note}"),
    )
    assert progress[-1] == "4/4 done"
    return export
