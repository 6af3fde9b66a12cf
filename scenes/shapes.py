"""Outlines of generic shapes, and their masks with smooth edges.

An outline is a tuple of closed polygons, float32 ``(N, 2)`` in x, y, roughly within
[-1, 1]; where two overlap there is a hole (even-odd rule). Every outline is made anew
from a random generator: no two stars have the same points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.textures import Field

Outline = tuple[NDArray[np.float32], ...]

_SUBPIXEL_BITS = 4  # of cv2.fillPoly: coordinates in sixteenths of a pixel


@lru_cache(maxsize=64)
def _directions(count: int) -> NDArray[np.float64]:
    """Return ``count`` evenly spaced unit vectors, ``(count, 2)``."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def polar(radius: NDArray[np.floating] | float, count: int = 72) -> NDArray[np.float32]:
    """Return the closed curve with these radii at evenly spaced angles; ``count`` of one radius."""
    radii = np.full(count, radius) if np.ndim(radius) == 0 else np.asarray(radius)
    return (radii[:, None] * _directions(len(radii))).astype(np.float32)


def _points(*pairs: tuple[float, float]) -> NDArray[np.float32]:
    return np.array(pairs, np.float32)


def rounded(polygon: NDArray[np.float32], amount: float) -> NDArray[np.float32]:
    """Round the corners of a polygon: each becomes a small arc of ``amount`` of its sides."""
    before = polygon + amount * (np.roll(polygon, 1, axis=0) - polygon)
    after = polygon + amount * (np.roll(polygon, -1, axis=0) - polygon)
    steps = np.linspace(0, 1, 5)[None, :, None]
    start, corner, end = before[:, None], polygon[:, None], after[:, None]
    arc = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * corner + steps**2 * end
    return arc.reshape(-1, 2).astype(np.float32)


