"""Both targets, exported for real from a tiny model; the slow parts are built once."""

import json

import numpy as np
import pytest

from conftest import encode, make_pixels
from od.detect import load_detector
from od.errors import ExportError, OutputError
from od.export import check_exportable, export_detector, read_source
from od.export import step as step_module
from od.export.parity import compare_detectors
from od.export.saved_model import detect_function
from od.outputs import read_od_json, sha256
from od.records.label_map_file import read_label_map
from od.structures.artifacts import InputSpec
from od.structures.detections import Detections
from tiny_exports import NAMES, STEP, tiny_export, tiny_model, tiny_run

EXPORTER_OUTPUTS = {
    "detection_anchor_indices",
    "detection_boxes",
    "detection_classes",
    "detection_multiclass_scores",
    "detection_scores",
    "num_detections",
    "raw_detection_boxes",
    "raw_detection_scores",
}
PIXELS = make_pixels(200, 120, seed=5)


@pytest.fixture(scope="module")
def loaded():
    export = tiny_export("saved_model")
    import tensorflow as tf

    return tf.saved_model.load(str(export.detector.model))


def test_the_function_gives_what_the_od_apis_exporter_gives():
    model = tiny_model()
    from object_detection.exporter_lib_v2 import DetectionFromImageModule

    theirs = DetectionFromImageModule(model).__call__(PIXELS[None])
    ours = detect_function(model)(PIXELS[None])

    assert set(ours) == set(theirs) == EXPORTER_OUTPUTS
    for key in EXPORTER_OUTPUTS:
        assert ours[key].dtype == theirs[key].dtype, key
        assert ours[key].shape == theirs[key].shape, key
        np.testing.assert_allclose(ours[key], theirs[key], atol=1e-5, err_msg=key)
    scores = np.asarray(ours["detection_scores"])
    assert 0.3 < scores.max() < 0.9999  # the comparison says something


def test_the_saved_model_has_the_exporters_signature(loaded):
    signature = loaded.signatures["serving_default"]
    (spec,) = signature.structured_input_signature[1].values()

    assert list(signature.structured_input_signature[1]) == ["input_tensor"]
    assert (spec.dtype.name, spec.shape.as_list()) == ("uint8", [1, None, None, 3])
    assert set(signature.structured_outputs) == EXPORTER_OUTPUTS


def test_the_loaded_object_can_be_called_as_tutorials_do(loaded):
    import tensorflow as tf

    called = loaded(tf.constant(PIXELS[None]))
    signed = loaded.signatures["serving_default"](input_tensor=tf.constant(PIXELS[None]))

    np.testing.assert_array_equal(called["detection_scores"], signed["detection_scores"])
    assert set(np.unique(called["detection_classes"])) <= {1.0, 2.0, 3.0}


def test_encoded_images_go_through_the_second_signature(loaded):
    import tensorflow as tf

    signature = loaded.signatures["serving_bytes"]
    (name,) = signature.structured_input_signature[1]
    other = make_pixels(90, 150, seed=6)
    files = tf.constant([encode(PIXELS, "PNG"), encode(other, "PNG")])
    both = signature(**{name: files})
    alone = [loaded(tf.constant(pixels[None])) for pixels in (PIXELS, other)]

    assert name.endswith("_bytes")  # what TensorFlow Serving wants for {"b64": ...}
    assert set(both) == EXPORTER_OUTPUTS
    for position, one in enumerate(alone):
        for key in ("detection_boxes", "detection_scores", "detection_classes"):
            np.testing.assert_allclose(both[key][position], one[key][0], atol=1e-4, err_msg=key)


def test_the_exported_checkpoint_can_be_exported_again():
    folder = tiny_export("saved_model").detector.folder
    source = read_source(folder)
    from od.odapi.checkpoint import match_checkpoint

    assert source.checkpoint == folder / "checkpoint/ckpt-0"
    assert not match_checkpoint(tiny_model(), source.checkpoint).fresh


