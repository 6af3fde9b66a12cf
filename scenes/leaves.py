"""Fallen leaves: ovate, toothed, lobed, lance-like, palmate and fan-shaped, green to brown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.shapes import fill
from scenes.solid import OVERSAMPLING, Drawing
from scenes.textures import Field, clouds, displaced, sand, spectral_noise

Points = NDArray[np.float32]

_SEASONS = (
    ((64, 112, 44), (128, 158, 62), (176, 176, 60)),
    ((88, 130, 50), (196, 178, 60), (150, 104, 44)),
    ((224, 184, 58), (206, 142, 40), (140, 86, 40)),
    ((186, 50, 28), (214, 108, 36), (120, 40, 30)),
    ((132, 40, 34), (178, 70, 40), (86, 40, 34)),
    ((150, 104, 58), (116, 76, 44), (84, 56, 36)),
)


@dataclass(frozen=True)
class _Form:
    """A leaf's outline and veins, its tip along x at about 1; the stalk joins at ``(joint, 0)``."""

    outline: Points
    veins: list[Points]
    joint: float = 0.0


def _pinnate(rng: np.random.Generator) -> _Form:
    """A blade with a midrib and side veins: ovate, lance-like, toothed or lobed."""
    x = np.linspace(0, 1, 160)
    kind = rng.choice(["ovate", "toothed", "lobed", "lance"])
    width = rng.uniform(0.12, 0.2) if kind == "lance" else rng.uniform(0.24, 0.42)
    half = width * np.sin(np.pi * x ** rng.uniform(0.6, 1.1)) ** rng.uniform(0.7, 1.0)
    if kind == "toothed":
        half = half * (1 + 0.12 * ((x * rng.integers(14, 26)) % 1))
    if kind == "lobed":
        half = half * (1 + rng.uniform(0.25, 0.4) * np.cos(2 * np.pi * rng.integers(4, 6) * x))
    upper, lower = np.stack([x, -half], 1), np.stack([x, half * rng.uniform(0.88, 1.1)], 1)
    outline = np.concatenate([upper, lower[::-1]]).astype(np.float32)
    veins = [np.float32([[0, 0], [0.97, 0]])]
    for start in np.linspace(0.06, 0.86, int(rng.integers(6, 11))):
        reach = np.interp(start + 0.12, x, half) * 0.92
        t = np.linspace(0, 1, 8)
        for side in (-1, 1):
            curve = np.stack([start + 0.9 * reach * t**1.2, side * reach * t], 1)
            veins.append(curve.astype(np.float32))
    return _Form(outline, veins)


def _palmate(rng: np.random.Generator) -> _Form:
    """A maple's hand: five or seven lobes with teeth."""
    lobes = int(rng.choice([5, 5, 7]))
    spread = rng.uniform(2.0, 2.5)
    tips = np.linspace(-spread, spread, lobes)
    reach = 0.98 - 0.42 * (np.abs(tips) / spread) ** 1.5
    outline, veins = [(0.0, 0.0)], []
    for angle, length in zip(tips, reach, strict=True):
        half = spread / lobes * 0.95
        for turn, share in ((-0.9, 0.42), (-0.55, 0.74), (-0.42, 0.66), (-0.2, 0.85), (0, 1.0)):
            outline.append(_ray(angle + turn * half, length * share))
        for turn, share in ((0.2, 0.85), (0.42, 0.66), (0.55, 0.74), (0.9, 0.42)):
            outline.append(_ray(angle + turn * half, length * share))
        tip = np.array(_ray(angle, length * 0.93))
        veins.append(np.float32([[0, 0], tip]))
        for share in (0.35, 0.55, 0.72):
            for side in (-1, 1):
                end = _ray(angle + side * 0.5 * half, length * (share + 0.16))
                veins.append(np.float32([tip * share, end]))
    scale, joint = np.float32(0.75), rng.uniform(0.18, 0.26)
    base = np.float32([joint, 0])
    moved = [vein * scale + base for vein in veins]
    return _Form(np.float32(outline) * scale + base, moved, joint)


def _ray(angle: float, length: float) -> tuple[float, float]:
    return float(length * np.cos(angle)), float(length * np.sin(angle))


def _fan(rng: np.random.Generator) -> _Form:
    """A ginkgo's fan with its notch."""
    half = rng.uniform(0.9, 1.25)
    angles = np.linspace(-half, half, 90)
    edge = (
        0.92 + 0.03 * np.sin(angles * rng.uniform(12, 25)) - 0.3 * np.exp(-((angles / 0.07) ** 2))
    )
    edge *= 1 - 0.18 * (np.abs(angles) / half) ** 3
    rim = np.stack([edge * np.cos(angles), edge * np.sin(angles)], 1)
    outline = np.concatenate([[[0, 0.01]], rim[::-1], [[0, -0.01]]]).astype(np.float32)
    spokes = np.linspace(-half * 0.93, half * 0.93, 19)
    veins = [np.float32([[0, 0], _ray(float(angle), 0.8)]) for angle in spokes]
    return _Form(outline, veins)


