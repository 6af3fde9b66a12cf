"""Height fields that look like materials: noise, wood, sand, cloth, fur, cells, metal.

A field is float32 ``(size, size)`` in [0, 1]. It has no colour: `colourise` maps it through a
palette, `scenes.lighting.relief` shades it as a surface. Making one takes milliseconds to
tens of milliseconds, so `TexturePool` makes each once and hands out rotated and scaled crops.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Image = NDArray[np.float32]


def normalized(field: NDArray[np.floating]) -> Field:
    """Stretch a field to [0, 1], by its 1st and 99th percentile, as rare peaks would flatten it."""
    low, high = np.percentile(field, (1, 99))
    return np.clip((field - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def spectral_noise(
    rng: np.random.Generator, size: int, *, roughness: float, stretch: float = 1.0
) -> Field:
    """Return tileable noise whose spectrum falls as frequency to the power ``-roughness``.

    Args:
        rng: Where chance comes from.
        size: Side of the field in pixels.
        roughness: 0 is white noise, 1 sand, 2 clouds, 3 hills.
        stretch: Above 1 the grain is drawn out along x, as in fur or brushed metal.
    """
    fy = np.fft.fftfreq(size)[:, None]
    fx = np.fft.rfftfreq(size)[None, :] * stretch
    radius = np.sqrt(fx * fx + fy * fy)
    radius[0, 0] = 1.0
    white = np.fft.rfft2(rng.standard_normal((size, size)))
    return normalized(np.fft.irfft2(white * radius**-roughness, s=(size, size)))


def _grid(size: int) -> tuple[Field, Field]:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    return x, y


def displaced(field: Field, dx: Field, dy: Field) -> Field:
    """Move each pixel of a field by ``(dx, dy)`` pixels; the border is mirrored."""
    size = field.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return cv2.remap(field, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def clouds(rng: np.random.Generator, size: int) -> Field:
    """Soft large shapes."""
    return spectral_noise(rng, size, roughness=rng.uniform(1.6, 2.6))


def sand(rng: np.random.Generator, size: int) -> Field:
    """Fine grain on soft dunes."""
    grain = spectral_noise(rng, size, roughness=rng.uniform(0.2, 0.8))
    return normalized(grain + rng.uniform(0.2, 1.0) * spectral_noise(rng, size, roughness=2.2))


def wood(rng: np.random.Generator, size: int) -> Field:
    """Year rings cut lengthwise, with pores along the grain."""
    x, y = _grid(size)
    bend = spectral_noise(rng, size, roughness=2.4, stretch=0.25 if rng.random() < 0.5 else 4.0)
    rings = rng.uniform(5, 16)
    phase = rings * (y + 0.02 * x) + rng.uniform(1.0, 3.5) * bend
    saw = phase - np.floor(phase)
    pores = spectral_noise(rng, size, roughness=0.5, stretch=rng.uniform(12, 40))
    return normalized(saw**2 * 0.7 + 0.5 * pores + 0.2 * bend)


def planks(rng: np.random.Generator, size: int) -> Field:
    """Boards side by side, each with its own grain and tone."""
    field = np.empty((size, size), np.float32)
    edges = np.linspace(0, size, int(rng.integers(3, 7)) + 1).astype(int)
    grain = wood(rng, size)
    for top, bottom in pairwise(edges):
        shift = int(rng.integers(size))
        board = np.roll(grain, (shift, shift // 3), (0, 1))[top:bottom]
        field[top:bottom] = board * 0.7 + rng.uniform(0, 0.3)
        field[top : top + 2] *= 0.2
    return field


def weave(rng: np.random.Generator, size: int) -> Field:
    """Cloth: threads that go over and under one another, not quite straight."""
    x, y = _grid(size)
    threads = rng.uniform(18, 60)
    u, v = np.sin(2 * np.pi * threads * x), np.sin(2 * np.pi * threads * y)
    over = np.where(u * v > 0, np.abs(u), np.abs(v) * 0.8)
    waves = [8 * (spectral_noise(rng, size, roughness=2.5) - 0.5) for _ in range(2)]
    yarn = spectral_noise(rng, size, roughness=1.0)
    return normalized(displaced(over.astype(np.float32), waves[0], waves[1]) + 0.6 * yarn)


def stripes(rng: np.random.Generator, size: int) -> Field:
    """Bands of random width, crossed (plaid) half of the time."""
    steps = np.repeat(rng.random(64), rng.integers(3, 30, 64))[:size]
    bands = np.resize(steps, size).astype(np.float32)
    field = np.broadcast_to(bands[:, None], (size, size)).copy()
    if rng.random() < 0.5:
        field = (field + bands[None, :]) / 2
    return normalized(field + 0.15 * spectral_noise(rng, size, roughness=0.8))


def checks(rng: np.random.Generator, size: int) -> Field:
    """Tiles, each of its own tone, with joints between them."""
    count = int(rng.integers(4, 14))
    tones = rng.random((count, count)).astype(np.float32)
    field = cv2.resize(tones, (size, size), interpolation=cv2.INTER_NEAREST)
    x, y = _grid(size)
    joint = (np.minimum((x * count) % 1, (y * count) % 1) < 0.06).astype(np.float32)
    return normalized(field * 0.6 * (1 - joint) + 0.3 * clouds(rng, size))


def bricks(rng: np.random.Generator, size: int) -> Field:
    """Courses of bricks, each shifted by half."""
    x, y = _grid(size)
    rows = int(rng.integers(6, 14))
    row = np.floor(y * rows)
    along = x * rows / 2.2 + 0.5 * (row % 2)
    tone = np.sin(row * 12.9898 + np.floor(along) * 78.233) * 43758.5453
    joint = ((y * rows) % 1 < 0.12) | (along % 1 < 0.06)
    field = np.where(joint, 0.9, 0.5 * (tone - np.floor(tone)))
    return normalized(field.astype(np.float32) + 0.4 * sand(rng, size))


def _nearest(rng: np.random.Generator, size: int, count: int) -> tuple[Field, NDArray[np.int32]]:
    """Return the distance to the nearest of some random points, and which one it is."""
    away = np.full((size, size), 255, np.uint8)
    away[rng.integers(0, size, count), rng.integers(0, size, count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        away, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return distance, labels


def cells(rng: np.random.Generator, size: int) -> Field:
    """Voronoi cells, each of its own tone, dark towards the walls."""
    distance, labels = _nearest(rng, size, int(rng.integers(30, 400)))
    tones = rng.random(int(labels.max()) + 1).astype(np.float32)
    return normalized(tones[labels] - 0.6 * distance / distance.max())


def pebbles(rng: np.random.Generator, size: int) -> Field:
    """Round stones of several sizes, packed."""
    _, labels = _nearest(rng, size, int(rng.integers(60, 700)))
    walls = cv2.morphologyEx(labels.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    height = cv2.distanceTransform((walls == 0).astype(np.uint8), cv2.DIST_L2, 3)
    tones = rng.random(int(labels.max()) + 1).astype(np.float32)
    return normalized(np.sqrt(height) + 1.2 * tones[labels] + 0.5 * sand(rng, size))


def spots(rng: np.random.Generator, size: int) -> Field:
    """Round spots on a plain ground, from a leopard's to a pox."""
    field = 0.25 * spectral_noise(rng, size, roughness=1.6)
    largest = rng.uniform(6, 22)
    for _ in range(int(rng.integers(60, 200))):
        centre = tuple(int(value) for value in rng.integers(0, size, 2))
        radius = int(rng.uniform(0.3, 1.0) * largest) + 1
        cv2.circle(field, centre, radius, float(rng.uniform(0.6, 1.0)), -1, cv2.LINE_AA)
    return normalized(cv2.GaussianBlur(field, (0, 0), rng.uniform(0.5, 2.0)))


