"""What a stick can do of what a pipeline.config of an SSD asks for; no tensorflow needed."""

from __future__ import annotations

from typing import Any

from od.errors import ExportError
from od.structures.artifacts import InputSpec

# Red, green and blue that a feature extractor subtracts, and what it divides by then, by the
# ending of its type's name: object_detection 2.8.0, models/*_feature_extractor.py, preprocess.
_VGG_MEANS = (123.68, 116.779, 103.939)
_IMAGENET_MEANS = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_DEVIATIONS = (0.229 * 255, 0.224 * 255, 0.225 * 255)
Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]
_NORMALISATIONS: dict[str, Normalisation] = {
    "ssd_mobilenet_": ((127.5,) * 3, (127.5,) * 3),
    "ssd_resnet": (_VGG_MEANS, (1.0,) * 3),
    "ssd_efficientnet": (_IMAGENET_MEANS, _IMAGENET_DEVIATIONS),
}
_WAY_OUT = "export it with --target openvino"
_BILINEAR = 0  # image_resizer.proto, ResizeType


def check_ssd(model_config: Any, *, name: str) -> None:
    """Refuse a model whose head or resizer no stick can run.

    Args:
        model_config: A ``DetectionModel`` message.
        name: The model's folder or file, named first in errors.

    Raises:
        ExportError: It is no SSD, or one with a box coder, resizer, calibration or masks that
            OpenVINO's DetectionOutput has no form for.
    """
    which = model_config.WhichOneof("model")
    if which != "ssd":
        raise ExportError(
            f"{name}: a stick runs SSD models only, this one is {which or 'of no kind'}",
            hint=f"{_WAY_OUT}, or od finetune one of the ssd_* configs",
        )
    ssd = model_config.ssd
    coder = ssd.box_coder.WhichOneof("box_coder_oneof")
    if coder != "faster_rcnn_box_coder":
        raise ExportError(
            f"{name}: its boxes are coded by {coder or 'no box coder'}, a stick decodes those of"
            " faster_rcnn_box_coder",
            hint=_WAY_OUT,
        )
    for field, what in (
        ("calibration_config", "its scores are calibrated"),
        ("mask_head_config", "it predicts masks"),
    ):
        holder = ssd.post_processing if field == "calibration_config" else ssd
        if holder.HasField(field):
            raise ExportError(
                f"{name}: {what} ({field}), a stick's DetectionOutput knows no such thing",
                hint=f"remove {field} from its pipeline.config, or {_WAY_OUT}",
            )
    _check_resizer(ssd.image_resizer, name=name)


def _check_resizer(resizer: Any, *, name: str) -> None:
    """Refuse a resizer whose output has not one size for all images, or that no reader knows."""
    kind = resizer.WhichOneof("image_resizer_oneof")
    if kind not in ("fixed_shape_resizer", "keep_aspect_ratio_resizer"):
        raise ExportError(
            f"{name}: its image_resizer is {kind or 'not set'}, a stick's input has one size:"
            " expected fixed_shape_resizer, or keep_aspect_ratio_resizer with padding",
            hint=_WAY_OUT,
        )
    fields = getattr(resizer, kind)
    if fields.convert_to_grayscale or fields.resize_method != _BILINEAR:
        found = "convert_to_grayscale" if fields.convert_to_grayscale else "resize_method"
        raise ExportError(
            f"{name}: its image_resizer has {found}, images for a stick are resized in colour and"
            " bilinearly",
            hint=_WAY_OUT,
        )
    if kind == "fixed_shape_resizer":
        return
    sides = (fields.min_dimension, fields.max_dimension)
    if not fields.pad_to_max_dimension or sides[0] != sides[1]:
        padding = "true" if fields.pad_to_max_dimension else "false"
        raise ExportError(
            f"{name}: its keep_aspect_ratio_resizer has min_dimension {sides[0]}, max_dimension"
            f" {sides[1]} and pad_to_max_dimension {padding}, so images of different shapes are"
            " seen at different scales; a stick's input is one square",
            hint=f"train with min_dimension = max_dimension and pad_to_max_dimension: true, or"
            f" {_WAY_OUT}",
        )


def myriad_input_spec(model_config: Any, *, channels: str = "bgr") -> InputSpec:
    """Return how an image has to be handed to the IR of ``write_ssd_ir``.

    Args:
        model_config: A ``DetectionModel`` message that ``check_ssd`` lets pass.
        channels: "bgr", as OpenCV and OAK cameras give, or "rgb".

    Raises:
        ValueError: ``channels`` is neither.
    """
    if channels not in ("bgr", "rgb"):
        raise ValueError(f"channels {channels!r}, expected 'bgr' or 'rgb'")
    resizer = model_config.ssd.image_resizer
    if resizer.WhichOneof("image_resizer_oneof") == "fixed_shape_resizer":
        fixed = resizer.fixed_shape_resizer
        return InputSpec(fixed.height, fixed.width, "NCHW", channels, resize="stretch")
    padded = resizer.keep_aspect_ratio_resizer
    side = padded.max_dimension
    return InputSpec(
        side, side, "NCHW", channels, resize="pad", pad_value=_raw_pad_value(model_config.ssd)
    )


def normalisation(feature_extractor: str) -> Normalisation:
    """Return the red, green and blue that are subtracted, and what is divided by afterwards.

    Args:
        feature_extractor: Its type in the pipeline config.

    Raises:
        ExportError: It is none of the OD API's SSD feature extractors for TF2.

    Example:
        >>> normalisation("ssd_mobilenet_v2_keras")
        ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
    """
    for beginning, values in _NORMALISATIONS.items():
        if feature_extractor.startswith(beginning):
            return values
    raise ExportError(
        f"pipeline.config: feature extractor {feature_extractor} normalises in a way not known,"
        f" expected one whose name begins with {', '.join(_NORMALISATIONS)}",
        hint=_WAY_OUT,
    )


def _raw_pad_value(ssd: Any) -> tuple[int, int, int]:
    """Return the bytes that come nearest to the model's padding.

    The OD API normalises first and pads afterwards, so its per_channel_pad_value of 0 is the
    mean colour, not black; half a byte is lost to rounding where the mean is 127.5.
    """
    given = ssd.image_resizer.keep_aspect_ratio_resizer.per_channel_pad_value
    pad = tuple(given) or (0.0, 0.0, 0.0)
    means, deviations = normalisation(ssd.feature_extractor.type)
    raw = [
        min(255, max(0, round(mean + value * deviation)))
        for mean, value, deviation in zip(means, pad, deviations, strict=True)
    ]
    return raw[0], raw[1], raw[2]