def _bent(points: Points, bend: float) -> Points:
    """Bend the leaf along its length."""
    return points + np.stack([0 * points[:, 0], bend * points[:, 0] ** 2], 1).astype(np.float32)


def _vein_height(form: _Form, size: int, to_pixels: float, bend: float) -> Field:
    height = np.zeros((size, size), np.float32)
    for number, vein in enumerate(form.veins):
        points = _bent(vein, bend) * np.float32(to_pixels) + np.float32([0.24 * size, size / 2])
        main = number == 0 or len(vein) == 2
        thickness = max(1, round(size * (0.009 if main else 0.005)))
        level = 1.0 if main else 0.6
        path = [np.round(points * 16).astype(np.int32)]
        cv2.polylines(height, path, False, level, thickness, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(height, (0, 0), max(0.5, size * 0.0025))


def _blade(rng: np.random.Generator, mask: Field, veins: Field) -> NDArray[np.float32]:
    """Return the colours: a season's, blotched, with dry edges, spots and pale veins."""
    size = mask.shape[0]
    season = np.float32(_SEASONS[int(rng.integers(len(_SEASONS)))]) + rng.normal(0, 8, 3)
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (0.2 * size)
    mix = np.clip(1.2 * clouds(rng, size) - rng.uniform(0.1, 0.5), 0, 1)
    dry = np.clip(1 - inside * rng.uniform(2, 8), 0, 1) * (
        0.3 + spectral_noise(rng, size, roughness=1.6)
    )
    colour = season[0] + mix[..., None] * (season[1] - season[0])
    colour = colour + np.clip(dry, 0, 1)[..., None] * (season[2] - colour)
    for _ in range(int(rng.integers(0, 14))):
        spot = np.zeros((size, size), np.float32)
        centre = tuple(int(value) for value in rng.integers(0, size, 2))
        cv2.circle(spot, centre, max(1, int(size * rng.uniform(0.004, 0.02))), 1.0, -1, cv2.LINE_AA)
        colour = colour * (1 - 0.6 * cv2.GaussianBlur(spot, (0, 0), 1.0))[..., None]
    pale = np.float32(rng.uniform(-0.25, 0.45))
    colour = colour * (1 + pale * veins)[..., None]
    grain = 0.88 + 0.24 * sand(rng, size)
    return (colour * grain[..., None]).astype(np.float32)


def _add_stalk(rng: np.random.Generator, mask: Field, joint: float) -> None:
    """Draw a bent stalk from near the left edge of the mask to where it joins the blade."""
    size = mask.shape[0]
    t = np.linspace(0, 1, 12)
    x = joint + (0.07 * size - joint) * t
    y = size * (0.5 + rng.uniform(-0.12, 0.12) * t**2)
    path = [np.round(np.stack([x, y], 1) * 16).astype(np.int32)]
    thickness = max(2, round(size * rng.uniform(0.012, 0.02)))
    cv2.polylines(mask, path, False, 1.0, thickness, cv2.LINE_AA, 4)


def _bite(rng: np.random.Generator, mask: Field) -> None:
    """Cut the round holes that insects leave."""
    size = mask.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0.35, 0.9) * size, rng.uniform(0.3, 0.7) * size
        radius = max(1, int(size * rng.uniform(0.008, 0.03)))
        cv2.circle(mask, (int(x), int(y)), radius, 0.0, -1, cv2.LINE_AA)


def draw_leaf(rng: np.random.Generator, side: float) -> Drawing:
    """Draw a leaf with its stalk.

    Args:
        rng: Where chance comes from.
        side: Its length with the stalk in the final image, in pixels, roughly.
    """
    size = round(side * 1.12) * OVERSAMPLING
    form = (_pinnate, _pinnate, _palmate, _palmate, _fan)[int(rng.integers(5))](rng)
    to_pixels, bend = 0.66 * size, rng.uniform(-0.15, 0.15)
    origin = np.float32([0.24 * size, size / 2])
    mask = fill((_bent(form.outline, bend) * np.float32(to_pixels) + origin,), (size, size))
    veins = _vein_height(form, size, to_pixels, bend)
    blade = mask.copy()
    _add_stalk(rng, mask, origin[0] + form.joint * to_pixels)
    if rng.random() < 0.4:
        _bite(rng, mask)
    flow = [0.06 * size * (spectral_noise(rng, size, roughness=3.0) - 0.5) for _ in range(2)]
    albedo = _blade(rng, blade, veins)
    curl = spectral_noise(rng, size, roughness=3.0)
    puff = cv2.GaussianBlur(veins, (0, 0), size * 0.012)
    height = size * (
        rng.uniform(0.05, 0.16) * curl + rng.choice([-1, 1]) * 0.006 * veins - 0.012 * puff
    )
    return Drawing(
        cv2.merge([displaced(np.ascontiguousarray(albedo[..., c]), *flow) for c in range(3)]),
        height.astype(np.float32),
        displaced(mask, *flow),
        gloss=rng.uniform(0.0, 0.25),
    )
