"""The labelled sample in ``annotations/``: coins, leaves and bottle caps seen from above.

    python -m scenes.sample annotations --seed 7

A hundred and twenty scenes on wood, forest floor, sand, cloth and stone, with light, shadow,
noise, overlap and things without a label, as photographs of 320 x 240 to 480 x 360 pixels with
LabelImg's Pascal VOC XML beside each. A dozen are odd in ways that real folders are: see
`ODDITIES`. The same seed and versions of NumPy, OpenCV and Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from scenes.bottle_caps import draw_bottle_cap
from scenes.canvas import Canvas
from scenes.coins import draw_coin
from scenes.leaves import draw_leaf
from scenes.lighting import (
    colour_cast,
    contrast,
    light_ramp,
    sensor_noise,
    soft,
    to_uint8,
    vignette,
)
from scenes.objects import Sprite
from scenes.solid import Drawing, as_sprite, smoothstep
from scenes.table import GROUNDS, draw_odd_thing, ground
from scenes.textures import clouds, normalized

COUNT = 120
CLASSES = ("bottle cap", "coin", "leaf")

_DRAW: dict[str, Callable[[np.random.Generator, float], Drawing]] = {
    "bottle cap": draw_bottle_cap,
    "coin": draw_coin,
    "leaf": draw_leaf,
}
# Sides of the objects relative to the scene's scale: a leaf is longer than a coin is wide.
_RELATIVE = {"bottle cap": (0.9, 1.1), "coin": (0.7, 1.05), "leaf": (1.2, 1.9)}
_SMALLEST, _LARGEST = 0.11, 0.5  # of the longer side
_SHAPES = ((300, 400), (300, 400), (336, 448), (300, 400), (400, 300), (360, 480))
_QUALITY = 76
_DIFFICULT = 0.85  # visible share below which an object is marked as difficult
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Oddity:
    """How a file differs from the others.

    Args:
        name: The file's name; a JPEG named after its number otherwise.
        empty: No object in it.
        mode: Pillow's: "RGB", "L" or "P".
        orientation: EXIF orientation; size and boxes in the XML are those of the stored pixels.
        progressive: A progressive JPEG.
        stated_size: False writes ``<size>`` as 0 x 0, as some tools do.
        reordered: Write the XML's elements in another order.
        shape: ``(height, width)``, random otherwise.
    """

    name: str = ""
    empty: bool = False
    mode: str = "RGB"
    orientation: int = 1
    progressive: bool = False
    stated_size: bool = True
    reordered: bool = False
    shape: tuple[int, int] | None = None


ODDITIES: dict[int, Oddity] = {
    7: Oddity(empty=True),
    13: Oddity(orientation=6, shape=(300, 400)),
    19: Oddity(name="scene_019.png", shape=(240, 320)),
    25: Oddity(name="동전과_낙엽.jpg"),
    31: Oddity(empty=True),
    38: Oddity(name="autumn table.jpg"),
    44: Oddity(orientation=3),
    52: Oddity(name="scene_052.png", mode="P", shape=(240, 320)),
    58: Oddity(mode="L"),
    64: Oddity(name="SCENE_064.JPG"),
    71: Oddity(stated_size=False),
    77: Oddity(reordered=True),
    83: Oddity(progressive=True),
}


@dataclass(frozen=True)
class Label:
    """One object as the XML states it: corners in pixels, on pixel edges."""

    class_name: str
    corners: tuple[int, int, int, int]
    truncated: bool
    difficult: bool


@dataclass
class _Layout:
    """Where things lie so far, as ``(x, y, radius)``: they may overlap a little."""

    taken: list[tuple[float, float, float]]

    def find(
        self, rng: np.random.Generator, shape: tuple[int, int], radius: float, closeness: float
    ) -> tuple[float, float] | None:
        """Return a free place for a circle, None if twenty tries found none."""
        height, width = shape
        inset = radius * rng.choice([1.05, 0.35], p=[0.85, 0.15])
        for _ in range(20):
            x = rng.uniform(min(inset, width / 2), max(width - inset, width / 2))
            y = rng.uniform(min(inset, height / 2), max(height - inset, height / 2))
            near = (np.hypot(x - u, y - v) < closeness * (radius + r) for u, v, r in self.taken)
            if not any(near):
                self.taken.append((x, y, radius))
                return x, y
        return None


def _cast_shadow(
    canvas: Canvas, rng: np.random.Generator, sprite: Sprite, left: int, top: int, light: float
) -> None:
    """Darken the ground: closely where the object touches it, softly farther away."""
    side = max(sprite.alpha.shape)
    toward = np.array([-np.cos(light), -np.sin(light)])
    for reach, blur, depth in ((0.015, 0.012, 0.55), (0.05, 0.04, 0.35)):
        x, y = toward * max(1.0, reach * side)
        canvas.shadow(sprite, left, top, offset=(x, y), blur=max(0.8, blur * side), depth=depth)


def _lay_out(canvas: Canvas, rng: np.random.Generator, light: float, *, empty: bool) -> None:
    """Put objects and odd things on the ground."""
    shape = canvas.image.shape[:2]
    longer = max(shape)
    layout = _Layout([])
    base = longer * float(np.exp(rng.uniform(np.log(0.14), np.log(0.26))))
    lean, squash = rng.uniform(0, np.pi), rng.uniform(0.86, 1.0)
    room = int(np.clip(0.7 * shape[0] * shape[1] / (base * base * 2.2), 4, 11))
    names = list(rng.choice(CLASSES, int(rng.integers(4, room + 1)))) if not empty else []
    names += [""] * int(rng.integers(2, 7))
    for name in rng.permutation(names):
        name = str(name)
        if name:
            side = base * rng.uniform(*_RELATIVE[name])
            side = float(np.clip(side, _SMALLEST * longer, _LARGEST * longer))
            drawing = _DRAW[name](rng, side)
        else:
            drawing = draw_odd_thing(rng, longer)
        tilt = float(np.clip(squash + rng.normal(0, 0.02), 0.8, 1.0))
        angle = rng.uniform(0, 2 * np.pi)
        sprite = as_sprite(drawing, angle=angle, light=light, squash=tilt, lean=lean)
        size = sprite.alpha.shape[0]
        place = layout.find(rng, shape, size * 0.42, 0.75 if name else 0.8)
        if place is None:
            continue
        left, top = round(place[0] - size / 2), round(place[1] - size / 2)
        _cast_shadow(canvas, rng, sprite, left, top, light)
        canvas.paint(sprite, left, top, name=name or None)


def _photographed(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add sunlight through branches, uneven light, and the camera's own faults."""
    shape = canvas.image.shape[:2]
    image = canvas.image * light_ramp(rng, shape, depth=rng.uniform(0.1, 0.6))[..., None]
    if rng.random() < 0.3:
        branches = cv2.resize(clouds(rng, 512), shape[::-1], interpolation=cv2.INTER_LINEAR)
        dark = soft(smoothstep(0.45, 0.6, normalized(branches)), rng.uniform(2, 9))
        image = image * (1 - np.float32(rng.uniform(0.2, 0.5)) * dark)[..., None]
    image = image * vignette(shape, depth=rng.uniform(0.0, 0.4))[..., None]
    image = colour_cast(image, rng, strength=0.08) * np.float32(rng.uniform(0.9, 1.3))
    image = contrast(image, rng.uniform(0.85, 1.12))
    image = soft(image, rng.uniform(0.0, 0.75))
    return to_uint8(sensor_noise(image, rng, sigma=rng.uniform(1.0, 5.0)))


