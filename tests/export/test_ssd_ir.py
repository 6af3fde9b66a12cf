"""An SSD becomes an IR that a stick's OpenVINO reads, and finds what the trained model finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from od.detect.preparation import prepare_frame, to_detections7
from od.detect.ssd_ir import open_ssd_ir
from od.errors import ExportError, OutputError
from od.export.parity import compare_detections
from od.export.ssd_ir import (
    RAW_BOXES,
    RAW_LOGITS,
    HeadOptions,
    SsdIr,
    check_ssd,
    myriad_input_spec,
    write_ssd_ir,
)
from od.myriad.toolchain import find_toolchain
from od.myriad.worker import ToolchainWorker
from od.odapi.model import to_detections
from od.pipeline_config import read_pipeline_config, set_field
from od.shipped import shipped
from tiny_exports import NAMES, tiny_model
from tiny_model import TEMPLATE, TINY

SIDE = 64
NMS = "model.ssd.post_processing.batch_non_max_suppression"
CODER = "model.ssd.box_coder.faster_rcnn_box_coder"
# What lies in the padding alone takes up rows of the output that the OD API gives to others:
# with a low IoU the padded variants have rows to spare.
PADDING = (
    "model.ssd.image_resizer.keep_aspect_ratio_resizer.min_dimension=64",
    "model.ssd.image_resizer.keep_aspect_ratio_resizer.max_dimension=64",
    "model.ssd.image_resizer.keep_aspect_ratio_resizer.pad_to_max_dimension=true",
)
VARIANTS = {
    "sigmoid": (),
    "softmax": ("model.ssd.post_processing.score_converter=SOFTMAX",),
    "scaled logits": (
        "model.ssd.post_processing.score_converter=SOFTMAX",
        "model.ssd.post_processing.logit_scale=0.5",
    ),
    "logits as they are": ("model.ssd.post_processing.score_converter=IDENTITY",),
    "another box coder": (f"{CODER}.y_scale=5", f"{CODER}.x_scale=8", f"{CODER}.width_scale=3"),
    "class-agnostic": (f"{NMS}.use_class_agnostic_nms=true", f"{NMS}.iou_threshold=0.3"),
    "no background": ("model.ssd.add_background_class=false", "model.ssd.num_classes=4"),
    "padded": (*PADDING, f"{NMS}.iou_threshold=0.1"),
    "padded with a colour": (
        *PADDING,
        f"{NMS}.iou_threshold=0.1",
        "model.ssd.image_resizer.keep_aspect_ratio_resizer.per_channel_pad_value=[0.9,-0.8,0.1]",
    ),
}


def tiny_config(*assignments: str) -> Any:
    config = read_pipeline_config(TEMPLATE)
    for assignment in (*TINY, f"model.ssd.num_classes={len(NAMES)}", *assignments):
        set_field(config, assignment)
    return config.model


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], SsdIr]:
    """The IR of a variant, written once."""

    @cache
    def write(variant: str) -> SsdIr:
        folder = tmp_path_factory.mktemp("ir")
        model = tiny_model()  # first: the OD API must be prepared before tensorflow is imported
        return write_ssd_ir(model, tiny_config(*VARIANTS[variant]), folder, name="tiny")

    return write


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Any]]:
    """The tiny model, the parts around its network built anew from a changed config."""

    def build(*assignments: str) -> tuple[Any, Any]:
        model, config = tiny_model(), tiny_config(*assignments)
        from object_detection.builders import (
            box_coder_builder,
            image_resizer_builder,
            post_processing_builder,
        )

        suppress, convert = post_processing_builder.build(config.ssd.post_processing)
        for field, part in (
            ("_non_max_suppression_fn", suppress),
            ("_score_conversion_fn", convert),
            ("_box_coder", box_coder_builder.build(config.ssd.box_coder)),
            ("_image_resizer_fn", image_resizer_builder.build(config.ssd.image_resizer)),
            ("_add_background_class", config.ssd.add_background_class),
        ):
            monkeypatch.setattr(model, field, part)
        return model, config

    return build


def photographs(height: int) -> list[NDArray[np.uint8]]:
    """Pictures that no resizer has to change: uint8 rounding is not what is tested here."""
    rng = np.random.default_rng(3)
    pictures = []
    for _ in range(4):
        blocks = rng.uniform(0, 255, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)[:height]
        pictures.append((blocks + rng.normal(0, 20, blocks.shape)).clip(0, 255).astype(np.uint8))
    return pictures


def run_with_raw(xml: Path, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Run an IR, and return its rows, raw boxes and logits."""
    import openvino

    model = openvino.Core().read_model(str(xml))
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    raw = [openvino.opset1.convert(nodes[key], np.float32) for key in (RAW_BOXES, RAW_LOGITS)]
    model.add_outputs([node.output(0) for node in raw])
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    results = openvino.compile_model(model, "CPU", precise)(frame)
    return [np.array(results[index]) for index in range(3)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_ir_finds_what_the_model_finds(variant, configured, written):
    ir = written(variant)
    model, _ = configured(*VARIANTS[variant])
    spec = ir.input_spec
    height = 48 if spec.resize == "pad" else SIDE
    import tensorflow as tf

    images = photographs(height)
    pixels, shapes = model.preprocess(tf.constant(np.stack(images), tf.float32))
    predictions = model.predict(pixels, shapes)
    runs = [run_with_raw(ir.xml, prepare_frame(image, spec)) for image in images]
    # The weights are halves and the network is random: near is all that it can be ...
    for index, key in enumerate(("box_encodings", "class_predictions_with_background"), 1):
        raw = np.concatenate([run[index] for run in runs])
        assert np.abs(raw - np.asarray(predictions[key])).mean() < 0.02
        predictions[key] = tf.constant(raw)
    # ... but of the same raw predictions the head has to make the same.
    outputs = {
        key: np.asarray(value) for key, value in model.postprocess(predictions, shapes).items()
    }
    pairs = [
        (
            to_detections(
                {key: value[i : i + 1] for key, value in outputs.items()}, height=height, width=SIDE
            ),
            to_detections7(run[0], spec, height=height, width=SIDE),
        )
        for i, run in enumerate(runs)
    ]

    parity = compare_detections(pairs, samples="made up")

    assert parity.compared >= 20
    assert (parity.missing, parity.exchanged) == (0, 0), parity.summary
    assert parity.max_pixels < 0.05  # the anchors' coordinates are halves: 64 / 2**12
    assert parity.max_score < 0.001
    assert len({int(i) for _, found in pairs for i in found.class_ids}) > 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stick_has_every_layer(variant, written):
    toolchain = find_toolchain()
    if toolchain is None:
        pytest.skip("the OpenVINO 2021.4.2 toolchain is not there: layers are not asked about")
    ir = written(variant)

    with ToolchainWorker(toolchain) as worker:
        assert worker.unsupported_layers(ir.xml) == ()


def test_bgr_and_rgb_inputs_give_the_same(configured, written, tmp_path):
    ir = written("sigmoid")
    other = write_ssd_ir(*configured(), tmp_path, channels="rgb", name="tiny")
    bgr, rgb = (
        open_ssd_ir(each.xml, each.input_spec)(photographs(SIDE)[0]) for each in (ir, other)
    )

    assert [ir.input_spec.channels, other.input_spec.channels] == ["bgr", "rgb"]
    assert len(bgr) > 10
    np.testing.assert_allclose(bgr.scores, rgb.scores, atol=1e-5)
    np.testing.assert_allclose(bgr.boxes, rgb.boxes, atol=1e-3)


def test_the_ir_is_one_that_old_openvino_reads(written):
    ir = written("sigmoid")

    text = ir.xml.read_text(encoding="utf-8")
    (first,) = re.findall(r'<layer id="\d+" name="input" type="Parameter".*?</layer>', text, re.S)
    assert re.search(r'<net [^>]*version="10"', text)
    assert 'element_type="u8"' in first
    assert 'shape="1,3,64,64"' in first
    assert set(re.findall(r'version="(opset\d+)"', text)) <= {"opset1", "opset2", "opset3"}
    assert "f32" not in re.findall(r'element_type="(\w+)"', text)
    (rows,) = re.findall(r'type="DetectionOutput".*?</layer>', text, re.S)
    assert re.findall(r"<dim>(\d+)</dim>", rows)[-4:] == ["1", "1", "100", "7"]


def test_weights_cut_off_by_a_full_disk_are_noticed(configured, tmp_path, monkeypatch):
    import openvino

    whole = openvino.serialize

    def cut_off(model: Any, xml: str, weights: str, version: str) -> None:
        whole(model, xml, weights, version)
        with open(weights, "r+b") as file:
            file.truncate(1000)

    monkeypatch.setattr(openvino, "serialize", cut_off)

    with pytest.raises(OutputError, match=r"model\.bin: only 1000 bytes could be written"):
        write_ssd_ir(*configured(), tmp_path, name="tiny")


def test_the_head_follows_the_wishes(configured, tmp_path):
    model, config = configured()
    wishes = HeadOptions(top_k=7, nms_iou=0.2, score=0.35)

    ir = write_ssd_ir(model, config, tmp_path, head=wishes, name="tiny")
    found = [open_ssd_ir(ir.xml, ir.input_spec)(image) for image in photographs(SIDE)]

    assert max(len(each) for each in found) == 7
    assert min(each.scores.min() for each in found) > 0.35
    assert (ir.head.top_k, ir.head.nms_iou, ir.head.score) == (7, 0.2, 0.35)


def test_the_head_says_what_it_does_otherwise_than_the_config(configured, tmp_path):
    model, config = configured(f"{NMS}.soft_nms_sigma=0.5", f"{NMS}.max_detections_per_class=10")

    ir = write_ssd_ir(model, config, tmp_path, name="tiny")

    assert [note.split(" (")[0] for note in ir.notes] == [
        "score threshold 0.01 instead of the config's 1e-08",
        "soft non-maximum suppression",
        "100 detections may be of one class, not max_detections_per_class 10",
    ]


def test_padding_is_recorded_in_the_bytes_of_the_image():
    # The OD API pads after it has normalised: 0 is the mean colour there, not black.
    spec = myriad_input_spec(tiny_config(*PADDING))
    config = tiny_config(*PADDING)
    config.ssd.feature_extractor.type = "ssd_efficientnet-b0_bifpn_keras"

    assert (spec.height, spec.width, spec.layout, spec.resize) == (64, 64, "NCHW", "pad")
    assert spec.pad_value == (128, 128, 128)
    assert myriad_input_spec(config).pad_value == (124, 116, 104)
    assert replace(spec, resize="stretch", pad_value=(0, 0, 0)) == myriad_input_spec(tiny_config())


REFUSED = {
    "identity_resizer": ("identity_resizer", lambda ssd: ssd.image_resizer.identity_resizer),
    "no padding": (
        "pad_to_max_dimension false",
        lambda ssd: ssd.image_resizer.keep_aspect_ratio_resizer,
    ),
    "area": ("resize_method", lambda ssd: ssd.image_resizer.fixed_shape_resizer),
    "keypoints": ("keypoint_box_coder", lambda ssd: ssd.box_coder.keypoint_box_coder),
    "calibration": ("calibrated", lambda ssd: ssd.post_processing.calibration_config),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_stick_cannot_do_is_refused_with_a_way_out(case):
    config = tiny_config()
    found, part = REFUSED[case]
    part(config.ssd).SetInParent()
    if case == "area":
        config.ssd.image_resizer.fixed_shape_resizer.resize_method = 3

    with pytest.raises(ExportError, match=found) as error:
        check_ssd(config, name="runs/mine")

    assert str(error.value).startswith("runs/mine: ")
    assert "--target openvino" in error.value.hint


@pytest.mark.parametrize("architecture", ["faster_rcnn", "center_net"])
def test_other_architectures_are_told_what_does_run(architecture):
    config = read_pipeline_config(TEMPLATE).model
    getattr(config, architecture).SetInParent()

    with pytest.raises(ExportError, match=f"SSD models only, this one is {architecture}") as error:
        check_ssd(config, name="runs/mine")

    assert "--target openvino" in error.value.hint


def test_every_shipped_ssd_can_be_exported_for_a_stick():
    files = sorted(shipped("pipeline_configs").glob("ssd_*.config"))

    assert files
    for file in files:
        check_ssd(read_pipeline_config(file).model, name=file.name)


def test_a_wish_out_of_its_range_is_refused(configured, tmp_path):
    with pytest.raises(ExportError, match=r"nms_iou 1\.5"):
        write_ssd_ir(*configured(), tmp_path, head=HeadOptions(nms_iou=1.5), name="tiny")

    assert list(tmp_path.iterdir()) == []
