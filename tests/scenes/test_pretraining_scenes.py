"""The pretraining scenes: deterministic, labelled tightly, readable as records."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from od.records.label_map_file import read_label_map
from od.records.parts import part_files, read_part
from scenes.canvas import Canvas
from scenes.objects import Sprite, draw_object, random_look
from scenes.pretraining import CLASSES, make_scene
from scenes.shapes import tight_box
from scenes.textures import TexturePool

ROOT = Path(__file__).resolve().parents[2]
SIZE = 160


@pytest.fixture(scope="module")
def pool() -> TexturePool:
    return TexturePool(0, size=96, variants=1)


def square(side: int, *, opacity: float = 1.0) -> Sprite:
    solid = np.ones((side, side), bool)
    alpha = np.full((side, side), opacity, np.float32)
    return Sprite(np.zeros((side, side, 3), np.float32), alpha, solid)


def blank() -> Canvas:
    return Canvas(np.full((SIZE, SIZE, 3), 200, np.float32))


def test_a_seed_gives_the_same_scene_and_another_seed_another():
    first, again = (make_scene(np.random.default_rng((1, 2)), SIZE) for _ in range(2))
    other = make_scene(np.random.default_rng((1, 3)), SIZE)

    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert not np.array_equal(first[0], other[0])


def test_boxes_lie_inside_the_image_and_name_a_class():
    seen = set()
    for number in range(120):
        image, boxes = make_scene(np.random.default_rng(number), SIZE)
        assert image.shape == (SIZE, SIZE, 3)
        assert image.dtype == np.uint8
        for name, xmin, ymin, xmax, ymax in boxes:
            assert 0 <= xmin < xmax <= SIZE
            assert 0 <= ymin < ymax <= SIZE
            seen.add(name)
    assert seen == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_box_is_tight_around_what_was_painted(name, pool):
    rng = np.random.default_rng(5)
    sprite = draw_object(name, rng, pool, random_look(rng, 0.0), 60)
    # Painted black on white, a pixel is the object's where it is darker than half.
    black = Sprite(np.zeros_like(sprite.colour), sprite.solid.astype(np.float32), sprite.solid)
    canvas = blank()
    canvas.paint(black, 50, 40, name=name)

    ((found, *corners),) = canvas.boxes()

    assert found == name
    assert tuple(corners) == tight_box(canvas.image[..., 0] < 100)
    side = max(corners[2] - corners[0], corners[3] - corners[1])
    assert 50 <= side <= 72


def test_a_box_at_the_border_ends_there():
    canvas = blank()
    canvas.paint(square(40), -10, SIZE - 25, name="disc")

    assert canvas.boxes() == [("disc", 0, SIZE - 25, 30, SIZE)]


def test_a_partly_covered_object_keeps_a_box_around_what_is_visible():
    canvas = blank()
    canvas.paint(square(40), 20, 20, name="disc")
    canvas.paint(square(40), 40, 10, name=None)
    canvas.paint(square(40), 40, 50, name=None)

    assert canvas.boxes() == [("disc", 20, 20, 40, 60)]


def test_an_object_covered_by_more_than_three_quarters_loses_its_label():
    canvas = blank()
    canvas.paint(square(40), 20, 20, name="disc")
    canvas.paint(square(60), 29, 10, name="star")

    assert [box[0] for box in canvas.boxes()] == ["star"]


def test_what_is_translucent_hides_nothing():
    canvas = blank()
    canvas.paint(square(40), 20, 20, name="disc")
    canvas.paint(square(60), 10, 10, name="cell")
    covered = [box[0] for box in canvas.boxes()]
    canvas = blank()
    canvas.paint(square(40), 20, 20, name="disc")
    canvas.paint(square(60, opacity=0.4), 10, 10, name="cell")

    assert covered == ["cell"]
    assert [box[0] for box in canvas.boxes()] == ["disc", "cell"]


def test_the_command_writes_records_that_do_not_depend_on_the_workers(tmp_path):
    for workers in ("1", "2"):
        command = [sys.executable, "-m", "scenes.pretraining", str(tmp_path / workers)]
        options = ["--count", "5", "--val-count", "2", "--size", "96", "--workers", workers]
        subprocess.run([*command, *options], cwd=ROOT, check=True, timeout=120)

    files = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert files == [
        "label_map.pbtxt",
        "train-00000-of-00001.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    label_map = read_label_map(tmp_path / "1" / "label_map.pbtxt")
    assert label_map.names == CLASSES
    assert len(part_files(tmp_path / "1", "train")) == 1
    images = [*read_part(tmp_path / "1", "train"), *read_part(tmp_path / "1", "val")]
    assert [image.width for image in images] == [96] * 7
    for image in images:
        names = [label_map.name_of(class_id) for class_id in image.class_ids]
        assert names == [annotation.class_name for annotation in image.annotations]
