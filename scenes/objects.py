"""Draw one generic object: an outline with a material, light on it, and what belongs to it.

A `Sprite` is a small window with colour and coverage; `scenes.canvas` puts it into a scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.lighting import relief, soft
from scenes.shapes import OUTLINES, Outline, Pose, disc, fill, polar, wobble
from scenes.textures import Field, Image, TexturePool, colourise

_ROUND = ("disc", "ellipse", "ring", "cell")
_FUZZY = ("animal", "blob", "spiky", "cell", "flower", "lens")
_OBJECT_TEXTURES = (
    "clouds", "sand", "wood", "weave", "stripes", "checks", "cells", "pebbles", "spots",
    "brushed", "fur", "marble", "veins", "plain", "plain", "clouds", "sand",
)  # fmt: skip
_SQUIGGLE_POINTS = 24


@dataclass(frozen=True)
class Sprite:
    """A drawn object.

    Args:
        colour: float32 ``(H, W, 3)`` in 0 to 255.
        alpha: float32 ``(H, W)``, how much of what lies below is hidden.
        solid: bool ``(H, W)``, what counts as the object.
    """

    colour: Image
    alpha: Field
    solid: NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """What the objects of a crowd have in common.

    Args:
        palette: ``(K, 3)`` RGB in 0 to 255.
        kinds: Names of textures.
        dome: How round it looks, 0 is flat.
        rim: Brightness towards the edge: below 0 darker, above 0 lighter, within -0.8 to 0.8.
        gloss: Strength of the highlight, 0 to 1.
        opacity: Of the body, 0 to 1.
        light: Where the light comes from, in radians.
    """

    palette: NDArray[np.floating]
    kinds: tuple[str, ...]
    dome: float
    rim: float
    gloss: float
    opacity: float
    light: float


def hsv_palette(
    rng: np.random.Generator, *, saturation: tuple[float, float], value: tuple[float, float]
) -> NDArray[np.float32]:
    """Return 2 to 4 RGB colours of near hues, from dark to light."""
    count = int(rng.integers(2, 5))
    hue = (rng.uniform(0, 180) + rng.normal(0, rng.choice([4, 12, 40]), count)) % 180
    tone = np.sort(rng.uniform(*value, count))
    if rng.random() < 0.5:
        tone = tone[::-1]
    hsv = np.stack([hue, rng.uniform(*saturation, count) * 255, tone * 255], 1)
    rgb = cv2.cvtColor(hsv[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0]
    return rgb.astype(np.float32)


def random_palette(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return colours of one of several moods: vivid, earthy, pale, grey, dark."""
    mood = rng.random()
    if mood < 0.3:
        return hsv_palette(rng, saturation=(0.5, 1.0), value=(0.35, 1.0))
    if mood < 0.6:
        return hsv_palette(rng, saturation=(0.15, 0.6), value=(0.2, 0.85))
    if mood < 0.75:
        return hsv_palette(rng, saturation=(0.03, 0.3), value=(0.65, 1.0))
    if mood < 0.9:
        return hsv_palette(rng, saturation=(0.0, 0.12), value=(0.05, 1.0))
    return hsv_palette(rng, saturation=(0.2, 0.8), value=(0.03, 0.35))


def random_look(rng: np.random.Generator, light: float) -> Look:
    """Return a look of any kind."""
    count = 1 if rng.random() < 0.7 else 2
    return Look(
        palette=random_palette(rng),
        kinds=tuple(str(kind) for kind in rng.choice(_OBJECT_TEXTURES, count)),
        dome=float(rng.choice([0.0, rng.uniform(0.2, 1.6)], p=[0.25, 0.75])),
        rim=float(rng.choice([0.0, rng.uniform(-0.7, 0.6)], p=[0.4, 0.6])),
        gloss=float(rng.choice([0.0, rng.uniform(0.2, 0.9)], p=[0.65, 0.35])),
        opacity=float(rng.choice([1.0, rng.uniform(0.4, 0.9)], p=[0.85, 0.15])),
        light=light,
    )


def _moved(outline: Outline, scale: float, x: float, y: float) -> Outline:
    return tuple((p * np.float32(scale) + np.float32([x, y])) for p in outline)


