import hashlib
import json

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.errors import RecordError
from od.inspect_records import inspect_records
from record_files import CLASSES, A, B, recorded, write_file, write_part


def test_counts_by_part_and_class(tmp_path):
    folder = tmp_path / "records"
    write_part(folder, "train", [recorded([(1, A), (1, B)]), recorded([])])
    write_part(folder, "val", [recorded([(3, A)], difficult=[0])])
    overview = inspect_records([folder])

    assert [(p.name, p.images, p.background, p.objects) for p in overview.parts] == [
        ("train", 2, 1, 2),
        ("val", 1, 0, 1),
    ]
    assert [(c.name, dict(c.objects), c.images) for c in overview.classes] == [
        ("cat", {"train": 2}, 1),
        ("a <b>dog</b> & 'co'", {}, 0),
        ("고양이", {"val": 1}, 1),
    ]
    assert (overview.difficult, overview.image_sizes) == (1, (((120, 90), 3),))
    assert overview.findings == (
        "class 'a <b>dog</b> & 'co'' is in label_map.pbtxt, no object has it",
    )


def test_boxes_are_counted_by_the_side_of_a_square_as_large(tmp_path):
    file = tmp_path / "x.tfrecord"
    boxes = [(0.0, 0.0, 8.0, 18.0), (0.0, 0.0, 16.0, 16.0), (0.0, 0.0, 100.0, 100.0)]
    write_file(file, [recorded([(1, b) for b in boxes], size=(100, 100))])
    overview = inspect_records([file])

    assert overview.box_pixels == (1, 1, 0, 0, 1, 0, 0, 0)  # sides 12, 16 and 100
    assert overview.box_shares == (0, 0, 2, 0, 0, 1)


def test_files_of_others_with_any_name_and_no_label_map(tmp_path):
    files = [tmp_path / "my data.bin", tmp_path / "train.record-00000-of-00003"]
    for file in files:
        write_file(file, [recorded([(1, A)], names=None)])
    overview = inspect_records(files)

    assert [(p.name, p.images) for p in overview.parts] == [(f.name, 1) for f in files]
    assert [(c.class_id, c.name) for c in overview.classes] == [(1, "class 1")]


def test_odd_things_are_told(tmp_path):
    folder = tmp_path / "records"
    write_part(folder, "train", [recorded([(1, A)]), recorded([(9, A)])])
    findings = inspect_records([folder]).findings

    assert "class id 9 is not in label_map.pbtxt" in findings


def test_a_class_id_of_two_names_is_told(tmp_path):
    file = tmp_path / "x.record"
    write_file(file, [recorded([(1, A)]), recorded([(1, A)], names=None)])

    assert inspect_records([file]).findings == ("class id 1 has several names: 'cat', 'class 1'",)


def test_the_same_seed_draws_the_same_samples(tmp_path):
    file = tmp_path / "x.record"
    write_file(file, [recorded([(1, A)], name=f"{i}.png") for i in range(60)])
    drawn = [[s.name for s in inspect_records([file], seed=seed).samples] for seed in (0, 0, 1)]

    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 16


def test_any_flipped_byte_is_noticed_with_file_and_record_number(tmp_path):
    file = tmp_path / "x.tfrecord"
    write_file(file, [recorded([(1, A)], size=(6, 5)), recorded([(2, A)], size=(6, 5))])
    whole = file.read_bytes()
    first = 16 + int.from_bytes(whole[:8], "little")  # length, its checksum, data, its checksum

    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        file.write_bytes(damaged)
        with pytest.raises(RecordError) as error:
            inspect_records([file])
        assert f"{file}: record {0 if place < first else 1}: " in str(error.value)


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_a_file_that_ends_too_early_is_noticed(tmp_path, cut):
    file = tmp_path / "x.tfrecord"
    write_file(file, [recorded([(1, A)])])
    file.write_bytes(file.read_bytes()[:-cut])

    with pytest.raises(RecordError, match=r"x\.tfrecord: record 0: the file ends"):
        inspect_records([file])


def test_a_record_that_is_no_labelled_image_is_named(tmp_path):
    from od.records.tfrecord import RecordWriter

    file = tmp_path / "x.tfrecord"
    with RecordWriter(file) as writer:
        writer.write(b"not an Example")
    with pytest.raises(RecordError, match=r"x\.tfrecord: record 0: "):
        inspect_records([file])


def tree(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_the_command_writes_a_page_and_leaves_the_records_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "records"
    write_part(folder, "train", [recorded([(1, A)]), recorded([(2, B)])])
    before = tree(folder)
    result = CliRunner().invoke(cli, ["inspect"])

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "part    images   without object   objects\n"
        "─────────────────────────────────────────\n"
        "train        2                0         2\n"
        "\n"
        "class                 id   train   images\n"
        "─────────────────────────────────────────\n"
        "cat                    1       1        1\n"
        "a <b>dog</b> & 'co'    2       1        1\n"
        "고양이                 3       0        0\n"
        "\n"
        "box side in pixels   <16   <32   <64   <96   <128   <256   <512   512+\n"
        "──────────────────────────────────────────────────────────────────────\n"
        "objects                0     0     2     0      0      0      0      0\n"
        "\n"
        "image sizes: 120 x 90 (2)\n"
        "look at this: class '고양이' is in label_map.pbtxt, no object has it\n"
        "every checksum is right\n"
        "inspect/report.html\n"
        "inspect/overview.json\n"
    )
    assert tree(folder) == before
    assert json.loads((tmp_path / "inspect/overview.json").read_text())["images"] == 2
    assert (tmp_path / "inspect/report.html").is_file()


def test_the_command_prints_one_json_object(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_part(tmp_path / "other", "train", [recorded([(1, A)])])
    result = CliRunner().invoke(cli, ["inspect", "other", "--output", "page", "--json"])

    content = json.loads(result.stdout)
    assert content["classes"][0] == {"id": 1, "name": "cat", "objects": {"train": 1}, "images": 1}
    assert content["files"] == ["page/report.html", "page/overview.json"]
    assert len(CLASSES) == len(content["classes"])


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["empty"]])
def test_without_records_two_lines_and_nothing_written(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(cli, ["inspect", *arguments])

    assert result.exit_code == 1
    assert result.stdout == ""
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["Error", "Hint"]
    assert not (tmp_path / "inspect").exists()


def test_another_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_part(tmp_path / "records", "train", [recorded([(1, A)])])
    before = tree(tmp_path)
    result = CliRunner().invoke(cli, ["inspect", "--output", "records"])

    assert result.exit_code == 1
    assert "records: refusing to replace it" in result.stderr
    assert tree(tmp_path) == before


def test_a_second_inspection_replaces_the_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_part(tmp_path / "records", "train", [recorded([(1, A)])])

    assert CliRunner().invoke(cli, ["inspect"]).exit_code == 0
    assert CliRunner().invoke(cli, ["inspect"]).exit_code == 0
