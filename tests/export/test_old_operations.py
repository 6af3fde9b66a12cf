"""Later operations become earlier ones that compute the same."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from openvino import opset1, opset4, opset8

from od.errors import ExportError
from od.export.old_operations import lower_operations, refuse_new_operations


def test_swish_and_max_pool_of_later_opsets_are_replaced_by_the_same_in_opset1():
    image = opset1.parameter([1, 2, 7, 7], np.float32)
    scaled = opset4.swish(image, opset1.constant(np.float32(1.5)))
    pooled = opset8.max_pool(
        opset4.swish(scaled), [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], auto_pad="same_upper"
    )
    model = openvino.Model([opset1.result(pooled.output(0))], [image], "later")
    pixels = np.random.default_rng(1).normal(size=(1, 2, 7, 7)).astype(np.float32)
    before = openvino.compile_model(model, "CPU")(pixels)[0]

    with pytest.raises(ExportError, match="needs MaxPool of opset8, Swish of opset4"):
        refuse_new_operations(model, name="runs/mine")
    lower_operations(model)
    refuse_new_operations(model, name="runs/mine")

    assert before.shape == (1, 2, 4, 4)
    np.testing.assert_allclose(openvino.compile_model(model, "CPU")(pixels)[0], before, atol=1e-5)


def test_a_max_pool_whose_places_are_read_stays_and_is_refused():
    image = opset1.parameter([1, 2, 8, 8], np.float32)
    pooled = opset8.max_pool(image, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2])
    results = [opset1.result(pooled.output(index)) for index in (0, 1)]
    model = openvino.Model(results, [image], "places")

    lower_operations(model)

    with pytest.raises(ExportError, match="MaxPool"):
        refuse_new_operations(model, name="runs/mine")
