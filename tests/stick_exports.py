"""Exports for sticks, made by hand in milliseconds: an IR that finds red and blue squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from od.outputs import write_od_json
from od.records.label_map_file import write_label_map
from od.structures.artifacts import InputSpec
from od.structures.label_map import LabelMap

NAMES = LabelMap(((1, "red"), (2, "blue")))
CELL = 8  # pixels of the input; each cell of the grid is one anchor
STRETCH = InputSpec(64, 96, "NCHW", "bgr", "uint8", "stretch")
PAD = InputSpec(96, 96, "NCHW", "bgr", "uint8", "pad", (10, 20, 30))


def write_squares_ir(folder: Path, spec: InputSpec = STRETCH, *, rows: int = 40) -> Path:
    """Write model.xml: the score of a cell is how red or how blue it is."""
    import openvino
    from openvino import opset1

    down, across = spec.height // CELL, spec.width // CELL
    frame = opset1.parameter([1, 3, spec.height, spec.width], np.uint8, name="input")
    planes = opset1.convert(frame, "f32")
    cells = opset1.avg_pool(planes, [CELL] * 2, [0, 0], [0, 0], [CELL] * 2, True, "floor", "valid")
    last = opset1.reshape(opset1.transpose(cells, np.array([0, 2, 3, 1])), np.array([-1, 3]), False)
    order = [2, 1, 0] if spec.channels == "bgr" else [0, 1, 2]
    rgb = opset1.gather(last, np.array(order), np.array(1))
    # Red is what the others lack; grey is background.
    red = opset1.gather(rgb, np.array([0]), np.array(1))
    blue = opset1.gather(rgb, np.array([2]), np.array(1))
    background = opset1.multiply(red, np.float32(0))
    share = np.float32(1 / 255)
    scores = opset1.concat(
        [
            background,
            opset1.relu(opset1.multiply(opset1.subtract(red, blue), share)),
            opset1.relu(opset1.multiply(opset1.subtract(blue, red), share)),
        ],
        1,
    )
    y, x = np.mgrid[:down, :across]
    corners = np.stack([x / across, y / down, (x + 1) / across, (y + 1) / down], -1)
    priors = corners.reshape(1, 1, -1).astype(np.float32)
    settings = {
        "num_classes": 3,
        "background_label_id": 0,
        "top_k": rows,
        "keep_top_k": [rows],
        "nms_threshold": 0.6,
        "confidence_threshold": 0.01,
        "code_type": "caffe.PriorBoxParameter.CORNER",
        "share_location": True,
        "variance_encoded_in_target": True,
        "normalized": True,
    }
    found = opset1.detection_output(
        opset1.constant(np.zeros((1, down * across * 4), np.float32)),
        opset1.reshape(scores, np.array([1, -1]), False),
        opset1.constant(priors),
        settings,
    )
    model = openvino.Model([found], [frame], "squares")
    xml = folder / "model.xml"
    openvino.serialize(model, xml, folder / "model.bin", "IR_V10")
    return xml


def write_stick_export(folder: Path, spec: InputSpec = STRETCH) -> Path:
    """Write the parts of an export for sticks that detection reads; returns its folder."""
    folder.mkdir(parents=True)
    write_squares_ir(folder, spec)
    write_label_map(folder / "label_map.pbtxt", NAMES)
    fields = {"target": "myriad", "model": "model.xml", "input_spec": spec.to_json()}
    write_od_json(folder, "export", fields)
    return folder


def squares(
    *places: tuple[tuple[int, int, int, int], tuple[int, int, int]],
    size: tuple[int, int] = (192, 128),
) -> np.ndarray:
    """A grey RGB image ``(H, W, 3)`` with coloured boxes ``((x0, y0, x1, y1), colour)`` on it."""
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8)
    for (x0, y0, x1, y1), color in places:
        image[y0:y1, x0:x1] = color
    return image


RED, BLUE = (230, 0, 0), (0, 0, 230)
