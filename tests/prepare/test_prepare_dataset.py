import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import encode, make_pixels, tree_hash
from od.images import decode_image
from od.prepare import PrepareOptions, prepare_dataset
from od.records.label_map_file import read_label_map
from od.records.parts import count_part, part_files, read_part
from od.records.tfrecord import read_records
from od.records.wire import decode_features


def _prepare(source: Path, **options: object):
    output = source.parent / "records"
    return prepare_dataset(source, output, options=PrepareOptions(**options))


def _images(prepared) -> dict:
    return {
        image.source_id: image
        for part in prepared.parts
        for image in read_part(prepared.folder, part)
    }


def test_every_image_is_in_one_part_with_its_boxes(voc_folder):
    prepared = _prepare(voc_folder)
    assert prepared.parts == {"train": 10, "val": 2}
    assert prepared.label_map.items == ((1, "cat"), (2, "dog"), (3, "red cat"))
    assert read_label_map(prepared.folder / "label_map.pbtxt") == prepared.label_map
    images = _images(prepared)
    assert sorted(images) == [f"img_{i:02d}.jpg" for i in range(12)]
    image = images["img_05.jpg"]
    assert image.encoded == (voc_folder / "img_05.jpg").read_bytes()
    assert [a.class_name for a in image.annotations] == ["cat", "red cat"]
    assert image.annotations[0].corners == (9, 5, 45, 35)
    assert image.annotations[1].corners == (1, 2, 20.5, 30.25)
    assert image.class_ids == (1, 3)
    assert images["img_03.jpg"].annotations == ()
    assert prepared.findings == {}


def test_the_examples_carry_the_fields_of_the_od_apis_voc_script(voc_folder):
    prepared = _prepare(voc_folder)
    (file,) = part_files(prepared.folder, "val")
    data = (voc_folder / "img_01.jpg").read_bytes()
    for record in read_records(file):
        fields = decode_features(record)
        assert fields.keys() == {
            "image/encoded", "image/filename", "image/format", "image/height",
            "image/key/sha256", "image/source_id", "image/width",
            "image/object/bbox/xmax", "image/object/bbox/xmin", "image/object/bbox/ymax",
            "image/object/bbox/ymin", "image/object/class/label", "image/object/class/text",
            "image/object/difficult", "image/object/truncated", "image/object/view",
        }  # fmt: skip
        digest = hashlib.sha256(fields["image/encoded"][0]).hexdigest()
        assert fields["image/key/sha256"] == [digest.encode()]
    assert len(data) > 100


def test_the_same_input_and_seed_give_the_same_bytes_whatever_the_workers(voc_folder):
    hashes = set()
    for workers in (1, 2, 5):
        _prepare(voc_folder, workers=workers, shards=2)
        hashes.add(tree_hash(voc_folder.parent / "records"))
    assert len(hashes) == 1
    _prepare(voc_folder, seed=1, shards=2)
    assert tree_hash(voc_folder.parent / "records") not in hashes


def test_the_order_in_the_file_system_does_not_matter(voc_folder, tmp_path, monkeypatch):
    _prepare(voc_folder)
    before = tree_hash(tmp_path / "records")
    real_scandir = os.scandir

    class Reversed:
        def __init__(self, path):
            self._entries = list(real_scandir(path))

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            if not self._entries:
                raise StopIteration
            return self._entries.pop()

        def close(self):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    _prepare(voc_folder)
    monkeypatch.undo()
    assert tree_hash(tmp_path / "records") == before


def test_the_inputs_stay_untouched(voc_folder):
    before = tree_hash(voc_folder)
    _prepare(voc_folder, test_fraction=0.2, max_side=32)
    assert tree_hash(voc_folder) == before


def test_each_class_with_two_images_is_in_both_parts(voc_folder):
    prepared = _prepare(voc_folder)
    for part in ("train", "val"):
        classes = {a.class_name for i in read_part(prepared.folder, part) for a in i.annotations}
        assert classes == {"cat", "dog", "red cat"}


def test_a_test_part_is_made_when_asked_for(voc_folder):
    prepared = _prepare(voc_folder, val_fraction=0.25, test_fraction=0.25)
    assert prepared.parts == {"train": 6, "val": 3, "test": 3}


