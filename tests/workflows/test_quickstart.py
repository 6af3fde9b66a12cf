"""The quickstart: refuses what is not its own, and (long) trains well in minutes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from od.cli import cli


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_with_other_annotations_is_refused_and_left_alone(elsewhere):
    mine = elsewhere / "demo" / "annotations" / "mine.xml"
    mine.parent.mkdir(parents=True)
    mine.write_text("<annotation/>")
    result = CliRunner().invoke(cli, ["quickstart", "demo"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {mine.parent}: holds annotations that are not the")
    assert result.stderr.endswith(
        "Hint: run the quickstart in a folder of its own: od quickstart DIR\n"
    )
    assert list(mine.parent.iterdir()) == [mine]


def test_a_file_in_the_way_ends_in_two_lines(elsewhere):
    (elsewhere / "demo").write_text("mine")
    result = CliRunner().invoke(cli, ["quickstart", "demo"])
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: demo: is a file\nHint: give a folder: od quickstart DIR\n",
    )


@pytest.mark.long
def test_the_quickstart_reaches_a_map50_of_0_9_in_five_minutes(elsewhere):
    result = CliRunner().invoke(cli, ["quickstart", "demo", "--json"])
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert made["map50"] >= 0.9
    assert sum(made["seconds"].values()) < 300
