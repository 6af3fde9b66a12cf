"""Small typed records of what the steps hand over: files, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from od.structures.label_map import LabelMap

if TYPE_CHECKING:  # od prepare hands over artifacts and needs no numpy of its own
    import numpy as np
    from numpy.typing import NDArray

    from od.structures.detections import Detections


@dataclass(frozen=True)
class PreparedDataset:
    """A folder of records: ``train-*``, ``val-*``, perhaps ``test-*`` and ``label_map.pbtxt``.

    Args:
        folder: Holds all of it, with ``od.json`` and ``report.csv``.
        label_map: The classes.
        parts: Images in each part, by the part's name: ``{"train": 160, "val": 40}``.
        findings: How often each kind of thing was done to a label, by kind.
    """

    folder: Path
    label_map: LabelMap
    parts: Mapping[str, int]
    findings: Mapping[str, int]


@dataclass(frozen=True)
class FinetunedDetector:
    """A run: ``pipeline.config``, ``label_map.pbtxt``, ``od.json`` and ``checkpoint/``.

    Args:
        folder: The run's folder; self-contained, it can be moved to another machine.
        checkpoint: The checkpoint's prefix, ``checkpoint/ckpt-<n>``.
        step: The training step of that checkpoint.
        loss: The last total loss, None when no step was made.
    """

    folder: Path
    checkpoint: Path
    step: int
    loss: float | None


@dataclass(frozen=True)
class InputSpec:
    """How an image has to be handed to an exported model; read from ``od.json``, never guessed.

    Args:
        height, width: Pixels the reader resizes to; None when the model resizes by itself.
        layout: "NHWC" or "NCHW".
        channels: "rgb" or "bgr".
        dtype: "uint8".
        resize: "none" (the model does it), "stretch" (to width x height), or "pad" (keep the
            aspect ratio, content in the upper left corner, fill the right and the bottom).
            Either is bilinear as the OD API does it: pixel ``i`` of the output looks at
            ``i * in / out`` of the input, without half a pixel's shift and without antialiasing.
        pad_value: Red, green and blue, 0 to 255, of what "pad" fills in.
    """

    height: int | None = None
    width: int | None = None
    layout: str = "NHWC"
    channels: str = "rgb"
    dtype: str = "uint8"
    resize: str = "none"
    pad_value: tuple[int, int, int] = (0, 0, 0)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {**asdict(self), "pad_value": list(self.pad_value)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> InputSpec:
        """Read what ``to_json`` wrote, now or before there was padding.

        Raises:
            TypeError: It is no JSON object, has an unknown field, or ``pad_value`` is not three
                numbers.
        """
        known = dict(fields) if isinstance(fields, Mapping) else None
        if known is None:
            raise TypeError(f"{type(fields).__name__} is no object of fields")
        fill = known.get("pad_value", (0, 0, 0))
        if not isinstance(fill, list | tuple) or [type(v) for v in fill] != [int] * 3:
            raise TypeError(f"pad_value {fill} is not red, green and blue")
        return cls(**{**known, "pad_value": tuple(fill)})


@dataclass(frozen=True)
class ExportedDetector:
    """An exported model.

    Args:
        folder: Holds the model, ``od.json`` and ``label_map.pbtxt``.
        target: "saved_model", "openvino" or "myriad".
        model: The file or folder that the runtime loads.
        input_spec: How an image has to be handed to it.
    """

    folder: Path
    target: str
    model: Path
    input_spec: InputSpec


class Detector(Protocol):
    """Anything that finds objects in one image.

    Takes an upright RGB uint8 image ``(H, W, 3)``; returns its detections in that
    image's pixels, best first, unfiltered (every score the model gives).
    """

    def __call__(self, image: NDArray[np.uint8], /) -> Detections: ...
