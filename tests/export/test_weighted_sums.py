"""Stacked feature maps times weights become a sum of four dimensions that is the same."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from openvino import opset1

from od.export.weighted_sums import unstack_weighted_sums


def _stacked(count: int, *, transposed: bool) -> openvino.Model:
    """As the converter gives it for BiFPN, and as common transformations leave it."""
    maps = [opset1.parameter([1, 3, 4, 4], np.float32) for _ in range(count)]
    column = opset1.constant(np.array([1, 3, 4, 4, 1], np.int64))
    stack = opset1.concat([opset1.reshape(each, column, False) for each in maps], 4)
    weights = np.arange(1, count + 1, dtype=np.float32)[:, None] / 7
    there, back = ([0, 2, 3, 1, 4], [0, 3, 1, 2, 4]) if transposed else ([0, 1, 2, 3, 4],) * 2
    product = opset1.matmul(
        opset1.transpose(stack, opset1.constant(np.array(there, np.int64))),
        opset1.constant(weights),
        False,
        False,
    )
    again = opset1.transpose(product, opset1.constant(np.array(back, np.int64)))
    shape = opset1.constant(np.array([1, 3, 4, 4], np.int64))
    last = opset1.reshape(again, shape, False)
    return openvino.Model([opset1.result(last)], maps, "stacked")


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("count", [2, 3])
def test_a_weighted_sum_gives_the_same_and_has_no_fifth_dimension(count, transposed):
    model = _stacked(count, transposed=transposed)
    rng = np.random.default_rng(2)
    maps = [rng.normal(size=(1, 3, 4, 4)).astype(np.float32) for _ in range(count)]
    before = openvino.compile_model(model, "CPU")(maps)[0]

    replaced = unstack_weighted_sums(model)

    assert replaced == 1
    assert max(len(node.get_output_shape(0)) for node in model.get_ops()) == 4
    np.testing.assert_allclose(openvino.compile_model(model, "CPU")(maps)[0], before, atol=1e-5)


def test_another_matrix_product_is_left_alone():
    rows = opset1.parameter([4, 3], np.float32)
    product = opset1.matmul(rows, opset1.constant(np.ones((3, 2), np.float32)), False, False)
    model = openvino.Model([opset1.result(product)], [rows], "product")

    assert unstack_weighted_sums(model) == 0
