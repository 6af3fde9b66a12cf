"""Labelled images before they become records: what the label files state, no pixels.

``corners`` are kept exactly as a file states them: they may stick out of the
image, be swapped or enclose nothing.  ``od.checks`` puts them right once the
image's real size is known; ``Annotation.box`` is for those that are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from od.structures.boxes import BoundingBox

# A file with one of these endings, in any case, is taken for an image.
IMAGE_EXTENSIONS = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "bmp", "dib", "gif", "webp"),
        *("tif", "tiff", "ppm", "pgm", "pbm", "pnm", "tga", "avif", "heic", "heif"),
    )
)


@dataclass(frozen=True)
class Annotation:
    """One labelled object.

    Args:
        class_name: The exact text of the label (spaces, Hangul and quotes included).
        corners: ``(xmin, ymin, xmax, ymax)`` in pixels, as the label file states them.
        difficult: The labeller marked it as hard to recognise.
        truncated: The labeller marked it as continuing outside the image.
        view: VOC's ``pose`` ("Unspecified", "Frontal", ...), "" when not given.
    """

    class_name: str
    corners: tuple[float, float, float, float]
    difficult: bool = False
    truncated: bool = False
    view: str = ""

    @property
    def box(self) -> BoundingBox:
        """The corners as a box.

        Raises:
            ValueError: They enclose no area.
        """
        return BoundingBox(*self.corners)


@dataclass(frozen=True)
class AnnotatedImage:
    """One image and its objects; without objects it is a background image.

    Args:
        path: The image file.
        annotations: Its objects, in the order of the label file.
        source: The label file, named in every message about this image.
        name: The ``<filename>`` as written, or the image's own name.
        stated_size: ``(width, height)`` in pixels as the label file states it, None
            when it does not: only a hint, the image's real size counts.
    """

    path: Path
    annotations: tuple[Annotation, ...]
    source: Path
    name: str
    stated_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Dataset:
    """Labelled images in a deterministic order (by the label file's path).

    Example:
        >>> from pathlib import Path
        >>> cat = Annotation("cat", (0, 0, 5, 5))
        >>> Dataset((AnnotatedImage(Path("a.jpg"), (cat,), Path("a.xml"), "a.jpg"),)).class_names
        ('cat',)
    """

    images: tuple[AnnotatedImage, ...]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return iter(self.images)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every class name that occurs, sorted."""
        return tuple(sorted({a.class_name for image in self.images for a in image.annotations}))
