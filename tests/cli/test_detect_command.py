import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from conftest import encode, make_pixels, tree_hash
from od.cli import cli
from od.structures.detections import Detections
from od.structures.label_map import LabelMap

NAMES = LabelMap(((1, "cat"), (2, "[red] cat")))


def find_one(image):
    """A cat in the upper left quarter, and a weak one."""
    height, width = image.shape[:2]
    return Detections(
        np.array([[0, 0, width / 2, height / 2], [1, 1, 9, 9]], np.float32),
        np.array([0.876, 0.4], np.float32),
        np.array([2, 1], np.int32),
    )


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "od.workflows.detection.open_model", lambda folder, device: (find_one, NAMES)
    )
    (tmp_path / "model").mkdir()
    for folder, size in (("photos", (80, 60)), ("others", (40, 40))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(encode(make_pixels(*size)))
    (tmp_path / "photos/b.PNG").write_bytes(encode(make_pixels(200, 150), "PNG"))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, ["detect", "model", *arguments])


def test_a_table_says_what_was_found_where():
    result = run("photos", "others/a.jpg")

    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "image          class       score   box",
        "─────────────────────────────────────────────",
        "photos/a.jpg   [red] cat    0.88   0 0 40 30",
        "photos/b.PNG   [red] cat    0.88   0 0 100 75",
        "others/a.jpg   [red] cat    0.88   0 0 20 20",
        "",
        "3 objects in 3 images",
    ]


def test_an_image_in_which_nothing_is_found_is_listed_too():
    result = run("photos/a.jpg", "--threshold", "0.9")

    assert "photos/a.jpg   -           -   nothing from 0.9 up" in result.stdout
    assert result.stdout.endswith("\n0 objects in 1 images\n")


def test_drawn_images_keep_their_names_and_none_is_lost(workspace):
    before = tree_hash(workspace / "photos")
    result = run("photos", "others", "--save", "drawn")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("drawn  3 images, detections.json\n")
    assert {path.name for path in (workspace / "drawn").iterdir()} == {
        "a.jpg",
        "a-2.jpg",
        "b.PNG",
        "detections.json",
        "od.json",
    }
    assert Image.open(workspace / "drawn/a-2.jpg").size == (40, 40)
    assert Image.open(workspace / "drawn/b.PNG").format == "PNG"
    original = np.asarray(Image.open(workspace / "photos/b.PNG").convert("RGB"))
    drawn = np.asarray(Image.open(workspace / "drawn/b.PNG"))
    assert (original[:76, :101] != drawn[:76, :101]).any()
    np.testing.assert_array_equal(original[80:, 110:], drawn[80:, 110:])
    assert tree_hash(workspace / "photos") == before


def test_a_second_time_replaces_the_drawn_images_as_a_whole(workspace):
    assert run("photos", "--save", "drawn").exit_code == 0
    assert run("others", "--save", "drawn").exit_code == 0

    names = {path.name for path in (workspace / "drawn").iterdir()}
    assert names == {"a.jpg", "detections.json", "od.json"}


def test_a_folder_of_other_things_is_never_drawn_into(workspace):
    result = run("photos", "--save", "others")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: others: refusing to replace it, it holds other things")
    assert [path.name for path in (workspace / "others").iterdir()] == ["a.jpg"]


def test_json_is_one_object_as_coco_has_it(workspace):
    result = run("photos", "--json", "--threshold", "0.2", "--save", "drawn")

    content = json.loads(result.stdout)
    assert [image["file_name"] for image in content["images"]] == ["photos/a.jpg", "photos/b.PNG"]
    assert content["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "[red] cat"}]
    assert [a["bbox"] for a in content["annotations"]][:2] == [[0, 0, 40, 30], [1, 1, 8, 8]]
    assert json.loads((workspace / "drawn/detections.json").read_text()) == content


def test_a_broken_image_is_named_the_others_are_done_and_the_status_is_one(workspace):
    (workspace / "photos/aa.jpg").write_bytes((workspace / "photos/a.jpg").read_bytes()[:200])
    result = run("photos", "--save", "drawn")

    assert result.exit_code == 1
    assert "2 objects in 2 images" in result.stdout
    last = result.stderr.splitlines()[-2:]
    assert last[0].startswith("Error: photos/aa.jpg: is broken")
    assert last[1].startswith("Hint: ")
    assert (workspace / "drawn/b.PNG").is_file()


def test_many_broken_images_are_listed_and_counted(workspace):
    for position in range(13):
        (workspace / f"photos/broken{position:02d}.jpg").write_bytes(b"\xff\xd8\xff nothing")
    result = run("photos", "--json")

    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["images"]) == 2
    lines = [line for line in result.stderr.splitlines() if not line.startswith("detect:")]
    assert len([line for line in lines if line.startswith("photos/broken")]) == 10
    assert lines[-3:] == [
        "... and 3 more",
        "Error: 13 of 15 images could not be read",
        "Hint: replace them by intact copies; the others are done",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ["nothing", "photos"],
            "Error: nothing: no such folder\n"
            "Hint: give a folder that od export made, as runs/<name>/export/openvino\n",
            id="no model",
        ),
        pytest.param(
            ["model", "nowhere.jpg"],
            "Error: nowhere.jpg: does not exist\n"
            "Hint: give images, or folders with .jpg or .png files in them\n",
            id="no source",
        ),
        pytest.param(
            ["photos", "model"],
            "Error: model: no image in this folder\n"
            "Hint: give images, or folders with .jpg or .png files in them\n",
            id="empty source",
        ),
    ],
)
def test_mistakes_end_in_two_lines(arguments, expected):
    result = CliRunner().invoke(cli, ["detect", *arguments])

    assert result.exit_code == 1
    assert result.output == expected


def test_a_folder_that_is_no_export_is_refused(monkeypatch, workspace):
    monkeypatch.undo()
    photos, others = workspace / "photos", workspace / "others"
    result = CliRunner().invoke(cli, ["detect", str(photos), str(others)])

    assert result.exit_code == 1
    assert result.output == (
        f"Error: {photos}: holds no od.json\n"
        "Hint: give a folder that od export made, as runs/<name>/export/openvino\n"
    )
