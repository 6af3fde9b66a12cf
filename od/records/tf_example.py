"""One labelled image as a TF Example, with the fields of the OD API's own VOC script.

The names are those of ``object_detection/dataset_tools/create_pascal_tf_record.py``;
``TfExampleDecoder`` reads them.  Boxes are stored normalised to [0, 1], one list for each
side; ``RecordedImage`` holds them in absolute pixels like everything inside od.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from od.errors import RecordError
from od.records.image_header import encoded_size
from od.records.wire import (
    bytes_feature,
    decode_features,
    encode_features,
    float_feature,
    int64_feature,
)
from od.structures.dataset import Annotation
from od.structures.label_map import LabelMap

_HINT = "make the records again with od prepare"
# float32 keeps 24 bits: a thousandth of a pixel in images up to 16,000 pixels wide.
_PIXEL_DIGITS = 3


@dataclass(frozen=True)
class RecordedImage:
    """One image as it lies in a record: encoded pixels, boxes and classes.

    Args:
        encoded: The bytes of the image file, upright JPEG or PNG.
        format: "jpeg" or "png".
        filename: The name of the image file it came from.
        source_id: Tells the images of a set apart.
        height, width: Pixels.
        annotations: The objects; corners in absolute pixels.
        class_ids: 1-based, one for each annotation.
    """

    encoded: bytes
    format: str
    filename: str
    source_id: str
    height: int
    width: int
    annotations: tuple[Annotation, ...]
    class_ids: tuple[int, ...]


def encode_example(image: RecordedImage) -> bytes:
    """Return the serialized TF Example; the same image always gives the same bytes.

    Boxes must lie inside the image and enclose an area.
    """
    objects = image.annotations
    width, height = image.width, image.height
    xmin, ymin, xmax, ymax = (
        [a.corners[side] / (height if side % 2 else width) for a in objects] for side in range(4)
    )
    return encode_features(
        {
            "image/height": int64_feature([height]),
            "image/width": int64_feature([width]),
            "image/filename": bytes_feature([image.filename.encode()]),
            "image/source_id": bytes_feature([image.source_id.encode()]),
            "image/key/sha256": bytes_feature([hashlib.sha256(image.encoded).hexdigest().encode()]),
            "image/encoded": bytes_feature([image.encoded]),
            "image/format": bytes_feature([image.format.encode()]),
            "image/object/bbox/xmin": float_feature(xmin),
            "image/object/bbox/xmax": float_feature(xmax),
            "image/object/bbox/ymin": float_feature(ymin),
            "image/object/bbox/ymax": float_feature(ymax),
            "image/object/class/text": bytes_feature([a.class_name.encode() for a in objects]),
            "image/object/class/label": int64_feature(image.class_ids),
            "image/object/difficult": int64_feature([int(a.difficult) for a in objects]),
            "image/object/truncated": int64_feature([int(a.truncated) for a in objects]),
            "image/object/view": bytes_feature([a.view.encode() for a in objects]),
        }
    )


class _Features:
    """Typed access to the features of one Example."""

    def __init__(self, data: bytes) -> None:
        try:
            self._features: dict[str, Any] = dict(decode_features(data))
        except (ValueError, UnicodeDecodeError) as error:
            raise RecordError(f"not a TF Example: {error}", hint=_HINT) from error

    def many(self, name: str, kind: type) -> list[Any]:
        """Return a list whose values are all of ``kind``; an absent feature is empty."""
        values: list[Any] = self._features.get(name, [])
        if values and not isinstance(values[0], kind):
            raise RecordError(
                f"'{name}' holds {type(values[0]).__name__}, expected {kind.__name__}", hint=_HINT
            )
        return values

    def one(self, name: str, kind: type, default: Any) -> Any:
        """Return the first value, ``default`` when there is none."""
        values = self.many(name, kind)
        return values[0] if values else default

    def texts(self, name: str) -> list[str]:
        return [value.decode("utf-8", "replace") for value in self.many(name, bytes)]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def for_each(self, name: str, values: Sequence[Any], count: int, default: Any) -> list[Any]:
        """Return ``count`` values: those given, or defaults when there are none."""
        if values and len(values) != count:
            raise RecordError(
                f"'{name}' has {len(values)} values, expected one for each of {count} boxes",
                hint=_HINT,
            )
        return list(values) or [default] * count


def _corners(features: _Features, width: int, height: int) -> list[tuple[float, ...]]:
    sides = [
        features.many(f"image/object/bbox/{side}", float)
        for side in ("xmin", "ymin", "xmax", "ymax")
    ]
    if len({len(side) for side in sides}) != 1:
        counts = ", ".join(str(len(side)) for side in sides)
        raise RecordError(
            f"xmin, ymin, xmax and ymax have {counts} values, expected equal numbers", hint=_HINT
        )
    if any(value != value for value in chain.from_iterable(sides)):
        raise RecordError("a box has a corner that is not a number", hint=_HINT)
    scales = (width, height, width, height)
    return [
        tuple(round(value * scale, _PIXEL_DIGITS) for value, scale in zip(box, scales, strict=True))
        for box in zip(*sides, strict=True)
    ]


def _classes(
    features: _Features, count: int, label_map: LabelMap | None
) -> tuple[list[str], list[int]]:
    """Return class names and ids; what one of the two lacks comes from the label map."""
    name, label = "image/object/class/text", "image/object/class/label"
    texts = features.for_each(name, features.texts(name), count, None)
    ids = features.for_each(label, features.many(label, int), count, None)
    for i in range(count):
        if ids[i] is None:
            if label_map is None or texts[i] is None:
                raise RecordError(f"has boxes but no '{label}'", hint=_HINT)
            ids[i] = label_map.id_of(texts[i])
        if texts[i] is None:
            names = dict(label_map.items) if label_map else {}
            texts[i] = names.get(ids[i], "")
    return texts, ids


def decode_example(data: bytes, *, label_map: LabelMap | None = None) -> RecordedImage:
    """Read one TF Example, also one made by others that lacks optional fields.

    Args:
        data: A serialized Example.
        label_map: Gives the class ids of an Example that has names only, and the names
            of one that has ids only.

    Raises:
        RecordError: It is not an Example, holds no image, or its lists do not fit together.
        LabelMapError: A class name is not in ``label_map``.
    """
    features = _Features(data)
    encoded = features.one("image/encoded", bytes, b"")
    if not encoded:
        raise RecordError("holds no 'image/encoded'", hint=_HINT)
    kind, real_width, real_height = encoded_size(encoded)
    width = features.one("image/width", int, 0) or real_width
    height = features.one("image/height", int, 0) or real_height
    if width < 1 or height < 1:
        raise RecordError(f"its image is {width} x {height} pixels", hint=_HINT)
    corners = _corners(features, width, height)
    count = len(corners)
    names, ids = _classes(features, count, label_map)

    def optional(name: str) -> list[int]:
        return features.for_each(name, features.many(name, int), count, 0)

    difficult = optional("image/object/difficult")
    truncated = optional("image/object/truncated")
    view = "image/object/view"
    views = features.for_each(view, features.texts(view), count, "")
    return RecordedImage(
        encoded=encoded,
        format=features.text("image/format") or kind,
        filename=features.text("image/filename"),
        source_id=features.text("image/source_id"),
        height=height,
        width=width,
        annotations=tuple(
            Annotation(
                class_name=names[i],
                corners=(corners[i][0], corners[i][1], corners[i][2], corners[i][3]),
                difficult=bool(difficult[i]),
                truncated=bool(truncated[i]),
                view=views[i],
            )
            for i in range(count)
        ),
        class_ids=tuple(ids),
    )