def brushed(rng: np.random.Generator, size: int) -> Field:
    """Metal with fine parallel scratches."""
    fine = spectral_noise(rng, size, roughness=0.6, stretch=rng.uniform(30, 90))
    return normalized(fine + 0.5 * spectral_noise(rng, size, roughness=2.5))


def fur(rng: np.random.Generator, size: int) -> Field:
    """Hair that follows a slow flow, with clumps."""
    hair = spectral_noise(rng, size, roughness=rng.uniform(0.7, 1.1), stretch=rng.uniform(5, 14))
    bend = size * rng.uniform(0.1, 0.3)
    flow = [bend * (spectral_noise(rng, size, roughness=3.0) - 0.5) for _ in range(2)]
    return normalized(displaced(hair, flow[0], flow[1]) + 0.7 * clouds(rng, size))


def marble(rng: np.random.Generator, size: int) -> Field:
    """Veins along a distorted wave."""
    x, y = _grid(size)
    wave = np.sin(
        2 * np.pi * (rng.uniform(1, 5) * x + rng.uniform(1, 5) * y) + 9 * clouds(rng, size)
    )
    return normalized(np.abs(wave) ** rng.uniform(0.3, 1.0))


def veins(rng: np.random.Generator, size: int) -> Field:
    """A leaf's midrib and side veins, on blotches; the midrib lies along x."""
    field = 0.35 * spectral_noise(rng, size, roughness=1.6)
    middle = size // 2
    pairs = int(rng.integers(6, 14))
    for start in np.linspace(-0.2, 1.0, pairs) * size:
        for side in (-1, 1):
            along = np.linspace(0, 1, 12)
            xs = start + along * size * 0.45
            ys = middle + side * along**0.85 * size * 0.55
            points = np.stack([xs, ys], 1).astype(np.int32)
            cv2.polylines(field, [points], False, 0.8, 1 + size // 200, cv2.LINE_AA)
    cv2.line(field, (0, middle), (size, middle), 1.0, 2 + size // 100, cv2.LINE_AA)
    return normalized(cv2.GaussianBlur(field, (0, 0), 1.0))


def _strokes(
    rng: np.random.Generator, size: int, *, count: int, length: float, spread: float
) -> Field:
    """Draw many slightly bent strokes; ``spread`` is how far directions differ, in radians."""
    field = 0.2 * spectral_noise(rng, size, roughness=1.5)
    along = np.linspace(0, 1, 6)
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(count):
        angle = heading + rng.normal(0, spread)
        bend = rng.normal(0, 0.6)
        reach = size * length * rng.uniform(0.4, 1.0)
        steps = angle + bend * along
        path = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1) * reach / 6, axis=0)
        points = (rng.uniform(-0.1, 1.1, 2) * size + path).astype(np.int32)
        width = int(rng.integers(1, 4))
        cv2.polylines(field, [points], False, float(rng.uniform(0, 1)), width, cv2.LINE_AA)
    return normalized(field)


