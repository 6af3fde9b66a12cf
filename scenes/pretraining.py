"""Scenes of generic textured shapes, to pretrain a small SSD whose features move to photographs.

    python -m scenes.pretraining OUT --count 24000 --seed 1 --workers 2

Twenty classes of shapes with random material, light, pose and size (5 to 80 % of the side), on
cluttered grounds; alone, in crowds of alike ones, translucent as under a microscope, furry as in
nature. What is drawn besides (squiggles, twigs, letters) has no label. A scene takes about 20 ms.

Scene ``i`` of a part depends on the seed and ``i`` only: the number of workers changes nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.backgrounds import any_background, nature_background, slide_background
from scenes.canvas import Box, Canvas
from scenes.lighting import (
    colour_cast,
    contrast,
    jpeg,
    motion_blur,
    sensor_noise,
    soft,
    to_uint8,
    vignette,
)
from scenes.objects import Look, draw_distractor, draw_object, hsv_palette, random_look
from scenes.shapes import OUTLINES
from scenes.textures import TexturePool, texture_pool

CLASSES = tuple(sorted(OUTLINES))

_SMALLEST, _LARGEST = 0.05, 0.8  # of the image's side
_ROUNDISH = ("cell", "disc", "ellipse", "blob", "ring", "spiky", "crescent", "drop")
_POOL_SEED = 20
_IMAGES_PER_FILE = 3000
_PARTS = {"train": 0, "val": 1}


def _side(rng: np.random.Generator, size: int, low: float, high: float) -> float:
    return size * float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _put(
    canvas: Canvas, rng: np.random.Generator, pool: TexturePool, look: Look, name: str, side: float
) -> None:
    """Draw one object somewhere, mostly inside, some over the border, some with a shadow."""
    size = canvas.image.shape[0]
    sprite = draw_object(name, rng, pool, look, side)
    height, width = sprite.alpha.shape
    over = 0.3 if rng.random() < 0.25 else 0.0
    left = int(rng.uniform(-over * width, max(size - width, 0) + over * width + 1))
    top = int(rng.uniform(-over * height, max(size - height, 0) + over * height + 1))
    if look.opacity == 1 and rng.random() < 0.6:
        reach = side * rng.uniform(0.0, 0.12)
        offset = (-reach * np.cos(look.light), -reach * np.sin(look.light))
        blur = max(0.5, side * rng.uniform(0.01, 0.08))
        canvas.shadow(sprite, left, top, offset=offset, blur=blur, depth=rng.uniform(0.15, 0.7))
    canvas.paint(sprite, left, top, name=name)


def _clutter(canvas: Canvas, rng: np.random.Generator, pool: TexturePool, most: int) -> None:
    """Draw some things that have no label."""
    size = canvas.image.shape[0]
    for _ in range(int(rng.integers(0, most + 1))):
        look = random_look(rng, rng.uniform(0, 2 * np.pi))
        sprite = draw_distractor(rng, pool, look, _side(rng, size, 0.1, 0.5))
        left, top = (int(value) for value in rng.uniform(-0.1 * size, 0.9 * size, 2))
        canvas.paint(sprite, left, top, name=None)


def _camouflaged(look: Look, rng: np.random.Generator, ground: NDArray[np.floating]) -> Look:
    """Return a look in nearly the colours of the ground."""
    palette = ground + rng.normal(0, 18, 3) + rng.normal(0, 10, look.palette.shape)
    return replace(look, palette=np.clip(palette, 0, 255))


def _scatter(rng: np.random.Generator, pool: TexturePool, size: int) -> Canvas:
    """A few objects of any class and size."""
    canvas = Canvas(any_background(rng, pool, size))
    ground = canvas.image.mean((0, 1))
    light = rng.uniform(0, 2 * np.pi)
    _clutter(canvas, rng, pool, 3)
    sides = sorted(_side(rng, size, 0.08, _LARGEST) for _ in range(rng.integers(1, 8)))[::-1]
    for side in sides:
        look = random_look(rng, light)
        if rng.random() < 0.12:
            look = _camouflaged(look, rng, ground)
        _put(canvas, rng, pool, look, str(rng.choice(CLASSES)), side)
    _clutter(canvas, rng, pool, 1)
    return canvas


def _crowd(rng: np.random.Generator, pool: TexturePool, size: int) -> Canvas:
    """Many small objects, most of them alike, and a few others."""
    canvas = Canvas(any_background(rng, pool, size))
    light = rng.uniform(0, 2 * np.pi)
    look, name = random_look(rng, light), str(rng.choice(CLASSES))
    typical = _side(rng, size, _SMALLEST, 0.16)
    _clutter(canvas, rng, pool, 2)
    for _ in range(int(rng.integers(12, 41))):
        _put(canvas, rng, pool, look, name, typical * rng.uniform(0.8, 1.25))
    for _ in range(int(rng.integers(1, 8))):
        side = _side(rng, size, _SMALLEST, 0.3)
        _put(canvas, rng, pool, random_look(rng, light), str(rng.choice(CLASSES)), side)
    return canvas


def _slide(rng: np.random.Generator, pool: TexturePool, size: int) -> Canvas:
    """Translucent round things on a bright ground, of two or three kinds and sizes."""
    canvas = Canvas(slide_background(rng, pool, size))
    kinds = rng.choice(_ROUNDISH, 3, replace=False)
    typical = _side(rng, size, 0.09, 0.25)
    for kind, most, factor in zip(kinds, (30, 5, 10), (1.0, 1.6, 0.4), strict=True):
        palette = hsv_palette(rng, saturation=(0.15, 0.7), value=(0.45, 0.95))
        look = replace(
            random_look(rng, rng.uniform(0, 2 * np.pi)),
            palette=palette,
            kinds=("plain", "clouds", "sand"),
            opacity=float(rng.uniform(0.35, 1.0)),
            rim=float(rng.uniform(-0.6, 0.3)),
        )
        for _ in range(int(rng.integers(1, most + 1))):
            side = max(typical * factor * rng.uniform(0.8, 1.25), size * _SMALLEST)
            _put(canvas, rng, pool, look, str(kind), side)
    return canvas


def _nature(rng: np.random.Generator, pool: TexturePool, size: int) -> Canvas:
    """One to three furry, leafy or knobbly things in the open, large, in muted colours."""
    canvas = Canvas(nature_background(rng, pool, size))
    light = rng.uniform(-np.pi, 0)
    _clutter(canvas, rng, pool, 4)
    for _ in range(int(rng.integers(1, 4))):
        name = "animal" if rng.random() < 0.6 else str(rng.choice(CLASSES))
        palette = hsv_palette(rng, saturation=(0.02, 0.5), value=(0.15, 0.9))
        look = replace(random_look(rng, light), palette=palette, opacity=1.0)
        if name == "animal":
            look = replace(look, kinds=("fur",), gloss=0.0)
        _put(canvas, rng, pool, look, name, _side(rng, size, 0.15, 0.9))
    _clutter(canvas, rng, pool, 3)
    return canvas


def _camera(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Photograph the scene: light, lens and sensor of random quality."""
    if rng.random() < 0.4:
        image = image * vignette(image.shape[:2], depth=rng.uniform(0.1, 0.6))[..., None]
    if rng.random() < 0.5:
        image = colour_cast(image, rng, strength=0.18)
    if rng.random() < 0.35:
        image = contrast(image, rng.uniform(0.35, 1.25), lift=rng.uniform(-25, 25))
    blur = rng.random()
    if blur < 0.3:
        image = soft(image, rng.uniform(0.4, 1.6))
    elif blur < 0.36:
        image = motion_blur(image, int(rng.integers(3, 8)), rng.uniform(0, np.pi))
    if rng.random() < 0.5:
        image = sensor_noise(image, rng, sigma=rng.uniform(1, 11))
    if rng.random() < 0.04:
        image = np.repeat(image.mean(2, keepdims=True), 3, axis=2)
    return to_uint8(image)


