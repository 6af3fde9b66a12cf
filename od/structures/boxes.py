"""The one box convention of od, and the conversions to everybody else's.

Inside od a box is ``(xmin, ymin, xmax, ymax)`` in absolute pixels, x to the
right and y down, measured on pixel edges: a box over a whole 640 x 480 image is
``(0, 0, 640, 480)`` and its width is ``xmax - xmin`` with no ``+ 1``.

Other conventions exist only inside the module that reads or writes them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BoundingBox:
    """An axis-aligned box in absolute pixels, on pixel edges.

    Args:
        xmin, ymin: The top left corner.
        xmax, ymax: The bottom right corner.

    Raises:
        ValueError: The box has no area (a corner that is not a number included).

    Example:
        >>> BoundingBox(10, 20, 40, 60).area
        1200
    """

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def __post_init__(self) -> None:
        if not (self.xmin < self.xmax and self.ymin < self.ymax):
            raise ValueError(f"box has no area: {self}")

    @property
    def width(self) -> float:
        """``xmax - xmin``, in pixels."""
        return self.xmax - self.xmin

    @property
    def height(self) -> float:
        """``ymax - ymin``, in pixels."""
        return self.ymax - self.ymin

    @property
    def area(self) -> float:
        """Width times height, in square pixels."""
        return self.width * self.height

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """``(xmin, ymin, xmax, ymax)``."""
        return (self.xmin, self.ymin, self.xmax, self.ymax)

    def clipped(self, *, width: int, height: int) -> BoundingBox | None:
        """Return the part inside a ``width`` x ``height`` image, None if nothing is left.

        Example:
            >>> BoundingBox(-5, 10, 700, 60).clipped(width=640, height=480)
            BoundingBox(xmin=0, ymin=10, xmax=640, ymax=60)
        """
        xmin, xmax = max(self.xmin, 0), min(self.xmax, width)
        ymin, ymax = max(self.ymin, 0), min(self.ymax, height)
        return BoundingBox(xmin, ymin, xmax, ymax) if xmin < xmax and ymin < ymax else None

    def scaled(self, x: float, y: float) -> BoundingBox:
        """Return the box of an image resized by the factors ``x`` and ``y``."""
        return BoundingBox(self.xmin * x, self.ymin * y, self.xmax * x, self.ymax * y)

    def normalized_yxyx(self, *, width: int, height: int) -> tuple[float, float, float, float]:
        """Return ``(ymin, xmin, ymax, xmax)`` in [0, 1], the order of ``BoxList``.

        Args:
            width, height: The size of the image in pixels.

        Example:
            >>> BoundingBox(0, 0, 320, 480).normalized_yxyx(width=640, height=480)
            (0.0, 0.0, 1.0, 0.5)
        """
        return (self.ymin / height, self.xmin / width, self.ymax / height, self.xmax / width)


def iou(a: BoundingBox, b: BoundingBox) -> float:
    """Return intersection over union of two boxes, in [0, 1].

    Example:
        >>> iou(BoundingBox(0, 0, 10, 10), BoundingBox(5, 0, 15, 10))
        0.3333333333333333
    """
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    if width <= 0 or height <= 0:
        return 0.0
    intersection = width * height
    return intersection / (a.area + b.area - intersection)


def oriented(
    corners: tuple[float, float, float, float], orientation: int, *, width: int, height: int
) -> tuple[float, float, float, float]:
    """Move a box along with an image whose EXIF orientation is applied.

    Args:
        corners: ``(xmin, ymin, xmax, ymax)`` in the image as stored.
        orientation: EXIF's, 1 to 8.
        width, height: Of the image as stored, in pixels.

    Returns:
        The corners in the upright image, which is ``height`` x ``width`` from 5 on.

    Example:
        >>> oriented((0, 0, 10, 20), 6, width=100, height=50)
        (30, 0, 50, 10)
    """
    xmin, ymin, xmax, ymax = corners
    if orientation in (2, 3, 7, 8):
        xmin, xmax = width - xmax, width - xmin
    if orientation in (3, 4, 6, 7):
        ymin, ymax = height - ymax, height - ymin
    return (ymin, xmin, ymax, xmax) if orientation >= 5 else (xmin, ymin, xmax, ymax)
