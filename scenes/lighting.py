"""Light, shadow and the camera: what makes a flat drawing look photographed.

Images are float32 RGB ``(H, W, 3)`` in 0 to 255; fields float32 ``(H, W)`` in [0, 1].
Angles are in radians, 0 is light from the right, growing clockwise as y points down.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.textures import Field, Image

_GRAIN_SIDE = 768  # pixels; a scene must be smaller


def relief(height: Field, angle: float, *, strength: float) -> Field:
    """Shade a height field lit from one side.

    Returns:
        float32 ``(H, W)``, a factor around 1: above where the surface faces the light.
    """
    gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3)
    gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    slope = -(gx * np.float32(np.cos(angle)) + gy * np.float32(np.sin(angle)))
    return np.clip(1 + np.float32(strength) * slope, 0.25, 2.2)


def light_ramp(rng: np.random.Generator, shape: tuple[int, int], *, depth: float) -> Field:
    """Return a factor that falls across the image by about ``depth``, in a random direction."""
    height, width = shape
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    return 1 + np.float32(depth / 2) * (x + y)


def vignette(shape: tuple[int, int], *, depth: float) -> Field:
    """Return a factor that is 1 in the middle and ``1 - depth`` in the corners."""
    height, width = shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return 1 - np.float32(depth / 2) * (x * x + y * y)


def soft(mask: Field, sigma: float) -> Field:
    """Blur a mask; large blurs are done at a quarter of the size, which nobody sees."""
    if sigma < 0.3:
        return mask
    if sigma < 6 or min(mask.shape) < 32:
        return cv2.GaussianBlur(mask, (0, 0), sigma)
    height, width = mask.shape[:2]
    small = cv2.resize(mask, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def colour_cast(image: Image, rng: np.random.Generator, *, strength: float) -> Image:
    """Multiply each channel by a factor within ``1 - strength`` to ``1 + strength``."""
    return image * rng.uniform(1 - strength, 1 + strength, 3).astype(np.float32)


def contrast(image: Image, factor: float, *, lift: float = 0.0) -> Image:
    """Scale the distance to middle grey, then add ``lift``."""
    return image * np.float32(factor) + np.float32(127 * (1 - factor) + lift)


def motion_blur(image: Image, length: int, angle: float) -> Image:
    """Smear along a line, as a hand that moves."""
    kernel = np.zeros((length, length), np.float32)
    half = (length - 1) / 2
    dx, dy = np.cos(angle) * half, np.sin(angle) * half
    start = (round(half - dx), round(half - dy))
    end = (round(half + dx), round(half + dy))
    cv2.line(kernel, start, end, 1.0, 1)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


@lru_cache(maxsize=1)
def _grain() -> Image:
    """Return a tile of unit noise; part of it is common to the three channels."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((_GRAIN_SIDE, _GRAIN_SIDE, 3), dtype=np.float32)
    common = rng.standard_normal((_GRAIN_SIDE, _GRAIN_SIDE, 1), dtype=np.float32)
    return np.float32(0.6) * own + np.float32(0.8) * common


def sensor_noise(image: Image, rng: np.random.Generator, *, sigma: float) -> Image:
    """Add grain of ``sigma`` grey levels: a random crop of one tile, as drawing it anew is slow."""
    height, width = image.shape[:2]
    top, left = rng.integers(0, _GRAIN_SIDE - height), rng.integers(0, _GRAIN_SIDE - width)
    return image + np.float32(sigma) * _grain()[top : top + height, left : left + width]


def to_uint8(image: Image) -> NDArray[np.uint8]:
    """Round and clip to what a file holds."""
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encode RGB uint8 as a JPEG."""
    # cv2 reads channels as BGR; the file then holds the right colours.
    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return data.tobytes()


def through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image as a camera's own compression leaves it."""
    data = np.frombuffer(jpeg(image, quality), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
