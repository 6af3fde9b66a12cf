"""Backgrounds of the pretraining scenes: textures, planes, patches of light and shade."""

from __future__ import annotations

import cv2
import numpy as np

from scenes.lighting import light_ramp, relief, soft
from scenes.objects import hsv_palette, random_palette
from scenes.textures import Field, Image, TexturePool, colourise

_NATURE = ("grass", "litter", "foliage", "pebbles", "bokeh", "fur", "clouds", "wood", "sand")
_SMOOTH = ("plain", "plain", "clouds", "sand", "brushed")


def _layer(
    rng: np.random.Generator,
    pool: TexturePool,
    size: int,
    palette: np.ndarray,
    kinds: tuple[str, ...] | None,
) -> Image:
    field = pool.crop(rng, size, size) if kinds is None else pool.crop(rng, size, size, kinds=kinds)
    colour = colourise(field, palette)
    if rng.random() < 0.6:
        shade = relief(field, rng.uniform(0, 2 * np.pi), strength=rng.uniform(0.05, 0.4))
        colour *= shade[..., None]
    return colour


def _division(rng: np.random.Generator, pool: TexturePool, size: int) -> Field:
    """Return where a second material lies: behind a horizon, or in patches."""
    if rng.random() < 0.5:
        angle = rng.choice([np.pi / 2, rng.uniform(0, 2 * np.pi)])
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        side = axis[None, :] * np.float32(np.cos(angle)) + axis[:, None] * np.float32(np.sin(angle))
        edge = side - rng.uniform(-0.5, 0.5) + 0.1 * pool.crop(rng, size, size, kinds=("clouds",))
    else:
        edge = pool.crop(rng, size, size, kinds=("clouds", "marble"), scale=0.6) - rng.uniform(
            0.3, 0.6
        )
    return np.clip(edge * np.float32(rng.choice([4, 40])) + 0.5, 0, 1)


def _patches(rng: np.random.Generator, image: Image) -> None:
    """Lay soft light and dark patches over the image: what is out of focus, and its shadows."""
    size = image.shape[0]
    small = np.ones((48, 48), np.float32)
    for _ in range(int(rng.integers(2, 9))):
        centre = tuple(int(value) for value in rng.integers(0, 48, 2))
        axes = tuple(int(value) for value in rng.integers(2, 18, 2))
        tone = float(rng.uniform(0.45, 1.4))
        cv2.ellipse(small, centre, axes, rng.uniform(0, 180), 0, 360, tone, -1)
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(1.0, 4.0))
    image *= cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]


def nature_background(rng: np.random.Generator, pool: TexturePool, size: int) -> Image:
    """Grass, leaves, earth and what is far behind, out of focus."""
    palette = hsv_palette(rng, saturation=(0.1, 0.7), value=(0.1, 0.95))
    image = _layer(rng, pool, size, palette, _NATURE)
    other = _layer(rng, pool, size, random_palette(rng), _NATURE)
    image += _division(rng, pool, size)[..., None] * (other - image)
    _patches(rng, image)
    if rng.random() < 0.4:
        image = soft(image, rng.uniform(1, 5))
    return image


def slide_background(rng: np.random.Generator, pool: TexturePool, size: int) -> Image:
    """The bright ground of a microscope's slide, with dust and uneven light."""
    palette = hsv_palette(rng, saturation=(0.02, 0.3), value=(0.7, 1.0))
    image = _layer(rng, pool, size, palette, _SMOOTH)
    return image * light_ramp(rng, (size, size), depth=rng.uniform(0, 0.5))[..., None]


def any_background(rng: np.random.Generator, pool: TexturePool, size: int) -> Image:
    """One or two materials of any kind, lit unevenly."""
    kinds = _SMOOTH if rng.random() < 0.3 else None
    image = _layer(rng, pool, size, random_palette(rng), kinds)
    if rng.random() < 0.35:
        other = _layer(rng, pool, size, random_palette(rng), None)
        share = np.float32(rng.uniform(0.4, 1.0))
        image += share * _division(rng, pool, size)[..., None] * (other - image)
    if rng.random() < 0.4:
        _patches(rng, image)
    return image * light_ramp(rng, (size, size), depth=rng.uniform(0, 0.7))[..., None]