def _animal_parts(rng: np.random.Generator) -> tuple[list[Outline], list[tuple[Outline, float]]]:
    """Return body, ears and tail, and the face as ``(outline, tone)``; tones in -1 to 1."""
    ear_x, ear_y, ear = rng.uniform(0.5, 0.8), rng.uniform(-0.9, -0.6), rng.uniform(0.28, 0.45)
    pointed = rng.random() < 0.5
    tip = polar(1.0, 3) @ np.float32([[0, 1], [-1, 0]]) * np.float32([1, -1.2])
    shape = (tip * np.float32([1, -1]),) if pointed else disc(rng)
    parts = [_moved(shape, ear, x, ear_y) for x in (-ear_x, ear_x)]
    face = [(_moved(shape, ear * 0.55, x, ear_y), -0.4) for x in (-ear_x, ear_x)]
    eye_x, eye_y, patch = rng.uniform(0.3, 0.45), rng.uniform(-0.3, 0.0), rng.uniform(0.18, 0.34)
    band = (polar(1.0, 24) * np.float32([1.25, 0.8]),)
    mask_tone, muzzle_tone = rng.uniform(-0.9, 0.7), rng.uniform(-0.2, 0.9)
    face += [(_moved(band, patch, x, eye_y), mask_tone) for x in (-eye_x, eye_x)]
    face += [(_moved(disc(rng), rng.uniform(0.3, 0.42), 0, 0.45), muzzle_tone)]
    face += [(_moved(disc(rng), 0.09, x, eye_y), -1.0) for x in (-eye_x, eye_x)]
    face += [(_moved(disc(rng), 0.12, 0, 0.36), -1.0)]
    if rng.random() < 0.7:
        side = rng.choice([-1, 1])
        trunk = (polar(wobble(rng, count=64, lobes=4, amount=0.08)) * np.float32([1.4, 1]),)
        x, y = side * rng.uniform(0.3, 1.4), rng.uniform(0.9, 1.6)
        parts.append(_moved(trunk, rng.uniform(1.0, 1.5), x, y))
        if rng.random() < 0.6:
            tail = (polar(1.0, 32) * np.float32([1.0, 0.28]),)
            parts.append(_moved(tail, rng.uniform(0.8, 1.3), x + side * 2.0, y + 0.2))
    return parts, face


def _cell_details(rng: np.random.Generator) -> list[tuple[Outline, float]]:
    """Return a nucleus of one to four touching lobes."""
    centre, lobes = rng.uniform(-0.25, 0.25, 2), int(rng.integers(1, 5))
    size = rng.uniform(0.3, 0.6) if lobes == 1 else rng.uniform(0.2, 0.34)
    heading, tone = rng.uniform(0, 2 * np.pi), rng.uniform(-0.95, -0.4)
    found = []
    for lobe in range(lobes):
        turn = heading + lobe * rng.uniform(0.9, 1.6)
        x, y = centre + (0 if lobes == 1 else size * 1.1) * np.array([np.cos(turn), np.sin(turn)])
        found.append((_moved(blob_like(rng), size, x, y), tone))
    return found


def blob_like(rng: np.random.Generator) -> Outline:
    """Return a nearly round outline."""
    return (polar(wobble(rng, count=40, lobes=3, amount=0.08)),)


def _anatomy(
    name: str, rng: np.random.Generator
) -> tuple[list[Outline], list[tuple[Outline, float]]]:
    """Return the further parts of a class's silhouette, and its inner details with their tones."""
    if name == "animal":
        return _animal_parts(rng)
    if name == "cell":
        return [], _cell_details(rng)
    if name == "flower":
        return [], [(_moved(disc(rng), rng.uniform(0.2, 0.35), 0, 0), rng.uniform(-0.9, 0.9))]
    if name == "cup":
        mouth = (polar(1.0, 32) * np.float32([0.6, rng.uniform(0.12, 0.22)]),)
        return [_moved(mouth, 1.0, 0, -0.78)], [(_moved(mouth, 0.88, 0, -0.78), -0.7)]
    if name == "lens" and rng.random() < 0.7:
        rib = np.float32([[-1.3, -0.015], [1, -0.015], [1, 0.015], [-1.3, 0.015]])
        return [(rib,)], [((rib,), rng.uniform(-0.6, 0.6))]
    return [], []


def _pose(name: str, rng: np.random.Generator) -> Pose:
    low = 0.85 if name in _ROUND else 0.6
    upright = name == "animal" or (name == "cup" and rng.random() < 0.7)
    angle = rng.normal(0, 0.25) if upright else rng.uniform(0, 2 * np.pi)
    return Pose(
        angle=float(angle),
        squash=float(rng.uniform(low, 1.0)),
        tilt=float(rng.uniform(-0.25, 0.25)) if rng.random() < 0.5 else 0.0,
    )


def _fuzzed(mask: Field, pool: TexturePool, rng: np.random.Generator, side: float) -> Field:
    """Fray the edge of a mask with hair or grain."""
    depth = side * rng.uniform(0.02, 0.06)
    if depth < 0.8:
        return mask
    kinds = ("fur", "sand", "litter")
    noise = pool.crop(rng, *mask.shape, kinds=kinds, scale=float(np.clip(120 / side, 0.5, 2)))
    level = soft(mask, depth) + np.float32(0.6) * (noise - 0.5)
    inner = soft(mask, depth / 2) > 0.05
    return np.clip((level - 0.5) * np.float32(depth) + 0.5, 0, 1) * inner


def _paint_details(
    colour: Image, details: list[tuple[Outline, float]], pose: Pose, side: float
) -> Image:
    for outline, tone in details:
        if side < 12:
            break  # smaller than a pixel
        mask = soft(fill(pose.apply(outline), colour.shape[:2]), side * 0.008)[..., None]
        # A tone below 0 darkens what lies there, one above lightens it.
        toned = colour * np.float32(1 + 0.85 * min(tone, 0)) + np.float32(110 * max(tone, 0))
        colour = colour + mask * (toned - colour)
    return colour


