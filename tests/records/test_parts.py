from pathlib import Path

import pytest

from od.errors import RecordError
from od.records.parts import count_part, part_files, parts, read_part
from od.records.tf_example import RecordedImage, encode_example
from od.records.tfrecord import RecordWriter
from od.structures.dataset import Annotation


def _write(folder: Path, name: str, count: int = 1) -> None:
    image = RecordedImage(b"x", "png", "a", "a", 9, 9, (Annotation("cat", (0, 0, 3, 3)),), (1,))
    with RecordWriter(folder / name) as writer:
        for _ in range(count):
            writer.write(encode_example(image))


def test_parts_come_in_the_order_train_val_test(tmp_path):
    for part in ("val", "extra", "test", "train"):
        _write(tmp_path, f"{part}-00000-of-00001.tfrecord")
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    (tmp_path / "report.csv").write_text("")
    assert parts(tmp_path) == ("train", "val", "test", "extra")


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"],
        ["train.record"],
        ["train.tfrecord"],
        ["train.record-00000-of-00002", "train.record-00001-of-00002"],
        ["train.tfrecords-00000-of-00001"],
    ],
)
def test_record_files_of_others_are_found_in_order(tmp_path, names):
    for name in names:
        _write(tmp_path, name, count=2)
    assert [path.name for path in part_files(tmp_path, "train")] == names
    assert count_part(tmp_path, "train") == 2 * len(names)
    assert len(list(read_part(tmp_path, "train"))) == 2 * len(names)


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002.tfrecord"],
        ["train-00000-of-00001.tfrecord", "train-00000-of-00002.tfrecord"],
        ["train.record", "train.tfrecord"],
    ],
)
def test_an_incomplete_or_mixed_set_is_refused(tmp_path, names):
    for name in names:
        _write(tmp_path, name)
    with pytest.raises(RecordError, match="expected one complete numbered set"):
        part_files(tmp_path, "train")


def test_a_part_that_is_not_there_is_told_with_those_that_are(tmp_path):
    _write(tmp_path, "val-00000-of-00001.tfrecord")
    with pytest.raises(RecordError, match="holds no part 'train'; it has val"):
        part_files(tmp_path, "train")
    with pytest.raises(RecordError, match="no such folder"):
        parts(tmp_path / "none")


def test_a_record_that_is_no_image_is_told_with_file_and_number(tmp_path):
    _write(tmp_path, "train-00000-of-00002.tfrecord")
    with RecordWriter(tmp_path / "train-00001-of-00002.tfrecord") as writer:
        writer.write(b"")
    with pytest.raises(RecordError, match=r"train-00001-of-00002\.tfrecord: record 0: holds no"):
        list(read_part(tmp_path, "train"))