def test_shards_share_the_images_evenly(voc_folder):
    prepared = _prepare(voc_folder, shards=3)
    counts = [len(list(read_records(file))) for file in part_files(prepared.folder, "train")]
    assert counts == [3, 3, 4]
    # No empty file: at most one for each image.
    assert len(part_files(prepared.folder, "val")) == 2


def test_the_ids_of_a_given_label_map_are_kept(voc_folder, tmp_path):
    label_map = tmp_path / "map.pbtxt"
    label_map.write_text(
        "item { id: 7 name: 'dog' } item { id: 9 name: 'cat' } item { id: 2 name: 'red cat' }"
        "item { id: 3 name: 'cow' }"
    )
    prepared = _prepare(voc_folder, label_map=label_map)
    assert prepared.label_map.items == ((2, "red cat"), (3, "cow"), (7, "dog"), (9, "cat"))
    assert _images(prepared)["img_05.jpg"].class_ids == (9, 2)


def test_everything_done_to_a_label_stands_in_the_report(write_voc, tmp_path):
    write_voc("good")
    write_voc("out", [("cat", (-5, 10, 30, 40)), ("cat", (60, 40, 70, 50))])
    write_voc("swapped", [("cat", (40, 30, 10, 5))])
    write_voc("empty", [("cat", (5, 5, 5, 9)), ("cat ", (1, 1, 9, 9))])
    write_voc("size", stated=(100, 100), filename="other name.jpg")
    prepared = _prepare(tmp_path / "photos")
    assert prepared.findings == {
        "box clipped": 2,
        "box dropped": 1,
        "corners swapped": 1,
        "name trimmed": 1,
        "stated name ignored": 1,
        "stated size ignored": 1,
    }
    with (prepared.folder / "report.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["file", "object", "what", "why"],
        ["empty.xml", "1 cat", "box dropped", "box (5, 5, 5, 9) has no area"],
        ["empty.xml", "2 cat", "name trimmed", "spaces around the class name 'cat '"],
        ["out.xml", "1 cat", "box clipped",
         "box (-5, 10, 30, 40) sticks out of the 64 x 48 image"],
        ["out.xml", "2 cat", "box clipped",
         "box (60, 40, 70, 50) sticks out of the 64 x 48 image"],
        ["size.xml", "", "stated size ignored",
         "the label file states 100 x 100, the image has 64 x 48 pixels"],
        ["size.xml", "", "stated name ignored",
         "the label file names 'other name.jpg', the image is size.jpg"],
        ["swapped.xml", "1 cat", "corners swapped", "box (40, 30, 10, 5)"],
    ]  # fmt: skip


def test_an_image_without_a_label_file_is_told_and_left_out(voc_folder):
    (voc_folder / "extra.png").write_bytes(encode(make_pixels(), "PNG"))
    prepared = _prepare(voc_folder)
    assert prepared.findings == {"image without label file": 1}
    assert sum(prepared.parts.values()) == 12


def test_od_json_tells_how_it_was_made(voc_folder):
    prepared = _prepare(voc_folder, seed=3)
    content = json.loads((prepared.folder / "od.json").read_text())
    assert content["kind"] == "records"
    assert content["command"][:3] == ["od", "prepare", str(voc_folder)]
    assert content["command"][-2:] == ["--seed", "3"]
    assert content["parts"]["val"]["images"] == 2
    assert Counter(content["parts"]["train"]["boxes"]).total() > 8
    assert len(content["images_sha256"]) == 64


def test_boxes_turn_and_shrink_with_their_image(write_voc, tmp_path):
    marked = np.zeros((480, 640, 3), np.uint8)
    marked[40:120, 80:240] = 255
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        write_voc(
            f"turned_{orientation}",
            [("cat", (80, 40, 240, 120))],
            size=(640, 480),
            data=encode(marked, quality=95, exif=exif),
        )
    prepared = _prepare(tmp_path / "photos", max_side=320)
    images = _images(prepared)
    assert len(images) == 8
    for name, image in images.items():
        assert max(image.width, image.height) == 320
        grey = decode_image(image.encoded, name=name)[..., 0]
        assert grey.shape == (image.height, image.width)
        rows, columns = np.nonzero(grey > 128)
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert image.annotations[0].corners == pytest.approx(seen, abs=1)


