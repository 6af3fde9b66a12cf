"""``od prepare`` as people see it: whole outputs."""

import json

import pytest
from click.testing import CliRunner

from od.cli import COMMANDS, cli
from od.cli.prepare import command


@pytest.fixture
def run(voc_folder, tmp_path, monkeypatch):
    """Run ``od prepare`` beside the folder ``photos``; returns click's result."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["prepare", *arguments])


def test_says_what_it_made_one_line_per_file(run):
    result = run("photos", "--test-fraction", "0.25", "--shards", "2")
    assert result.stdout == (
        "  3 images  records/train-00000-of-00002.tfrecord\n"
        "  4 images  records/train-00001-of-00002.tfrecord\n"
        "  1 images  records/val-00000-of-00002.tfrecord\n"
        "  1 images  records/val-00001-of-00002.tfrecord\n"
        "  1 images  records/test-00000-of-00002.tfrecord\n"
        "  2 images  records/test-00001-of-00002.tfrecord\n"
        " 3 classes  records/label_map.pbtxt\n"
        "0 findings  records/report.csv\n"
        "            records/od.json\n"
    )
    assert result.stderr == "prepare: 12/12\n"
    assert result.exit_code == 0


def test_tells_how_often_what_was_done(run, write_voc):
    write_voc("out", [("cat", (-5, 5, 30, 30)), ("cat", (70, 5, 90, 30))])
    result = run("photos")
    assert result.stderr.splitlines()[-2:] == ["box clipped: 1", "box dropped: 1"]


def test_json_is_one_object(run):
    result = run("photos", "--json")
    content = json.loads(result.stdout)
    assert content["parts"] == {"train": 10, "val": 2}
    assert content["classes"] == {"cat": 1, "dog": 2, "red cat": 3}
    assert content["folder"] == "records"
    assert "records/val-00000-of-00001.tfrecord" in content["files"]


def test_a_bad_folder_ends_in_two_lines_not_a_traceback(run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("empty")
    assert result.exit_code == 1
    assert result.output == (
        "Error: empty: no .xml file here\n"
        "Hint: save the labels in Pascal VOC format into this folder\n"
    )


def test_a_split_that_is_there_and_not_asked_for_is_mentioned(run, tmp_path):
    lists = tmp_path / "photos" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("img_00\nimg_01\n")
    (lists / "val.txt").write_text("img_02\n")
    note = "Note: ImageSets/Main has a split (train 2, val 1); --split voc takes it.\n"
    assert note in run("photos").stderr
    taken = run("photos", "--split", "voc")
    assert note not in taken.stderr
    assert "image left out: 9" in taken.stderr


def test_a_class_that_is_missing_from_a_part_is_mentioned(run, write_voc):
    write_voc("one", [("zebra", (1, 1, 9, 9))])
    assert "Note: val has no image of: zebra\n" in run("photos").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--val-fraction", "0"),
        ("--val-fraction", "1"),
        ("--test-fraction", "-0.1"),
        ("--shards", "0"),
        ("--workers", "0"),
        ("--max-side", "3"),
        ("--format", "tiff"),
        ("--split", "voc", "--val-fraction", "0.3"),
    ],
)
def test_wrong_usage_exits_with_2(run, arguments):
    result = run("photos", *arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_the_help_ends_in_an_example_and_the_short_help_is_the_listed_one():
    result = CliRunner().invoke(cli, ["prepare", "--help"])
    assert "Example:\n      od prepare photos" in result.output
    assert command.get_short_help_str(limit=200) == COMMANDS["prepare"]
