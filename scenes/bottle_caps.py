"""Bottle caps with their 21 flutes: printed on top, bare metal and a liner below."""

from __future__ import annotations

import cv2
import numpy as np

from scenes.shapes import Outline, arrow, cross, disc, drop, fill, heart, hexagon, star, written
from scenes.solid import OVERSAMPLING, Drawing, polar_grid, smoothstep
from scenes.textures import Field, Image, clouds, sand

_FLUTES = 21  # of every crown cork since the 1930s
_FILL = 0.45
_PAINTS = (
    (188, 28, 32), (22, 90, 48), (24, 60, 140), (238, 232, 220), (226, 174, 32), (30, 30, 34),
    (214, 92, 28), (116, 26, 60), (60, 150, 170), (200, 200, 205),
)  # fmt: skip
_MOTIFS = (star, cross, heart, drop, hexagon, arrow, disc)


def _printed(rng: np.random.Generator, size: int, radius: float) -> Image:
    """Return the print on the top: ground, rings and a motif or a word."""
    first, second, third = rng.choice(len(_PAINTS), 3, replace=False)
    ground, ink, accent = (np.float32(_PAINTS[int(i)]) for i in (first, second, third))
    image = np.broadcast_to(ground, (size, size, 3)).copy()
    distance, angle = polar_grid(size, radius)

    def ink_where(mask: Field, colour: np.ndarray) -> None:
        image[...] += mask[..., None] * (colour - image)

    if rng.random() < 0.3:
        rays = np.clip(4 * np.sin(int(rng.integers(5, 12)) * angle) + 0.5, 0, 1)
        ink_where(rays * (distance < 0.75), accent)
    if rng.random() < 0.6:
        band = rng.uniform(0.5, 0.66)
        ink_where(((distance > band) & (distance < band + 0.06)).astype(np.float32), ink)
    if rng.random() < 0.35:
        text = str(rng.choice(["OD", "SODA", "COLA", "FIZZ", "ALE", "LEMON"]))
        mask = written(
            text,
            (size, size),
            scale=radius / (18 * len(text)),
            thickness=max(1, int(radius * 0.06)),
            middle=(size / 2, size / 2),
            font=cv2.FONT_HERSHEY_TRIPLEX,
        )
        ink_where(mask, ink)
    else:
        outline: Outline = _MOTIFS[int(rng.integers(len(_MOTIFS)))](rng)
        points = tuple(p * np.float32(radius * 0.42) + np.float32(size / 2) for p in outline)
        ink_where(fill(points, (size, size)), ink)
    return image


def _underside(rng: np.random.Generator, size: int, radius: float) -> Image:
    """Return bare metal with a pale liner and what the drink left on it."""
    distance, _ = polar_grid(size, radius)
    metal = np.float32([186, 184, 178]) * np.float32(rng.uniform(0.7, 1.05))
    liner = np.float32(rng.choice([[222, 218, 206], [150, 170, 190], [196, 176, 130]]))
    inside = 1 - smoothstep(0.58, 0.62, distance)
    image = metal + inside[..., None] * (liner - metal)
    return image * (0.8 + 0.3 * clouds(rng, size))[..., None]


def _profile(t: Field, angle: Field, *, upside_down: bool) -> Field:
    """Return the height of a cap in radii; ``t`` is 1 at the edge of the flutes."""
    flutes = 0.05 * np.cos(_FLUTES * angle) * smoothstep(0.74, 0.96, t)
    if upside_down:
        bowl = 0.2 * smoothstep(0.7, 0.94, t) - 0.1 * smoothstep(0.96, 1.0, t)
        return bowl + flutes - 0.03 * np.exp(-(((t - 0.6) / 0.03) ** 2))
    skirt = np.clip((t - 0.72) / 0.28, 0, 1) ** 1.6
    return 0.22 * (1 - skirt) + flutes * 1.1 - 0.02 * t * t


def draw_bottle_cap(rng: np.random.Generator, side: float) -> Drawing:
    """Draw a bottle cap.

    Args:
        rng: Where chance comes from.
        side: Its diameter in the final image, in pixels.
    """
    size = round(side / (2 * _FILL)) * OVERSAMPLING
    radius = _FILL * size
    distance, angle = polar_grid(size, radius)
    edge = 1 + 0.04 * np.cos(_FLUTES * angle)
    t = distance / edge * np.float32(1.04)
    upside_down = rng.random() < 0.06
    height = _profile(t, angle, upside_down=bool(upside_down))
    albedo = _underside(rng, size, radius) if upside_down else _printed(rng, size, radius)
    if rng.random() < 0.35:
        # The opener's dent: a fold across the cap.
        across = np.cos(angle - np.float32(rng.uniform(0, 2 * np.pi))) * distance
        height = height - 0.12 * np.clip(across - 0.2, 0, 1)
    scratched = smoothstep(rng.uniform(0.6, 0.9), 1.0, sand(rng, size)) * smoothstep(0.6, 0.9, t)
    bare = np.float32([170, 160, 148]) if rng.random() < 0.6 else np.float32([120, 66, 36])
    albedo = albedo + (0.8 * scratched)[..., None] * (bare - albedo)
    albedo = albedo * (0.85 + 0.2 * clouds(rng, size))[..., None]
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), max(0.5, radius * 0.008))
    mask = np.clip((1.04 - t) * radius + 0.5, 0, 1)
    metal = 0.6 if upside_down else 0.15
    return Drawing(
        albedo, height * np.float32(radius), mask, gloss=rng.uniform(0.3, 0.9), metal=metal
    )
