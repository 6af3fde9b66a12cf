"""The sample in ``annotations/``: what its script makes, small, odd where it should be."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scenes.sample import (
    CLASSES,
    COUNT,
    ODDITIES,
    Label,
    file_name,
    make_scene,
    voc_xml,
    write_scene,
)

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "annotations"
SEED = 7
ORIENTATION = 0x0112


def xml_of(number: int) -> ElementTree.Element:
    return ElementTree.parse((SAMPLE / file_name(number)).with_suffix(".xml")).getroot()


def corners_of(item: ElementTree.Element) -> tuple[int, ...]:
    return tuple(int(item.findtext(f"bndbox/{tag}")) for tag in ("xmin", "ymin", "xmax", "ymax"))


def every_object() -> list[tuple[tuple[int, int], ElementTree.Element]]:
    found = []
    for number in range(1, COUNT + 1):
        with Image.open(SAMPLE / file_name(number)) as image:
            found += [(image.size, item) for item in xml_of(number).iter("object")]
    return found


def test_the_folder_holds_the_scenes_with_their_xml_in_less_than_4_mb():
    images = {file_name(number) for number in range(1, COUNT + 1)}
    files = {path.name for path in SAMPLE.iterdir()}

    assert files == images | {str(Path(name).with_suffix(".xml")) for name in images}
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 4_000_000


@pytest.mark.parametrize("number", [1, 13, 25, 52, 71, 77, 100])
def test_the_script_makes_what_is_shipped(number, tmp_path):
    made = write_scene(tmp_path, SEED, number)
    shipped = SAMPLE / made.name

    assert made.with_suffix(".xml").read_text("utf-8") == shipped.with_suffix(".xml").read_text(
        "utf-8"
    )
    with Image.open(made) as ours, Image.open(shipped) as theirs:
        assert (ours.mode, ours.size, ours.format) == (theirs.mode, theirs.size, theirs.format)
        pixels = [np.asarray(image.convert("RGB"), np.float32) for image in (ours, theirs)]
    # Another version of OpenCV or of the JPEG encoder may round otherwise.
    assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_a_scene_does_not_depend_on_the_one_before():
    image, labels = make_scene(SEED, 5)
    make_scene(SEED, 4)
    again, same = make_scene(SEED, 5)

    np.testing.assert_array_equal(image, again)
    assert labels == same


def test_every_box_lies_inside_the_stored_image_and_each_class_has_many():
    counts: Counter[str] = Counter()
    for (width, height), item in every_object():
        xmin, ymin, xmax, ymax = corners_of(item)
        assert 0 <= xmin < xmax <= width
        assert 0 <= ymin < ymax <= height
        counts[item.findtext("name")] += 1
    assert set(counts) == set(CLASSES) == {"bottle cap", "coin", "leaf"}
    assert min(counts.values()) >= 100


def test_objects_come_in_many_sizes():
    sides = [
        max(box[2] - box[0], box[3] - box[1]) / max(size)
        for size, item in every_object()
        for box in [corners_of(item)]
    ]
    assert np.percentile(sides, 5) < 0.12
    assert np.percentile(sides, 97) > 0.3


def test_some_objects_are_difficult_truncated_or_at_the_border():
    objects = every_object()
    assert any(item.findtext("difficult") == "1" for _, item in objects)
    truncated = [
        (size, corners_of(item)) for size, item in objects if item.findtext("truncated") == "1"
    ]
    assert truncated
    for (width, height), (xmin, ymin, xmax, ymax) in truncated:
        assert 0 in (xmin, ymin) or xmax == width or ymax == height


def opened(number: int) -> Image.Image:
    with Image.open(SAMPLE / file_name(number)) as image:
        image.load()
        return image


def test_the_odd_cases_are_there():
    assert [xml_of(number).findall("object") for number in (7, 31)] == [[], []]
    assert opened(13).getexif()[ORIENTATION] == 6
    assert opened(44).getexif()[ORIENTATION] == 3
    assert (opened(19).format, opened(19).mode) == ("PNG", "RGB")
    assert (opened(52).format, opened(52).mode) == ("PNG", "P")
    assert (opened(58).format, opened(58).mode) == ("JPEG", "L")
    assert opened(83).info.get("progressive")
    assert file_name(25) == "동전과_낙엽.jpg"
    assert " " in file_name(38)
    assert file_name(64).endswith(".JPG")
    assert xml_of(71).findtext("size/width") == "0"
    assert next(iter(xml_of(77))).tag == "object"
    assert len(ODDITIES) >= 12


@pytest.mark.parametrize("number", [13, 44])
def test_the_xml_of_a_rotated_image_states_the_size_of_its_stored_pixels(number):
    root = xml_of(number)
    stated = (int(root.findtext("size/width")), int(root.findtext("size/height")))
    assert stated == opened(number).size


def test_markup_in_a_name_is_escaped():
    text = voc_xml(1, 10, 10, [Label("a < b & c", (0, 0, 5, 5), False, False)])
    assert ElementTree.fromstring(text).findtext("object/name") == "a < b & c"


def test_od_prepare_takes_the_sample_as_it_is(tmp_path):
    command = [sys.executable, "-m", "od", "prepare", str(SAMPLE), "--val-fraction", "0.2"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "records")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "96 images" in done.stdout
    assert "24 images" in done.stdout
    assert "3 classes" in done.stdout