def wobble(rng: np.random.Generator, *, count: int, lobes: int, amount: float) -> NDArray:
    """Return ``count`` radii around 1: a few random waves around the circle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = np.ones(count)
    for wave in range(2, lobes + 2):
        height = rng.normal(0, amount) / np.sqrt(wave - 1)
        radius += height * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return np.clip(radius, 0.3, 2.0)


def disc(rng: np.random.Generator) -> Outline:
    return (polar(wobble(rng, count=64, lobes=2, amount=0.012)),)


def ellipse(rng: np.random.Generator) -> Outline:
    return (polar(1.0) * np.float32([1, rng.uniform(0.32, 0.62)]),)


def ring(rng: np.random.Generator) -> Outline:
    return (polar(1.0), polar(rng.uniform(0.4, 0.78))[::-1])


def triangle(rng: np.random.Generator) -> Outline:
    corners = _points((-1, 0.8), (1, 0.8), (rng.uniform(-0.8, 0.8), rng.uniform(-1.0, -0.3)))
    return (rounded(corners, rng.uniform(0.02, 0.15)),)


def rectangle(rng: np.random.Generator) -> Outline:
    height = rng.uniform(0.3, 1.0)
    corners = _points((-1, -height), (1, -height), (1, height), (-1, height))
    return (rounded(corners, rng.uniform(0.01, 0.15)),)


def star(rng: np.random.Generator) -> Outline:
    tips = int(rng.integers(4, 9))
    radius = np.where(np.arange(2 * tips) % 2 == 0, 1.0, rng.uniform(0.32, 0.62))
    return (rounded(polar(radius), rng.uniform(0.02, 0.2)),)


def cross(rng: np.random.Generator) -> Outline:
    w = rng.uniform(0.18, 0.42)
    left = [(-1, -w), (-w, -w), (-w, -1), (w, -1), (w, -w), (1, -w)]
    right = [(1, w), (w, w), (w, 1), (-w, 1), (-w, w), (-1, w)]
    return (rounded(_points(*left, *right), rng.uniform(0.02, 0.2)),)


def crescent(rng: np.random.Generator) -> Outline:
    half = rng.uniform(1.0, 1.9)
    outer = np.linspace(half, 2 * np.pi - half, 40)
    bulge = rng.uniform(0.15, 0.6)
    tips = np.array([np.cos(half), np.sin(half)])
    inner = np.linspace(1, -1, 40)
    back = np.stack([tips[0] - bulge * (1 - inner**2), -tips[1] * inner], 1)
    front = np.stack([np.cos(outer), np.sin(outer)], 1)
    return (np.concatenate([front, back]).astype(np.float32),)


def hexagon(rng: np.random.Generator) -> Outline:
    return (rounded(polar(1.0, int(rng.integers(5, 8))), rng.uniform(0.01, 0.12)),)


def gear(rng: np.random.Generator) -> Outline:
    teeth = int(rng.integers(8, 17))
    angle = np.linspace(0, 2 * np.pi, 16 * teeth, endpoint=False)
    depth = rng.uniform(0.12, 0.28)
    wave = np.clip(rng.uniform(1.5, 4) * np.sin(teeth * angle), -1, 1)
    hole = polar(rng.uniform(0.15, 0.5), 40)[::-1]
    return (polar(1 - depth / 2 + depth / 2 * wave), hole)


def lens(rng: np.random.Generator) -> Outline:
    x = np.linspace(-1, 1, 32)
    width, skew = rng.uniform(0.2, 0.5), rng.uniform(-0.3, 0.3)
    half = width * (1 - x**2) * (1 + skew * x)
    bend = rng.uniform(-0.25, 0.25) * x**2
    upper, lower = np.stack([x, bend - half], 1), np.stack([x, bend + half], 1)[::-1]
    return (np.concatenate([upper, lower]).astype(np.float32),)


def drop(rng: np.random.Generator) -> Outline:
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    y = rng.uniform(0.6, 0.9) * np.sin(t) * np.sin(t / 2) ** rng.uniform(1.2, 2.4)
    return (np.stack([np.cos(t), y], 1).astype(np.float32),)


def heart(rng: np.random.Generator) -> Outline:
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    y = 13 * np.cos(t) - rng.uniform(4, 6) * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return (np.stack([np.sin(t) ** 3, -y / 16], 1).astype(np.float32),)


def arrow(rng: np.random.Generator) -> Outline:
    shaft, neck, head = rng.uniform(0.12, 0.3), rng.uniform(-0.1, 0.5), rng.uniform(0.5, 0.8)
    back = [(-1, -shaft), (neck, -shaft), (neck, -head)]
    front = [(1, 0), (neck, head), (neck, shaft), (-1, shaft)]
    return (rounded(_points(*back, *front), rng.uniform(0.01, 0.06)),)


def blob(rng: np.random.Generator) -> Outline:
    return (polar(wobble(rng, count=96, lobes=5, amount=0.16)),)


def spiky(rng: np.random.Generator) -> Outline:
    spikes = int(rng.integers(9, 26))
    radius = rng.uniform(0.55, 0.8) * np.ones(3 * spikes)
    radius[::3] = rng.uniform(0.85, 1.15, spikes)
    return (polar(radius),)


def cell(rng: np.random.Generator) -> Outline:
    return (polar(wobble(rng, count=72, lobes=4, amount=0.05)),)


def animal(rng: np.random.Generator) -> Outline:
    """The head of an animal; body, ears and face are added in `scenes.objects`."""
    return (polar(wobble(rng, count=64, lobes=3, amount=0.05)) * np.float32([1, 0.9]),)


def cup(rng: np.random.Generator) -> Outline:
    """A tapered body; its handle is a second ring-like polygon with a hole."""
    foot, half = rng.uniform(0.35, 0.62), 0.62
    body = [(-half, -0.8), (half, -0.8), (half - 0.02, -0.45)]
    handle = [(0.85, -0.5), (1.05, -0.25), (1.05, 0.1), (0.85, 0.35), (half - 0.08, 0.4)]
    base = [(foot, 0.85), (-foot, 0.85)]
    hole = _points((0.64, -0.28), (0.82, -0.28), (0.9, -0.1), (0.8, 0.14), (0.6, 0.18))
    return (rounded(_points(*body, *handle, *base), 0.2), rounded(hole, 0.25)[::-1])


def flower(rng: np.random.Generator) -> Outline:
    petals = int(rng.integers(5, 10))
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    depth = rng.uniform(0.25, 0.5)
    return (polar(1 - depth + depth * np.abs(np.cos(petals * angle / 2)) ** 0.6),)


OUTLINES: dict[str, Callable[[np.random.Generator], Outline]] = {
    "animal": animal,
    "arrow": arrow,
    "blob": blob,
    "cell": cell,
    "crescent": crescent,
    "cross": cross,
    "cup": cup,
    "disc": disc,
    "drop": drop,
    "ellipse": ellipse,
    "flower": flower,
    "gear": gear,
    "heart": heart,
    "hexagon": hexagon,
    "lens": lens,
    "rectangle": rectangle,
    "ring": ring,
    "spiky": spiky,
    "star": star,
    "triangle": triangle,
}


@dataclass(frozen=True)
class Pose:
    """How an object lies: squashed, tilted in perspective, rotated, scaled, moved.

    Args:
        angle: Of rotation, in radians.
        squash: Height after to height before; 1 leaves it.
        tilt: Perspective: the right side shrinks for positive ones; within -0.4 to 0.4.
        factor: Pixels per unit of the outline.
        shift: What is added last, in pixels.
    """

    angle: float
    squash: float = 1.0
    tilt: float = 0.0
    factor: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def apply(self, outline: Outline) -> Outline:
        """Return the outline in pixels."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        matrix = np.array([[cos, sin], [-sin * self.squash, cos * self.squash]]) * self.factor
        shift = np.array(self.shift)
        return tuple(
            ((p / (1 + self.tilt * p[:, :1])) @ matrix + shift).astype(np.float32) for p in outline
        )

    def fitted(self, outline: Outline, side: float, margin: int) -> tuple[Pose, tuple[int, int]]:
        """Scale and move so that an outline just fits a window.

        Args:
            outline: What is to fit, with all of its parts.
            side: The longer side of its bounding box, in pixels.
            margin: Free pixels around it.

        Returns:
            The pose and the window's ``(height, width)`` in pixels.
        """
        every = np.concatenate(self.apply(outline))
        low, high = every.min(0), every.max(0)
        factor = side / max(float((high - low).max()), 1e-6)
        width, height = np.ceil((high - low) * factor).astype(int) + 2 * margin
        centre = (low + high) / 2 * factor
        shift = (float(width / 2 - centre[0]), float(height / 2 - centre[1]))
        return replace(self, factor=self.factor * factor, shift=shift), (int(height), int(width))


