"""BiFPN's weighted sums, written so that a stick's compiler is not overwhelmed by them.

EfficientDet stacks feature maps along a fifth dimension and multiplies by a column of weights
(object_detection 2.8.0, models/bidirectional_feature_pyramid_generators.py).  As it stands that
is a matrix product of five dimensions, for which the compiler of OpenVINO 2021.4 takes more
than 20 GB of memory; w0 * x0 + w1 * x1 + ... is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from od.export.old_operations import redirect


def unstack_weighted_sums(model: Any) -> int:
    """Replace each product of stacked feature maps and constant weights by a sum, in place.

    Args:
        model: OpenVINO's.

    Returns:
        How many there were.
    """
    count = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" and _unstack(node):
            count += 1
    return count


def _unstack(product: Any) -> bool:
    """Replace one product, if it is of the known form; say whether it was."""
    from openvino import opset1 as ops

    weights = product.input_value(1).get_node()
    stack, order = _through_transpose(product.input_value(0).get_node())
    if weights.get_type_name() != "Constant" or stack.get_type_name() != "Concat":
        return False
    maps = [value.get_node() for value in stack.input_values()]
    end, back = _end(product)
    unstacked = (
        end is not None
        and all(each.get_type_name() in ("Reshape", "Unsqueeze") for each in maps)
        and all(list(value.get_shape())[-1] == 1 for value in stack.input_values())
        and np.size(weights.get_data()) == len(maps)
        and [order[place] for place in back] == list(range(5))
    )
    inputs = [each.input_value(0) for each in maps]
    shapes = [list(each.get_shape()) for each in inputs]
    if not unstacked or any(shape != list(end.get_output_shape(0)) for shape in shapes):
        return False
    factors = np.array(weights.get_data()).reshape(-1)
    terms = [
        ops.multiply(each, ops.constant(np.full((1, 1, 1, 1), factor, factors.dtype)))
        for each, factor in zip(inputs, factors, strict=True)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = ops.add(total, term)
    total.set_friendly_name(end.get_friendly_name())
    redirect(end.output(0), total.output(0))
    return True


def _through_transpose(node: Any) -> tuple[Any, list[int]]:
    """Return the node before a transposition, and the transposition's order."""
    if node.get_type_name() != "Transpose":
        return node, list(range(5))
    return node.input_value(0).get_node(), _order(node)


def _order(transpose: Any) -> list[int]:
    return [int(place) for place in transpose.input_value(1).get_node().get_data()]


def _end(product: Any) -> tuple[Any, list[int]]:
    """Return the node that takes the fifth dimension away, and the order before it; or None."""
    back, node = list(range(5)), product
    for _ in range(2):
        readers = [target.get_node() for target in node.output(0).get_target_inputs()]
        if len(readers) != 1:
            break
        node = readers[0]
        if node.get_type_name() == "Transpose" and len(node.get_output_shape(0)) == 5:
            back = _order(node)
        elif node.get_type_name() in ("Reshape", "Squeeze"):
            return (node, back) if len(node.get_output_shape(0)) == 4 else (None, back)
        else:
            break
    return None, back