def _surface(
    mask: Field, pool: TexturePool, rng: np.random.Generator, look: Look, side: float
) -> tuple[Image, Field]:
    """Return the body's colour with its shading, and the blurred mask that served as its height."""
    scale = float(np.clip(np.exp(rng.uniform(-0.5, 1.1)) * 100 / side, 0.35, 3.0))
    field = pool.crop(rng, *mask.shape, kinds=look.kinds, scale=scale)
    palette = look.palette + rng.normal(0, 6, 3)
    colour = colourise(field, np.clip(palette, 0, 255))
    height = soft(mask, max(side * 0.1, 1.0))
    factor = relief(field, look.light, strength=rng.uniform(0, 0.25)) if side > 24 else 1.0
    if look.dome:
        factor = factor * relief(height, look.light, strength=look.dome * side * 0.035)
    if look.rim:
        factor = factor * (1 + np.float32(look.rim) * np.clip(2 - 2 * height, 0, 1))
    return (colour.transpose(2, 0, 1) * factor).transpose(1, 2, 0), height


def _highlight(shape: tuple[int, int], light: float, rng: np.random.Generator) -> Field:
    height, width = shape
    spot = np.zeros(shape, np.float32)
    reach = rng.uniform(0.15, 0.3)
    x = width * (0.5 + reach * np.cos(light))
    y = height * (0.5 + reach * np.sin(light))
    size = max(1, int(min(shape) * rng.uniform(0.04, 0.12)))
    axes = (size, max(1, int(size * rng.uniform(0.4, 1.0))))
    cv2.ellipse(spot, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    return soft(spot, size * rng.uniform(0.2, 0.7))


def draw_object(
    name: str, rng: np.random.Generator, pool: TexturePool, look: Look, side: float
) -> Sprite:
    """Draw an object of a class.

    Args:
        name: One of `scenes.shapes.OUTLINES`.
        rng: Where chance comes from.
        pool: Where its texture comes from.
        look: Its material and light.
        side: The longer side of its bounding box, in pixels, before its edge is frayed.
    """
    base = OUTLINES[name](rng)
    extra, details = _anatomy(name, rng)
    fuzzy = name in _FUZZY and (name == "animal" or rng.random() < 0.4)
    margin = 3 + (int(side * 0.06) if fuzzy else 0)
    every = sum(extra, base)
    pose, shape = _pose(name, rng).fitted(every, side, margin)
    mask = fill(pose.apply(base), shape)
    for part in extra:
        mask = np.maximum(mask, fill(pose.apply(part), shape))
    if fuzzy:
        mask = _fuzzed(mask, pool, rng, side)
    colour, height = _surface(mask, pool, rng, look, side)
    colour = _paint_details(colour, details, pose, side)
    if look.gloss and side > 16:
        colour = colour + (255 * look.gloss * _highlight(shape, look.light, rng))[..., None]
    alpha = mask
    if look.opacity < 1:
        # Translucent bodies are denser at the edge, as a cell or a jelly is.
        alpha = mask * np.clip(look.opacity + 0.7 * (1 - height), 0, 1)
        for outline, _ in details:
            alpha = np.maximum(alpha, 0.9 * fill(pose.apply(outline), shape) * mask)
    return Sprite(colour, alpha, mask > 0.5)


def draw_distractor(rng: np.random.Generator, pool: TexturePool, look: Look, side: float) -> Sprite:
    """Draw what is not labelled: a squiggle, a twig, scattered dots or letters."""
    size = int(side) + 6
    mask = np.zeros((size, size), np.uint8)
    kind, width = rng.random(), max(1, int(side * rng.uniform(0.01, 0.06)))
    if kind < 0.55:
        bend = 2.5 if kind < 0.25 else 0.15
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, bend / 4, _SQUIGGLE_POINTS))
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
        low, high = path.min(0), path.max(0)
        path = 4 + (path - low) / max((high - low).max(), 1e-6) * (size - 8)
        cv2.polylines(mask, [path.astype(np.int32)], False, 255, width, cv2.LINE_AA)
    elif kind < 0.8:
        for _ in range(int(rng.integers(5, 30))):
            centre = tuple(int(value) for value in rng.integers(2, size - 2, 2))
            cv2.circle(mask, centre, int(rng.integers(1, 2 + side // 25)), 255, -1, cv2.LINE_AA)
    else:
        text = "".join(rng.choice(list("ABCEFGHKMNPRSTWXYZ23456789"), 5))
        scale = side / 110
        font = int(rng.integers(0, 8))
        cv2.putText(mask, text, (2, size // 2), font, scale, 255, width, cv2.LINE_AA)
    cover = mask.astype(np.float32) * np.float32(1 / 255)
    colour, _ = _surface(cover, pool, rng, look, side)
    return Sprite(colour, cover, cover > 0.5)