def grass(rng: np.random.Generator, size: int) -> Field:
    """Blades that all lean one way."""
    return _strokes(rng, size, count=900, length=0.16, spread=rng.uniform(0.2, 0.6))


def litter(rng: np.random.Generator, size: int) -> Field:
    """Needles and straw, lying anyhow."""
    return _strokes(rng, size, count=500, length=rng.uniform(0.1, 0.3), spread=3.0)


def bokeh(rng: np.random.Generator, size: int) -> Field:
    """Lights far out of focus."""
    field = 0.4 * spectral_noise(rng, size, roughness=2.5)
    for _ in range(int(rng.integers(20, 70))):
        disc = np.zeros((size, size), np.float32)
        centre = tuple(int(value) for value in rng.integers(0, size, 2))
        cv2.circle(disc, centre, int(rng.integers(5, size // 10)), 1.0, -1, cv2.LINE_AA)
        field += disc * rng.uniform(0.1, 0.5)
    return normalized(field)


def foliage(rng: np.random.Generator, size: int) -> Field:
    """Overlapping small leaves, the lower ones darker."""
    field = 0.2 * spectral_noise(rng, size, roughness=1.5)
    for tone in np.linspace(0.1, 1.0, 500):
        centre = tuple(int(value) for value in rng.integers(0, size, 2))
        axes = (int(rng.integers(4, 16)), int(rng.integers(2, 7)))
        shade = float(tone * rng.uniform(0.6, 1.0))
        cv2.ellipse(field, centre, axes, rng.uniform(0, 180), 0, 360, shade, -1, cv2.LINE_AA)
    return normalized(field)


def plain(rng: np.random.Generator, size: int) -> Field:
    """A smooth gradient with hardly any grain: paper, sky, glass, the ground of a slide."""
    x, y = _grid(size)
    slope = rng.uniform(-1, 1, 2)
    grain = spectral_noise(rng, size, roughness=1.0)
    return normalized(slope[0] * x + slope[1] * y + rng.uniform(0.0, 0.3) * grain)


TEXTURES: dict[str, Callable[[np.random.Generator, int], Field]] = {
    "clouds": clouds,
    "sand": sand,
    "wood": wood,
    "planks": planks,
    "weave": weave,
    "stripes": stripes,
    "checks": checks,
    "bricks": bricks,
    "cells": cells,
    "pebbles": pebbles,
    "spots": spots,
    "brushed": brushed,
    "fur": fur,
    "marble": marble,
    "veins": veins,
    "grass": grass,
    "litter": litter,
    "bokeh": bokeh,
    "foliage": foliage,
    "plain": plain,
}


class TexturePool:
    """Fields made once, handed out as rotated and scaled crops.

    Args:
        seed: The same seed makes the same fields.
        size: Side of each field in pixels.
        variants: Fields of each kind.
    """

    def __init__(self, seed: int, *, size: int = 384, variants: int = 4) -> None:
        self.size = size
        self._fields = {
            name: [
                make(np.random.default_rng((seed, kind, variant)), size)
                for variant in range(variants)
            ]
            for kind, (name, make) in enumerate(TEXTURES.items())
        }

    def crop(
        self,
        rng: np.random.Generator,
        height: int,
        width: int,
        *,
        kinds: tuple[str, ...] = tuple(TEXTURES),
        scale: float | None = None,
        angle: float | None = None,
    ) -> Field:
        """Return float32 ``(height, width)`` in [0, 1] out of a random field of these kinds.

        Args:
            rng: Where chance comes from.
            height: Of the crop, in pixels.
            width: Of the crop, in pixels.
            kinds: Names in `TEXTURES` to choose from.
            scale: Pixels of the field per pixel of the crop; random in 0.4 to 2.2 when absent.
            angle: Of rotation, in radians; random when absent.
        """
        fields = self._fields[kinds[int(rng.integers(len(kinds)))]]
        field = fields[int(rng.integers(len(fields)))]
        scale = float(np.exp(rng.uniform(-0.9, 0.8))) if scale is None else scale
        angle = float(rng.uniform(0, 2 * np.pi)) if angle is None else angle
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        origin = rng.uniform(0, self.size, 2)
        matrix = np.array([[cos, -sin, origin[0]], [sin, cos, origin[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(
            field, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )


@lru_cache(maxsize=2)
def texture_pool(seed: int = 0) -> TexturePool:
    """Return the pool of a seed, made on the first call (about two seconds)."""
    return TexturePool(seed)


def colourise(field: Field, palette: NDArray[np.floating]) -> Image:
    """Map a field through a palette.

    Args:
        field: ``(H, W)`` in [0, 1].
        palette: ``(K, 3)`` RGB in 0 to 255, spread evenly from 0 to 1; linear in between.

    Returns:
        float32 ``(H, W, 3)`` in 0 to 255.
    """
    stops = np.linspace(0, 255, len(palette))
    table = np.stack([np.interp(np.arange(256), stops, palette[:, c]) for c in range(3)], 1)
    index = (field * np.float32(255)).astype(np.uint8)
    # Three times as fast as indexing the table with NumPy.
    return cv2.applyColorMap(index, table.astype(np.uint8)[:, None]).astype(np.float32)