def make_scene(rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], list[Box]]:
    """Draw one scene.

    Args:
        rng: Where all chance comes from.
        size: Side of the image in pixels.

    Returns:
        RGB uint8 ``(size, size, 3)`` and ``(class name, xmin, ymin, xmax, ymax)`` of each
        object of which at least a quarter is visible, tight around what is visible.
    """
    pool = texture_pool(_POOL_SEED)
    kind = rng.random()
    if kind < 0.02:
        canvas = Canvas(any_background(rng, pool, size))
        _clutter(canvas, rng, pool, 4)
    elif kind < 0.42:
        canvas = _scatter(rng, pool, size)
    elif kind < 0.6:
        canvas = _crowd(rng, pool, size)
    elif kind < 0.78:
        canvas = _slide(rng, pool, size)
    else:
        canvas = _nature(rng, pool, size)
    return _camera(canvas.image, rng), canvas.boxes()


def _encoded_scene(job: tuple[int, str, int, int, int]) -> bytes:
    """Return one scene as a TF Example; ``job`` is seed, part, index, size, JPEG quality."""
    from od.records.tf_example import RecordedImage, encode_example
    from od.structures.dataset import Annotation

    seed, part, index, size, quality = job
    image, boxes = make_scene(np.random.default_rng((seed, _PARTS[part], index)), size)
    name = f"{part}-{index:06d}.jpg"
    recorded = RecordedImage(
        encoded=jpeg(image, quality),
        format="jpeg",
        filename=name,
        source_id=name,
        height=size,
        width=size,
        annotations=tuple(Annotation(box[0], tuple(map(float, box[1:]))) for box in boxes),
        class_ids=tuple(CLASSES.index(box[0]) + 1 for box in boxes),
    )
    return encode_example(recorded)


def write_part(out: Path, part: str, examples: Iterator[bytes], count: int) -> None:
    """Write the files of a part, a few thousand examples to each."""
    from od.records.tfrecord import RecordWriter

    files = -(-count // _IMAGES_PER_FILE)
    started = time.monotonic()
    for number in range(files):
        share = range(number, count, files)
        with RecordWriter(out / f"{part}-{number:05d}-of-{files:05d}.tfrecord") as writer:
            for _ in share:
                writer.write(next(examples))
        spent = time.monotonic() - started
        print(f"{part}: file {number + 1} of {files}, {spent:.0f} s", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write records of many scenes."""
    from od.records.label_map_file import write_label_map
    from od.structures.label_map import LabelMap

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the records")
    parser.add_argument("--count", type=int, default=24000, help="scenes to train on")
    parser.add_argument("--val-count", type=int, default=500, help="scenes to measure on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=288, help="side of the images in pixels")
    parser.add_argument("--quality", type=int, default=88, help="of the JPEGs")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    # Threads of OpenCV started before the fork would leave the workers waiting for them.
    cv2.setNumThreads(1)
    texture_pool(_POOL_SEED)  # before the fork: the workers share it
    with multiprocessing.get_context("fork").Pool(options.workers) as workers:
        for part, count in (("val", options.val_count), ("train", options.count)):
            jobs = ((options.seed, part, i, options.size, options.quality) for i in range(count))
            write_part(options.out, part, workers.imap(_encoded_scene, jobs, 32), count)
    write_label_map(options.out / "label_map.pbtxt", LabelMap.from_names(CLASSES))
    print(options.out)


if __name__ == "__main__":
    main()