def fill(outline: Outline, shape: tuple[int, int]) -> Field:
    """Draw an outline, given in pixels, as a mask with smooth edges.

    Args:
        outline: In pixels from the mask's top left edge.
        shape: ``(height, width)`` of the mask.

    Returns:
        float32 in [0, 1], the covered share of each pixel.
    """
    mask = np.zeros(shape, np.uint8)
    # Pixel centres lie at +0.5 in our convention and at whole numbers in OpenCV's.
    points = [np.round((p - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for p in outline]
    cv2.fillPoly(mask, points, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return mask.astype(np.float32) * np.float32(1 / 255)


def written(
    text: str,
    shape: tuple[int, int],
    *,
    scale: float,
    thickness: int,
    middle: tuple[float, float],
    font: int = cv2.FONT_HERSHEY_DUPLEX,
) -> Field:
    """Return a mask of one line of text around ``middle``; ``scale`` as of `cv2.putText`."""
    mask = np.zeros(shape, np.uint8)
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    at = (int(middle[0] - width / 2), int(middle[1] + height / 2))
    cv2.putText(mask, text, at, font, scale, 255, thickness, cv2.LINE_AA)
    return mask.astype(np.float32) * np.float32(1 / 255)


def tight_box(visible: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return ``(xmin, ymin, xmax, ymax)`` on pixel edges around what is True, if anything is."""
    columns, rows = visible.any(0), visible.any(1)
    if not columns.any():
        return None
    xmin, ymin = int(columns.argmax()), int(rows.argmax())
    xmax, ymax = len(columns) - int(columns[::-1].argmax()), len(rows) - int(rows[::-1].argmax())
    return xmin, ymin, xmax, ymax
