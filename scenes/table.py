"""What the sample's objects lie on, and what lies beside them without a label."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes import textures
from scenes.lighting import relief
from scenes.shapes import fill, polar, wobble
from scenes.solid import OVERSAMPLING, Drawing
from scenes.textures import Field, Image

_FIELD = 640  # pixels, the side of a ground before a piece is cut out


def _coloured(field: Field, *colours: tuple[int, int, int], shade: float, light: float) -> Image:
    colour = textures.colourise(field, np.float32(colours))
    return colour * relief(field, light, strength=shade)[..., None]


def _wooden(rng: np.random.Generator, light: float) -> Image:
    make = textures.planks if rng.random() < 0.6 else textures.wood
    tones = [
        ((58, 36, 22), (122, 80, 48), (160, 112, 70)),
        ((120, 84, 52), (178, 134, 88), (206, 168, 120)),
        ((92, 88, 82), (140, 134, 124), (170, 164, 152)),
    ]
    return _coloured(make(rng, _FIELD), *tones[int(rng.integers(3))], shade=0.25, light=light)


def _forest(rng: np.random.Generator, light: float) -> Image:
    brown = ((30, 22, 16), (84, 62, 44), (116, 92, 66))
    soil = _coloured(textures.sand(rng, _FIELD), *brown, shade=0.5, light=light)
    dry = ((58, 38, 24), (146, 108, 66), (176, 142, 96))
    for _ in range(2):
        needles = textures.litter(rng, _FIELD)
        where = np.clip((needles - 0.45) * 5, 0, 1)[..., None]
        straw = _coloured(needles, *dry, shade=0.3, light=light)
        soil += 0.8 * where * (straw - soil)
    return soil


def _sandy(rng: np.random.Generator, light: float) -> Image:
    ripples = textures.marble(rng, _FIELD)
    field = textures.normalized(textures.sand(rng, _FIELD) + rng.uniform(0, 0.8) * ripples)
    return _coloured(
        field, (150, 122, 86), (206, 180, 138), (232, 212, 176), shade=0.4, light=light
    )


def _cloth(rng: np.random.Generator, light: float) -> Image:
    yarn = textures.weave(rng, _FIELD)
    first, second = (textures.stripes(rng, _FIELD) for _ in range(2))
    hue = rng.integers(0, 180)
    hsv = [[hue, 150, 110], [(hue + 20) % 180, 60, 190], [(hue + 90) % 180, 110, 150]]
    rgb = cv2.cvtColor(np.uint8([hsv]), cv2.COLOR_HSV2RGB)[0].astype(np.float32)
    pattern = textures.colourise(textures.normalized(first + 0.3 * second), rgb)
    folds = textures.spectral_noise(rng, _FIELD, roughness=3.0)
    shade = relief(yarn, light, strength=0.12) * relief(folds, light, strength=4.0)
    return pattern * (shade * (0.75 + 0.35 * yarn))[..., None]


def _stone(rng: np.random.Generator, light: float) -> Image:
    field = textures.normalized(textures.sand(rng, _FIELD) + 0.7 * textures.clouds(rng, _FIELD))
    tones = [((70, 72, 76), (128, 130, 132), (170, 170, 166)), ((98, 82, 74), (158, 140, 128))]
    return _coloured(field, *tones[int(rng.integers(2))], shade=0.3, light=light)


def _grassy(rng: np.random.Generator, light: float) -> Image:
    earth = ((24, 34, 16), (58, 84, 34), (84, 106, 48))
    lawn = _coloured(textures.sand(rng, _FIELD), *earth, shade=0.3, light=light)
    green = ((40, 66, 26), (96, 132, 52), (158, 182, 92))
    for tone in (0.55, 0.75, 1.0):
        blades = textures.grass(rng, _FIELD)
        where = np.clip((blades - 0.3) * 6, 0, 1)[..., None]
        layer = _coloured(blades, *green, shade=0.3, light=light)
        lawn += where * (np.float32(tone) * layer - lawn)
    return lawn


def _marbled(rng: np.random.Generator, light: float) -> Image:
    tones = [((120, 120, 124), (212, 210, 206), (240, 238, 234)), ((24, 30, 30), (58, 66, 64))]
    return _coloured(
        textures.marble(rng, _FIELD), *tones[int(rng.integers(2))], shade=0.03, light=light
    )


def _paved(rng: np.random.Generator, light: float) -> Image:
    field = textures.bricks(rng, _FIELD) if rng.random() < 0.5 else textures.checks(rng, _FIELD)
    tones = [((120, 64, 48), (168, 104, 80), (186, 170, 154)), ((90, 96, 104), (150, 154, 158))]
    return _coloured(field, *tones[int(rng.integers(2))], shade=0.2, light=light)


def _gravel(rng: np.random.Generator, light: float) -> Image:
    field = textures.pebbles(rng, _FIELD)
    return _coloured(field, (60, 54, 50), (132, 122, 112), (186, 178, 166), shade=0.35, light=light)


def _paper(rng: np.random.Generator, light: float) -> Image:
    field = textures.plain(rng, _FIELD)
    tones = [((206, 198, 182), (236, 230, 218)), ((150, 112, 74), (180, 140, 98))]
    return _coloured(field, *tones[int(rng.integers(2))], shade=0.3, light=light)


GROUNDS: dict[str, Callable[[np.random.Generator, float], Image]] = {
    "wood": _wooden,
    "forest floor": _forest,
    "sand": _sandy,
    "cloth": _cloth,
    "stone": _stone,
    "grass": _grassy,
    "marble": _marbled,
    "paving": _paved,
    "gravel": _gravel,
    "paper": _paper,
}


def ground(
    rng: np.random.Generator, name: str, shape: tuple[int, int], light: float, *, scale: float
) -> Image:
    """Return a piece of a ground.

    Args:
        rng: Where chance comes from.
        name: One of `GROUNDS`.
        shape: ``(height, width)`` in pixels.
        light: Where the light comes from, in radians.
        scale: Pixels of the texture per pixel of the piece.
    """
    whole = GROUNDS[name](rng, light)
    # A small turn only: the relief is lit already. It stays within the texture's border.
    angle = float(np.clip(rng.normal(0, 0.06), -0.1, 0.1))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    half = np.array([shape[1], shape[0]]) / 2
    reach = np.abs(turn) @ half
    slack = np.maximum(_FIELD / 2 - reach, 0)
    middle = _FIELD / 2 + rng.uniform(-1, 1, 2) * slack
    matrix = np.column_stack([turn, middle - turn @ half])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    return cv2.warpAffine(whole, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def _rod(mask: Field, thickness: float) -> Field:
    """Return the height of something round and long."""
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return np.sqrt(np.clip(inside * (thickness - inside), 0, None)).astype(np.float32)


def _line(
    size: int, path: NDArray[np.floating], thickness: float, *, closed: bool = False
) -> Field:
    mask = np.zeros((size, size), np.float32)
    points = [np.round(np.asarray(path) * 16).astype(np.int32)]
    cv2.polylines(mask, points, closed, 1.0, max(1, round(thickness)), cv2.LINE_AA, 4)
    return mask


def _plain(size: int, colour: tuple[int, int, int], grain: Field) -> Image:
    return np.float32(colour) * (0.75 + 0.45 * grain)[..., None]


def _pebble(rng: np.random.Generator, size: int) -> Drawing:
    outline = polar(wobble(rng, count=72, lobes=3, amount=0.09)) * np.float32(
        [1, rng.uniform(0.6, 1)]
    )
    mask = fill((outline * np.float32(0.36 * size) + np.float32(size / 2),), (size, size))
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    height = cv2.GaussianBlur(np.sqrt(inside * size * 0.3), (0, 0), size * 0.05)
    tones = [(120, 116, 112), (164, 150, 132), (84, 80, 82), (176, 172, 168), (140, 104, 84)]
    grain = textures.normalized(textures.sand(rng, size) + 0.8 * textures.clouds(rng, size))
    return Drawing(_plain(size, tones[int(rng.integers(5))], grain), height, mask, gloss=0.1)


def _twig(rng: np.random.Generator, size: int) -> Drawing:
    t = np.linspace(0, 1, 16)
    bend = rng.uniform(-0.12, 0.12)
    main = np.stack([0.06 + 0.88 * t, 0.5 + bend * np.sin(3 * t) + 0.004 * rng.normal(0, 1, 16)], 1)
    thickness = size * rng.uniform(0.018, 0.035)
    mask = _line(size, main * size, thickness)
    for at in rng.integers(4, 13, int(rng.integers(0, 4))):
        end = main[at] + np.array(
            [rng.uniform(0.08, 0.2), rng.choice([-1, 1]) * rng.uniform(0.06, 0.16)]
        )
        mask = np.maximum(mask, _line(size, np.stack([main[at], end]) * size, thickness * 0.6))
    tones = [(92, 66, 44), (70, 54, 44), (124, 98, 70)]
    grain = textures.wood(rng, size)
    return Drawing(_plain(size, tones[int(rng.integers(3))], grain), _rod(mask, thickness), mask)


def _match(rng: np.random.Generator, size: int) -> Drawing:
    thickness = size * 0.034
    mask = _line(size, np.float32([[0.08, 0.5], [0.9, 0.5]]) * size, thickness)
    head = np.zeros((size, size), np.float32)
    centre, axes = (
        (int(0.9 * size), size // 2),
        (max(2, int(0.04 * size)), max(2, int(0.025 * size))),
    )
    cv2.ellipse(head, centre, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    albedo = _plain(size, (222, 192, 142), textures.wood(rng, size))
    burnt = rng.random() < 0.3
    tone = np.float32((30, 26, 24) if burnt else (168, 36, 30))
    albedo += head[..., None] * (tone - albedo)
    whole = np.maximum(mask, head)
    return Drawing(albedo, _rod(whole, thickness), whole)


def _paper_clip(rng: np.random.Generator, size: int) -> Drawing:
    def bow(
        x: float, radius: float, start: float, stop: float, y: float = 0.5
    ) -> NDArray[np.floating]:
        angle = np.linspace(start, stop, 12)
        return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)

    right = bow(0.8, 0.1, -np.pi / 2, np.pi / 2)
    left = bow(0.2, 0.085, np.pi / 2, 3 * np.pi / 2, y=0.515)
    inner = bow(0.72, 0.07, -np.pi / 2, np.pi / 2)
    path = np.concatenate([[[0.3, 0.4]], right, left, inner, [[0.35, 0.57]]]) * size
    thickness = size * 0.02
    mask = _line(size, path, thickness)
    tones = [(190, 192, 196), (190, 40, 50), (40, 90, 180)]
    albedo = _plain(size, tones[int(rng.integers(3))], textures.plain(rng, size))
    return Drawing(albedo, _rod(mask, thickness), mask, gloss=0.8, metal=0.5)


def _rubber_band(rng: np.random.Generator, size: int) -> Drawing:
    radius = wobble(rng, count=72, lobes=3, amount=0.14)
    path = polar(radius) * np.float32([0.36, 0.24]) * size + size / 2
    thickness = size * 0.022
    mask = _line(size, path, thickness, closed=True)
    tones = [(186, 140, 84), (60, 120, 90), (170, 60, 60)]
    albedo = _plain(size, tones[int(rng.integers(3))], textures.plain(rng, size))
    return Drawing(albedo, _rod(mask, thickness), mask, gloss=0.1)


_ODD_THINGS: tuple[tuple[Callable[[np.random.Generator, int], Drawing], float, float], ...] = (
    (_pebble, 0.04, 0.16),
    (_pebble, 0.04, 0.16),
    (_twig, 0.25, 0.6),
    (_match, 0.25, 0.4),
    (_paper_clip, 0.16, 0.26),
    (_rubber_band, 0.2, 0.35),
)


def draw_odd_thing(rng: np.random.Generator, longer_side: int) -> Drawing:
    """Draw something without a label: a pebble, twig, match, paper clip or rubber band.

    Args:
        rng: Where chance comes from.
        longer_side: Of the image, in pixels.
    """
    draw, low, high = _ODD_THINGS[int(rng.integers(len(_ODD_THINGS)))]
    return draw(rng, int(longer_side * rng.uniform(low, high)) * OVERSAMPLING)