@pytest.mark.parametrize("target", ["saved_model", "openvino"])
def test_an_export_says_what_it_is_and_how_near_it_comes(target):
    export = tiny_export(target)
    folder = export.detector.folder
    facts = read_od_json(folder)

    assert (facts["kind"], facts["target"], facts["step"]) == ("export", target, STEP)
    assert InputSpec.from_json(facts["input_spec"]) == export.detector.input_spec == InputSpec()
    assert facts["classes"] == {"1": "cat", "2": "red cat", "3": "고양이"}
    assert facts["run"] == tiny_run().as_posix()
    assert facts["parity"] == json.loads(json.dumps(export.parity.to_json()))
    assert facts["parity"]["compared"] >= 20
    assert facts["parity"]["max_pixels"] <= 1
    assert facts["parity"]["max_score"] <= 0.01
    assert read_label_map(folder / "label_map.pbtxt") == NAMES
    for name, digest in facts["outputs"].items():
        assert sha256(folder / name) == digest
    assert (folder / facts["model"]).exists()


def test_the_ir_has_half_precision_weights_and_nothing_else_lies_beside_it():
    folder = tiny_export("openvino").detector.folder

    assert {path.name for path in folder.iterdir()} == {
        "label_map.pbtxt",
        "model.bin",
        "model.xml",
        "od.json",
        "pipeline.config",
    }
    weights = sum(v.shape.num_elements() for v in _float_variables())
    # Batch normalisation is folded into the convolutions, so some of them have gone.
    assert weights <= (folder / "model.bin").stat().st_size < weights * 2.5
    assert 'precision="FP16"' in (folder / "model.xml").read_text(encoding="utf-8")


def _float_variables():
    from od.odapi.checkpoint import model_variables

    return [v for v in model_variables(tiny_model()).values() if v.dtype.is_floating]


def test_both_exports_find_the_same_in_images_of_any_size():
    saved_model, ir = (
        load_detector(tiny_export(target).detector.folder) for target in ("saved_model", "openvino")
    )
    images = [make_pixels(*size, seed=7) for size in ((64, 64), (31, 77), (300, 200))]

    parity = compare_detectors(saved_model, ir, images, samples="made up")

    assert parity.holds, parity.summary
    assert parity.compared >= 30


def _spoiled(folder):
    detector = load_detector(folder)

    def detect(image):
        found = detector(image)
        return Detections(found.boxes + 3, found.scores, found.class_ids)

    return detect


def test_an_export_that_finds_something_else_is_not_delivered(tmp_path, monkeypatch):
    # The model and its conversion are there already: only the check and what follows run.
    monkeypatch.setattr("od.odapi.model.load_model", lambda *_: tiny_model())
    made = tiny_export("openvino").detector.folder
    monkeypatch.setattr(
        step_module,
        "write_ir",
        lambda detect, folder, *, name: [
            (folder / file).write_bytes((made / file).read_bytes())
            for file in ("model.xml", "model.bin")
        ],
    )
    output = tmp_path / "out"

    with pytest.raises(ExportError, match="finds something else than the trained model") as error:
        export_detector(read_source(tiny_run()), "openvino", output, load_detector=_spoiled)

    assert "expected each within 1 px and 0.01" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_the_converter_is_quoted(tmp_path, monkeypatch):
    openvino = pytest.importorskip("openvino")

    class Core:
        def read_model(self, path):
            raise RuntimeError("long story\n\nNo translator found for FancyOp node.\n")

    monkeypatch.setattr(openvino, "Core", Core)
    monkeypatch.setattr("od.export.openvino._save_four_outputs", lambda detect, folder: None)
    from od.export.openvino import write_ir

    with pytest.raises(ExportError) as error:
        write_ir(None, tmp_path, name="runs/odd")

    assert str(error.value) == (
        "runs/odd: OpenVINO's converter refuses this model: No translator found for FancyOp node."
    )
    assert error.value.hint == "export it with --target saved_model"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        pytest.param("tflite", ExportError, "^tflite: no such target, expected", id="unknown"),
        pytest.param("openvino", OutputError, "is there already", id="occupied"),
    ],
)
def test_what_cannot_be_delivered_is_refused_before_the_work(tmp_path, target, error, message):
    (tmp_path / "something").write_text("else")

    with pytest.raises(error, match=message) as caught:
        check_exportable(target, tmp_path, overwrite=False)

    assert caught.value.hint


def test_overwrite_replaces_exports_only(tmp_path):
    (tmp_path / "photo.jpg").write_text("not an export")
    with pytest.raises(OutputError, match="refusing to replace it"):
        check_exportable("openvino", tmp_path, overwrite=True)

    (tmp_path / "od.json").write_text('{"kind": "export"}')
    check_exportable("openvino", tmp_path, overwrite=True)