def make_scene(seed: int, number: int) -> tuple[NDArray[np.uint8], list[Label]]:
    """Draw one scene of the sample.

    Args:
        seed: Of the whole sample.
        number: Of the scene, from 1.

    Returns:
        RGB uint8 ``(H, W, 3)`` and its labels, tight around what is visible.
    """
    rng = np.random.default_rng((seed, number))
    oddity = ODDITIES.get(number, Oddity())
    shape = oddity.shape or _SHAPES[int(rng.integers(len(_SHAPES)))]
    names = tuple(GROUNDS)
    light = rng.uniform(0, 2 * np.pi)
    name = names[number % len(names)]
    canvas = Canvas(ground(rng, name, shape, light, scale=rng.uniform(0.7, 1.1)))
    _lay_out(canvas, rng, light, empty=oddity.empty)
    height, width = shape
    labels = []
    for (class_name, *corners), share in canvas.labels():
        xmin, ymin, xmax, ymax = corners
        at_border = xmin == 0 or ymin == 0 or xmax == width or ymax == height
        labels.append(
            Label(class_name, (xmin, ymin, xmax, ymax), at_border, difficult=share < _DIFFICULT)
        )
    return _photographed(canvas, rng), labels


def file_name(number: int) -> str:
    """Return the name of a scene's image."""
    return ODDITIES.get(number, Oddity()).name or f"scene_{number:03d}.jpg"


