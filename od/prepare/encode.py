"""One labelled image -> one record; what runs in the worker processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from od.checks import Finding, ImageFrame, check_annotations
from od.errors import LabelMapError, OdError
from od.images import UsableImage, read_image_bytes, usable_image
from od.records.tf_example import RecordedImage, encode_example
from od.records.tfrecord import framed
from od.structures.boxes import BoundingBox
from od.structures.dataset import AnnotatedImage, Annotation


@dataclass(frozen=True)
class EncodedImage:
    """What became of one image.

    Args:
        record: One framed record; empty when there is a problem.
        class_names: Of the boxes that are left, one for each.
        findings: Everything that was done to it.
        sha256: Of the image file, hexadecimal.
        problem: Why it cannot be used.
    """

    record: bytes = b""
    class_names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    sha256: str = ""
    problem: OdError | None = None


def relative_name(path: Path, root: Path) -> str:
    """Return the path of a file found below ``root``, from there, with "/".

    Example:
        >>> relative_name(Path("birds/images/a.jpg"), Path("birds"))
        'images/a.jpg'
    """
    # Called for every file: os.path.relpath takes ten times as long.
    prefix = f"{root}{os.sep}" if root != Path() else ""
    return str(path).removeprefix(prefix).replace(os.sep, "/")


def _scaled(annotation: Annotation, x: float, y: float) -> Annotation:
    corners = BoundingBox(*annotation.corners).scaled(x, y).corners
    return replace(annotation, corners=corners)


@dataclass(frozen=True)
class Encoder:
    """Turns labelled images into records; the same image always gives the same bytes.

    Args:
        root: The folder of labels and images; names in records and findings are relative to it.
        class_ids: Class ids by name.
        max_side: Shrink images to at most this many pixels on the longer side.
    """

    root: Path
    class_ids: dict[str, int]
    max_side: int | None = None

    def __call__(self, images: Sequence[AnnotatedImage]) -> list[EncodedImage]:
        """Encode some images; an OdError of one becomes its ``problem``."""
        return [self._encoded(image) for image in images]

    def _encoded(self, image: AnnotatedImage) -> EncodedImage:
        try:
            data = read_image_bytes(image.path)
            usable = usable_image(data, name=str(image.path), max_side=self.max_side)
            annotations, findings = self._checked(image, usable)
            record = self._record(image, usable, annotations)
        except OdError as error:
            return EncodedImage(problem=error)
        return EncodedImage(
            record=record,
            class_names=tuple(annotation.class_name for annotation in annotations),
            findings=findings,
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def _checked(
        self, image: AnnotatedImage, usable: UsableImage
    ) -> tuple[tuple[Annotation, ...], tuple[Finding, ...]]:
        frame = ImageFrame(usable.stored_width, usable.stored_height, usable.orientation)
        file = relative_name(image.source, self.root)
        annotations, findings = check_annotations(image, frame, file=file)
        width, height = frame.upright
        if (width, height) != (usable.width, usable.height):
            x, y = usable.width / width, usable.height / height
            annotations = tuple(_scaled(annotation, x, y) for annotation in annotations)
        changes = (Finding(file, "", *change, about_label=False) for change in usable.changes)
        return annotations, (*findings, *changes)

    def _record(
        self, image: AnnotatedImage, usable: UsableImage, annotations: tuple[Annotation, ...]
    ) -> bytes:
        unknown = sorted({a.class_name for a in annotations} - self.class_ids.keys())
        if unknown:
            raise LabelMapError(
                f"{image.source}: class {', '.join(map(repr, unknown))} is not in the label map, "
                f"which has {', '.join(map(repr, self.class_ids))}",
                hint="add it to the label map, or correct its name in the labels",
            )
        recorded = RecordedImage(
            encoded=usable.encoded,
            format=usable.format,
            filename=image.path.name,
            source_id=relative_name(image.path, self.root),
            height=usable.height,
            width=usable.width,
            annotations=annotations,
            class_ids=tuple(self.class_ids[a.class_name] for a in annotations),
        )
        return framed(encode_example(recorded))
