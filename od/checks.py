"""What is wrong with the labels of an image, as a list of findings, and the labels put right.

The image's real size counts, not the one that the label file states.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from od.structures.boxes import BoundingBox, oriented
from od.structures.dataset import AnnotatedImage, Annotation

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Finding:
    """One thing that was done to a label or its image, or that contradicts it.

    Args:
        file: The label file.
        object: Which object, as "3 cat" (counted from 1); "" for the whole image.
        what: The kind of finding, counted under this name.
        why: The values that led to it.
        about_label: It concerns a label rather than the encoding of the image: an error
            under ``--strict``.
    """

    file: str
    object: str
    what: str
    why: str
    about_label: bool = True


@dataclass(frozen=True)
class ImageFrame:
    """The pixels that the boxes of a label file refer to.

    Args:
        width, height: Of the image as stored, in pixels.
        orientation: EXIF's, 1 to 8, which is applied to the pixels.
    """

    width: int
    height: int
    orientation: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """``(width, height)`` once the orientation is applied."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)

    def boxes_are_upright(self, stated: tuple[int, int] | None) -> bool:
        """Tell whether boxes were drawn on the upright image, by the size the labels state.

        Labelling tools differ: some show the image as stored, some upright.  Where both
        sizes are equal nothing tells, and the image as stored is taken.
        """
        return stated == self.upright != (self.width, self.height)


def _box_text(corners: Corners) -> str:
    return "(" + ", ".join(f"{value:g}" for value in corners) + ")"


def _sorted_corners(corners: Corners) -> Corners:
    xmin, ymin, xmax, ymax = corners
    return (min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax))


def _check_box(
    corners: Corners, frame: ImageFrame, *, upright: bool
) -> tuple[Corners | None, list[tuple[str, str]]]:
    """Return the box inside the upright image, None when dropped, and ``(what, why)`` pairs."""
    notes: list[tuple[str, str]] = []
    right = _sorted_corners(corners)
    if right != corners:
        notes.append(("corners swapped", f"box {_box_text(corners)}"))
    if not upright:
        right = oriented(right, frame.orientation, width=frame.width, height=frame.height)
    width, height = frame.upright
    if not (right[0] < right[2] and right[1] < right[3]):
        return None, [*notes, ("box dropped", f"box {_box_text(corners)} has no area")]
    clipped = BoundingBox(*right).clipped(width=width, height=height)
    image = f"the {width} x {height} image"
    if clipped is None:
        return None, [*notes, ("box dropped", f"box {_box_text(right)} lies outside {image}")]
    if clipped.corners != right:
        notes.append(("box clipped", f"box {_box_text(right)} sticks out of {image}"))
    return clipped.corners, notes


def _is_right(annotation: Annotation, frame: ImageFrame) -> bool:
    """Tell in a microsecond what holds for nearly every box: nothing needs to be done."""
    xmin, ymin, xmax, ymax = annotation.corners
    name = annotation.class_name
    inside = 0 <= xmin < xmax <= frame.width and 0 <= ymin < ymax <= frame.height
    return inside and name == name.strip()


def _same_name(a: str, b: str) -> bool:
    if a == b:
        return True

    def key(name: str) -> str:
        last = name.replace("\\", "/").rsplit("/", 1)[-1]
        return unicodedata.normalize("NFC", last).casefold()

    return key(a) == key(b)


def _check_file(image: AnnotatedImage, frame: ImageFrame) -> list[tuple[str, str]]:
    notes = []
    stated, stored = image.stated_size, (frame.width, frame.height)
    if stated is not None and stated not in (stored, frame.upright):
        notes.append(
            (
                "stated size ignored",
                f"the label file states {stated[0]} x {stated[1]}, "
                f"the image has {stored[0]} x {stored[1]} pixels",
            )
        )
    if not _same_name(image.name, image.path.name):
        notes.append(
            (
                "stated name ignored",
                f"the label file names '{image.name}', the image is {image.path.name}",
            )
        )
    return notes


def check_annotations(
    image: AnnotatedImage, frame: ImageFrame, *, file: str
) -> tuple[tuple[Annotation, ...], tuple[Finding, ...]]:
    """Put the labels of an image right and tell what was done.

    Swapped corners are put in order; a box is moved with the image's orientation, clipped
    to the image when it sticks out, and dropped when nothing is left or it has no area;
    spaces around a class name are cut off.

    Args:
        image: The labels as stated.
        frame: The real size and orientation of the image.
        file: Names the label file in the findings.

    Returns:
        The annotations in pixels of the upright image, and the findings.
    """
    findings = [Finding(file, "", what, why) for what, why in _check_file(image, frame)]
    upright = frame.boxes_are_upright(image.stated_size)
    kept = []
    for number, annotation in enumerate(image.annotations, start=1):
        if frame.orientation == 1 and _is_right(annotation, frame):
            kept.append(annotation)
            continue
        name = annotation.class_name.strip()
        corners, notes = _check_box(annotation.corners, frame, upright=upright)
        if name != annotation.class_name:
            notes.append(
                ("name trimmed", f"spaces around the class name {annotation.class_name!r}")
            )
        findings.extend(Finding(file, f"{number} {name}", what, why) for what, why in notes)
        if corners is not None:
            kept.append(replace(annotation, class_name=name, corners=corners))
    return tuple(kept), tuple(findings)
