"""Coins of no country: rim, beads, a legend around and a motif in relief, in worn metal."""

from __future__ import annotations

import cv2
import numpy as np

from scenes.shapes import disc, fill, flower, lens, polar, star, written
from scenes.solid import OVERSAMPLING, Drawing, polar_grid, smoothstep
from scenes.textures import Field, brushed, clouds, sand

_METALS = (
    (186, 112, 74),
    (158, 116, 66),
    (208, 170, 92),
    (214, 184, 120),
    (190, 192, 196),
    (166, 166, 162),
    (118, 92, 70),
)
_LEGENDS = ("REPUBLIC OF OD", "UNITED FIELDS", "LIBERTY AND LIGHT", "ONE OBJECT", "BANK OF SAND")
_FILL = 0.46  # radius of the coin in sides of its square


def _legend(size: int, radius: float, text: str) -> Field:
    """Return letters around the middle, each upright towards the edge."""
    ring = np.zeros((size, size), np.float32)
    middle = size / 2
    step = min(0.2, 4.6 / len(text))
    for number, letter in enumerate(text):
        upright = written(
            letter,
            (size, size),
            scale=radius / 230,
            thickness=max(1, int(radius * 0.02)),
            middle=(middle, middle - radius * 0.76),
        )
        degrees = float(-np.degrees((number - (len(text) - 1) / 2) * step))
        turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
        ring = np.maximum(ring, cv2.warpAffine(upright, turn, (size, size)))
    return ring


def _placed(outline: tuple, size: int, scale: float, x: float = 0.0, y: float = 0.0) -> Field:
    """Fill an outline at ``(x, y)`` from the middle, all in pixels."""
    shift = np.float32([size / 2 + x, size / 2 + y])
    return fill(tuple(p * np.float32(scale) + shift for p in outline), (size, size))


def _numeral(rng: np.random.Generator, size: int, radius: float) -> Field:
    text = str(rng.choice(["1", "2", "5", "10", "20", "50"]))
    scale, thickness = radius / (28 if len(text) == 1 else 38), max(2, int(radius * 0.1))
    middle = (size / 2, size / 2)
    return written(text, (size, size), scale=scale, thickness=thickness, middle=middle)


def _head(rng: np.random.Generator, size: int, radius: float) -> Field:
    """A head in profile: skull, face, nose, neck."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    profile = [(-0.2, -0.5), (0.1, -0.52), (0.28, -0.36), (0.3, -0.2), (0.44, -0.02), (0.32, 0.05)]
    chin = [(0.34, 0.2), (0.28, 0.32), (0.08, 0.34), (0.12, 0.58), (-0.34, 0.58), (-0.28, 0.3)]
    back = [(-0.46, 0.1), (-0.48, -0.25)]
    points = np.float32([*profile, *chin, *back]) * np.float32([side, 1])
    mask = _placed((points,), size, radius)
    return np.maximum(
        mask, 0.8 * _placed(disc(rng), size, radius * 0.3, -0.14 * side * radius, -0.2 * radius)
    )


def _castle(rng: np.random.Generator, size: int, radius: float) -> Field:
    mask = np.zeros((size, size), np.float32)
    for left, top, right in ((-0.45, -0.1, -0.22), (-0.14, -0.4, 0.14), (0.22, -0.1, 0.45)):
        corners = np.float32([(left, top), (right, top), (right, 0.4), (left, 0.4)])
        roof = np.float32(
            [(left - 0.05, top), ((left + right) / 2, top - 0.2), (right + 0.05, top)]
        )
        mask = np.maximum(mask, _placed((corners,), size, radius))
        mask = np.maximum(mask, _placed((roof,), size, radius))
    wall = np.float32([(-0.5, 0.15), (0.5, 0.15), (0.5, 0.42), (-0.5, 0.42)])
    gate = np.float32([(-0.07, 0.42), (-0.07, 0.22), (0.07, 0.22), (0.07, 0.42)])
    return np.maximum(mask, _placed((wall, gate), size, radius))


def _wreath(rng: np.random.Generator, size: int, radius: float) -> Field:
    mask = np.zeros((size, size), np.float32)
    (leaf,) = lens(rng)
    for angle in np.linspace(0.25 * np.pi, 1.9 * np.pi / 2, 7):
        for side in (1, -1):
            turn = angle if side == 1 else np.pi - angle
            cos, sin = np.cos(turn + side * 0.9), np.sin(turn + side * 0.9)
            turned = leaf @ np.float32([[cos, sin], [-sin, cos]])
            x, y = 0.58 * radius * np.cos(turn), 0.58 * radius * np.sin(turn)
            mask = np.maximum(mask, _placed((turned,), size, radius * 0.13, x, y))
    return np.maximum(mask, _numeral(rng, size, radius * 0.75))


def _emblem(rng: np.random.Generator, size: int, radius: float) -> Field:
    outline = star(rng) if rng.random() < 0.5 else flower(rng)
    raised = _placed(outline, size, radius * 0.5)
    return raised - 0.4 * _placed((polar(0.5),), size, radius * 0.3)


_MOTIFS = (_numeral, _head, _castle, _wreath, _emblem)


def draw_coin(rng: np.random.Generator, side: float) -> Drawing:
    """Draw a coin.

    Args:
        rng: Where chance comes from.
        side: Its diameter in the final image, in pixels.
    """
    size = round(side / (2 * _FILL)) * OVERSAMPLING
    radius = _FILL * size
    distance, angle = polar_grid(size, radius)
    motif = _MOTIFS[int(rng.integers(len(_MOTIFS)))](rng, size, radius)
    raised = motif + 0.7 * _legend(size, radius, str(rng.choice(_LEGENDS)))
    height = cv2.GaussianBlur(raised, (0, 0), max(0.6, radius * 0.012))
    beads = int(rng.integers(50, 90))
    ring = np.clip(np.cos(beads * angle), 0, 1) * np.exp(-(((distance - 0.86) / 0.02) ** 2))
    if rng.random() < 0.6:
        height = height + 0.6 * ring
    height = height + 1.4 * smoothstep(0.89, 0.93, distance) - 2.5 * smoothstep(0.97, 1.0, distance)
    metal = np.float32(_METALS[int(rng.integers(len(_METALS)))])
    albedo = np.broadcast_to(metal, (size, size, 3)).copy()
    if rng.random() < 0.25:
        other = np.float32(_METALS[int(rng.integers(len(_METALS)))])
        inside = 1 - smoothstep(0.66, 0.68, distance)
        albedo += inside[..., None] * (other - albedo)
        height = height - np.exp(-(((distance - 0.67) / 0.015) ** 2))
    # Dirt stays where the coin is deep, wear polishes what is raised.
    wear = 0.72 + 0.3 * np.clip(height, 0, 1) + 0.25 * (clouds(rng, size) - 0.5)
    wear += rng.uniform(0.05, 0.25) * (sand(rng, size) - 0.5) + 0.1 * (brushed(rng, size) - 0.5)
    albedo *= wear[..., None]
    mask = np.clip((1 - distance) * radius + 0.5, 0, 1)
    depth = np.float32(radius * rng.uniform(0.025, 0.045))
    return Drawing(
        albedo, height * depth, mask, gloss=rng.uniform(0.2, 0.7), metal=rng.uniform(0.5, 1)
    )