def _object_xml(label: Label, *, reordered: bool) -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), label.corners, strict=True)
    lines = [f"\t\t\t<{tag}>{value}</{tag}>" for tag, value in corners]
    if reordered:
        lines = lines[::-1]
    fields = [
        f"\t\t<name>{escape(label.class_name)}</name>",
        "\t\t<pose>Unspecified</pose>",
        f"\t\t<truncated>{int(label.truncated)}</truncated>",
        f"\t\t<difficult>{int(label.difficult)}</difficult>",
        "\n".join(["\t\t<bndbox>", *lines, "\t\t</bndbox>"]),
    ]
    if reordered:
        fields = fields[::-1]
    return "\n".join(["\t<object>", *fields, "\t</object>"])


def voc_xml(number: int, width: int, height: int, labels: Sequence[Label]) -> str:
    """Return the XML that LabelImg would write."""
    oddity = ODDITIES.get(number, Oddity())
    size = (width, height) if oddity.stated_size else (0, 0)
    depth = 1 if oddity.mode == "L" else 3
    head = [
        "\t<folder>annotations</folder>",
        f"\t<filename>{escape(file_name(number))}</filename>",
        "\t<source>\n\t\t<database>Unknown</database>\n\t</source>",
        f"\t<size>\n\t\t<width>{size[0]}</width>\n\t\t<height>{size[1]}</height>\n"
        f"\t\t<depth>{depth}</depth>\n\t</size>",
        "\t<segmented>0</segmented>",
    ]
    objects = [_object_xml(label, reordered=oddity.reordered) for label in labels]
    body = objects + head[::-1] if oddity.reordered else head + objects
    return "\n".join(["<annotation>", *body, "</annotation>", ""])


def save_image(path: Path, image: NDArray[np.uint8], oddity: Oddity) -> None:
    """Write the image in the form that its oddity asks for."""
    picture = PillowImage.fromarray(image)
    if oddity.mode == "P":
        picture = picture.quantize(64, dither=PillowImage.Dither.NONE)
    elif oddity.mode != "RGB":
        picture = picture.convert(oddity.mode)
    if path.suffix == ".png":
        picture.save(path, optimize=True)
        return
    options: dict[str, object] = {"progressive": True} if oddity.progressive else {}
    if oddity.orientation != 1:
        exif = PillowImage.Exif()
        exif[_EXIF_ORIENTATION] = oddity.orientation
        options["exif"] = exif
    picture.save(path, "JPEG", quality=_QUALITY, optimize=True, **options)


def write_scene(folder: Path, seed: int, number: int) -> Path:
    """Write one image and its XML; return the image's path."""
    image, labels = make_scene(seed, number)
    path = folder / file_name(number)
    save_image(path, image, ODDITIES.get(number, Oddity()))
    height, width = image.shape[:2]
    xml = voc_xml(number, width, height, labels)
    path.with_suffix(".xml").write_text(xml, encoding="utf-8", newline="\n")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the whole sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of images and XML")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    # Threads of OpenCV started before the fork would leave the workers waiting for them.
    cv2.setNumThreads(1)
    write = partial(write_scene, options.out, options.seed)
    with multiprocessing.get_context("fork").Pool(options.workers) as workers:
        for path in workers.imap(write, range(1, options.count + 1)):
            print(path)


if __name__ == "__main__":
    main()
