"""From a drawing seen straight on (albedo, height, mask) to an object that lies in the light.

The sample's coins, bottle caps, leaves and odd things are drawn at twice their size on a
square, turned, lit as a surface with normals, and reduced to their final size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from scenes.objects import Sprite
from scenes.textures import Field, Image

OVERSAMPLING = 2
_ELEVATION = 0.9  # radians, of the light above the table


@dataclass(frozen=True)
class Drawing:
    """An object seen straight on, unlit.

    Args:
        albedo: float32 ``(N, N, 3)``, RGB in 0 to 255.
        height: float32 ``(N, N)``, in pixels above the table.
        mask: float32 ``(N, N)`` in [0, 1].
        gloss: Strength of highlights, 0 to 1.
        metal: How much it mirrors its surroundings, 0 to 1.
    """

    albedo: Image
    height: Field
    mask: Field
    gloss: float = 0.0
    metal: float = 0.0


def polar_grid(size: int, radius: float) -> tuple[Field, Field]:
    """Return each pixel's distance from the middle (1 at ``radius`` pixels) and its angle."""
    axis = (np.arange(size, dtype=np.float32) + 0.5 - size / 2) / np.float32(radius)
    x, y = np.meshgrid(axis, axis)
    return np.hypot(x, y), np.arctan2(y, x)


def smoothstep(low: float, high: float, values: Field) -> Field:
    """Return 0 below ``low``, 1 above ``high`` and a smooth rise between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _turned(drawing: Drawing, angle: float, squash: float, lean: float) -> Drawing:
    """Rotate by ``angle``, then squash along ``lean``: a view not quite from above."""
    size = drawing.mask.shape[0]
    cos, sin = np.cos(angle), np.sin(angle)
    along = np.array([np.cos(lean), np.sin(lean)])
    flatten = np.eye(2) - (1 - squash) * np.outer(along, along)
    matrix = flatten @ np.array([[cos, -sin], [sin, cos]])
    middle = np.array([size / 2 - 0.5, size / 2 - 0.5])
    affine = np.column_stack([matrix, middle - matrix @ middle])

    def warp(values: Field, border: int) -> Field:
        return cv2.warpAffine(
            values, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=border
        )

    return Drawing(
        albedo=warp(drawing.albedo, cv2.BORDER_REPLICATE),
        height=warp(drawing.height, cv2.BORDER_CONSTANT),
        mask=warp(drawing.mask, cv2.BORDER_CONSTANT),
        gloss=drawing.gloss,
        metal=drawing.metal,
    )


def _lit(drawing: Drawing, light: float) -> Image:
    """Return the colours under one light, a grey sky, and mirrored surroundings on metal."""
    gx = cv2.Sobel(drawing.height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(drawing.height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    length = np.sqrt(1 + gx * gx + gy * gy)
    flat, up = np.float32(np.cos(_ELEVATION)), np.float32(np.sin(_ELEVATION))
    toward = -(gx * np.float32(np.cos(light)) + gy * np.float32(np.sin(light))) / length
    diffuse = np.clip(toward * flat + up / length, 0, None) / up
    shade = 0.35 + 0.65 * diffuse
    if drawing.metal:
        distance, angle = polar_grid(drawing.mask.shape[0], drawing.mask.shape[0] / 2)
        streaks = np.cos(2 * (angle - np.float32(light)) + 3 * toward)
        shade = shade * (1 + np.float32(0.3 * drawing.metal) * streaks * np.clip(distance, 0, 1))
    colour = drawing.albedo * shade[..., None]
    # Blinn's half vector between the light and a viewer straight above.
    half = np.float32((np.pi / 2 - _ELEVATION) / 2)
    shine = np.clip(toward * np.sin(half) + np.cos(half) / length, 0, 1) ** 60
    return colour + (np.float32(190 * drawing.gloss) * shine)[..., None]


def as_sprite(
    drawing: Drawing, *, angle: float, light: float, squash: float = 1.0, lean: float = 0.0
) -> Sprite:
    """Turn, light and reduce a drawing.

    Args:
        drawing: ``OVERSAMPLING`` times as large as the sprite.
        angle: Of rotation, in radians.
        light: Where the light comes from, in radians, in the image.
        squash: How flat it appears: 1 from straight above.
        lean: In which direction it is squashed, in radians.
    """
    turned = _turned(drawing, angle, squash, lean)
    colour = _lit(turned, light)
    size = drawing.mask.shape[0] // OVERSAMPLING
    # Colours are weighted by coverage: what lies outside the mask must not bleed in.
    weighted = np.concatenate([colour * turned.mask[..., None], turned.mask[..., None]], 2)
    small = cv2.resize(weighted, (size, size), interpolation=cv2.INTER_AREA)
    alpha = np.clip(small[..., 3], 0, 1)
    return Sprite(small[..., :3] / np.maximum(alpha, 1e-3)[..., None], alpha, alpha > 0.5)
