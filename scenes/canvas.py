"""A scene under construction: sprites are painted in turn, what stays visible is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.lighting import soft
from scenes.objects import Sprite
from scenes.shapes import tight_box
from scenes.textures import Image

Box = tuple[str, int, int, int, int]

_LEAST_VISIBLE = 0.25  # of an object's area; below it nobody would label it
_LEAST_SIDE = 4  # pixels
_OPAQUE = 0.6  # mean coverage from which an object hides what lies below


@dataclass
class _Painted:
    name: str
    left: int
    top: int
    visible: NDArray[np.bool_]
    area: int

    def hide(self, left: int, top: int, mask: NDArray[np.bool_]) -> None:
        """Take away what another mask covers."""
        height, width = self.visible.shape
        x0, y0 = max(left, self.left), max(top, self.top)
        x1 = min(left + mask.shape[1], self.left + width)
        y1 = min(top + mask.shape[0], self.top + height)
        if x0 < x1 and y0 < y1:
            above = mask[y0 - top : y1 - top, x0 - left : x1 - left]
            self.visible[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left] &= ~above


class Canvas:
    """An image that sprites are painted on.

    Args:
        image: float32 ``(H, W, 3)`` in 0 to 255, the background; painted over in place.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self._painted: list[_Painted] = []

    def _window(self, left: int, top: int, shape: tuple[int, int]) -> tuple[slice, slice] | None:
        """Return the rows and columns of a sprite that lie inside the image."""
        height, width = self.image.shape[:2]
        rows = slice(max(0, -top), min(shape[0], height - top))
        columns = slice(max(0, -left), min(shape[1], width - left))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        return rows, columns

    def shadow(
        self, sprite: Sprite, left: int, top: int, *, offset: tuple[float, float],
        blur: float, depth: float,
    ) -> None:  # fmt: skip
        """Darken the ground beside a sprite, as its shadow would."""
        pad = int(2.5 * blur) + 1
        mask = soft(np.pad(sprite.alpha, pad), blur)
        left, top = left - pad + round(offset[0]), top - pad + round(offset[1])
        window = self._window(left, top, mask.shape)
        if window is None:
            return
        rows, columns = window
        target = self.image[
            top + rows.start : top + rows.stop, left + columns.start : left + columns.stop
        ]
        target *= 1 - np.float32(depth) * mask[rows, columns][..., None]

    def paint(self, sprite: Sprite, left: int, top: int, *, name: str | None) -> None:
        """Put a sprite's top left corner at ``(left, top)``; without a name it has no label."""
        window = self._window(left, top, sprite.alpha.shape)
        if window is None:
            return
        rows, columns = window
        x, y = left + columns.start, top + rows.start
        alpha = sprite.alpha[rows, columns]
        target = self.image[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        target += alpha[..., None] * (sprite.colour[rows, columns] - target)
        solid = sprite.solid[rows, columns]
        area = int(sprite.solid.sum())
        if area and float(sprite.alpha[sprite.solid].mean()) > _OPAQUE:
            for below in self._painted:
                below.hide(x, y, solid)
        if name is not None and area:
            self._painted.append(_Painted(name, x, y, solid.copy(), area))

    def labels(self) -> list[tuple[Box, float]]:
        """Return a tight box around what is visible of each object, and its visible share.

        Objects that can no longer be recognised are left out.
        """
        found: list[tuple[Box, float]] = []
        for item in self._painted:
            box, share = tight_box(item.visible), float(item.visible.sum()) / item.area
            if box is None or share < _LEAST_VISIBLE:
                continue
            xmin, ymin, xmax, ymax = box
            if xmax - xmin >= _LEAST_SIDE and ymax - ymin >= _LEAST_SIDE:
                x, y = item.left, item.top
                found.append(((item.name, xmin + x, ymin + y, xmax + x, ymax + y), share))
        return found

    def boxes(self) -> list[Box]:
        """Return the boxes of `labels`."""
        return [box for box, _ in self.labels()]