def test_boxes_of_an_upright_labelling_tool_are_not_turned_again(write_voc, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(make_pixels(64, 48), exif=exif)
    write_voc("a", [("cat", (1, 2, 11, 22))], data=data, stated=(48, 64))
    write_voc("b", [("cat", (1, 2, 11, 22))], data=data, stated=(64, 48))
    images = _images(_prepare(tmp_path / "photos"))
    assert images["a.jpg"].annotations[0].corners == (1, 2, 11, 22)
    assert images["b.jpg"].annotations[0].corners == (26, 1, 46, 11)


def test_a_class_that_loses_its_boxes_does_not_unbalance_the_split(write_voc, tmp_path):
    # By the labels, "rare" is in a, b and c; the real sizes leave it in b and c only.
    for name in "defghijk":
        write_voc(name)
    write_voc("a", [("cat", (1, 1, 9, 9)), ("rare", (500, 500, 600, 600))])
    for name in "bc":
        write_voc(name, [("rare", (1, 1, 9, 9))])
    for seed in range(6):
        prepared = _prepare(tmp_path / "photos", seed=seed)
        for part in ("train", "val"):
            images = list(read_part(prepared.folder, part))
            assert "rare" in {a.class_name for image in images for a in image.annotations}


def test_the_split_of_a_voc_set_is_taken_when_asked_for(write_voc, tmp_path):
    for name in "abcde":
        write_voc(name, labels="Annotations", images="JPEGImages")
    lists = tmp_path / "photos" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for part, names in {"train": "ac", "val": "b", "test": "d"}.items():
        (lists / f"{part}.txt").write_text("\n".join(names))
    prepared = _prepare(tmp_path / "photos", split="voc")
    assert prepared.parts == {"train": 2, "val": 1, "test": 1}
    assert [i.filename for i in read_part(prepared.folder, "test")] == ["d.jpg"]
    assert prepared.findings == {"image left out": 1}


def test_records_that_are_there_are_replaced_as_a_whole(voc_folder):
    _prepare(voc_folder, test_fraction=0.2, shards=2)
    prepared = _prepare(voc_folder)
    assert sorted(path.name for path in prepared.folder.iterdir()) == [
        "label_map.pbtxt",
        "od.json",
        "report.csv",
        "train-00000-of-00001.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]
    assert count_part(prepared.folder, "train") == 10


def test_the_source_may_be_the_current_folder_and_the_output_inside_it(voc_folder, monkeypatch):
    monkeypatch.chdir(voc_folder)
    for _ in range(2):
        prepared = prepare_dataset(Path(), Path("records"))
        assert prepared.parts == {"train": 10, "val": 2}
        assert "img_00.jpg" in _images(prepared)


def test_a_moved_source_gives_the_same_records(voc_folder, tmp_path):
    _prepare(voc_folder)
    shutil.move(voc_folder, tmp_path / "elsewhere")
    prepare_dataset(tmp_path / "elsewhere", tmp_path / "again")
    for name in ("train-00000-of-00001.tfrecord", "val-00000-of-00001.tfrecord", "report.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (
            tmp_path / "records" / name
        ).read_bytes()


def test_neither_tensorflow_nor_anything_else_heavy_is_imported(voc_folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from od.prepare import prepare_dataset;"
        "prepare_dataset(Path(sys.argv[1]), Path(sys.argv[2]));"
        "print(*{'tensorflow', 'openvino', 'matplotlib', 'cv2', 'PIL', 'object_detection',"
        "'google.protobuf', 'rich'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(voc_folder), str(tmp_path / "r")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_the_real_sets_are_prepared():
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the real sets are not here")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "records"
        options = PrepareOptions(split="voc")
        bccd = prepare_dataset(data / "bccd", output, options=options)
        assert bccd.parts == {"train": 205, "val": 87, "test": 72}
        assert bccd.findings == {"box dropped": 2}
        boxes = sum(len(i.annotations) for part in bccd.parts for i in read_part(output, part))
        assert boxes == 4886
        raccoon = prepare_dataset(data / "raccoon", output)
        assert raccoon.parts == {"train": 160, "val": 40}
        assert raccoon.findings == {}
