"""OpenVINO's later operations, written in those that its releases for sticks know."""

from __future__ import annotations

from typing import Any

from od.errors import ExportError

# OpenVINO 2020.3, the last for the first stick, has these.
OPSETS = ("opset1", "opset2", "opset3")


def lower_operations(model: Any) -> None:
    """Replace Swish (opset4) and MaxPool (opset8, opset14) by operations of opset1, in place.

    Args:
        model: OpenVINO's.
    """
    for node in model.get_ordered_ops():
        kind = node.get_type_info()
        if kind.name == "Swish":
            new = _swish(node)
        elif kind.name == "MaxPool" and kind.version_id not in OPSETS:
            new = _max_pool(node)
        else:
            continue
        if new is not None:
            new.set_friendly_name(node.get_friendly_name())
            redirect(node.output(0), new.output(0))


def _swish(node: Any) -> Any:
    """Return x * sigmoid(beta * x)."""
    from openvino import opset1 as ops

    x, *beta = node.input_values()
    return ops.multiply(x, ops.sigmoid(ops.multiply(x, beta[0]) if beta else x))


def _max_pool(node: Any) -> Any:
    """Return the pooling without its second output, the places; None where those are read."""
    from openvino import opset1 as ops

    fields = node.get_attributes()
    if node.output(1).get_target_inputs() or any(step != 1 for step in fields["dilations"]):
        return None
    return ops.max_pool(
        node.input_value(0),
        fields["strides"],
        fields["pads_begin"],
        fields["pads_end"],
        fields["kernel"],
        fields["rounding_type"],
        fields["auto_pad"],
    )


def redirect(old: Any, new: Any) -> None:
    """Let everything that reads one output read another."""
    for target in list(old.get_target_inputs()):
        target.replace_source_output(new)


def refuse_new_operations(model: Any, *, name: str) -> None:
    """Refuse operations that the OpenVINO of the first stick cannot read.

    Args:
        model: OpenVINO's.
        name: The model's folder, named first in errors.

    Raises:
        ExportError: There is one.
    """
    new = sorted(
        {
            f"{kind.name} of {kind.version_id}"
            for kind in (node.get_type_info() for node in model.get_ops())
            if kind.version_id not in OPSETS
        }
    )
    if new:
        raise ExportError(
            f"{name}: needs {', '.join(new)}; sticks have {', '.join(OPSETS)} only",
            hint="export it with --target openvino",
        )
