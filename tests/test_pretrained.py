import csv
from pathlib import Path

import pytest

from od.pretrained import shipped_or_local_checkpoint, zoo, zoo_model
from od.shipped import shipped
from od.workspace import Workspace

SHARED = Path(__file__).resolve().parents[2] / "shared"


def put_checkpoint(folder, number, *, values=True):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"ckpt-{number}.index").write_bytes(b"i")
    if values:
        (folder / f"ckpt-{number}.data-00000-of-00001").write_bytes(b"d")


@pytest.fixture
def nothing_shipped(monkeypatch, tmp_path):
    real = shipped("pretrained")
    empty = tmp_path / "shipped"
    empty.mkdir()
    (empty / "zoo.toml").write_bytes((real / "zoo.toml").read_bytes())
    monkeypatch.setattr("od.pretrained.shipped", lambda name: empty)
    return empty


def test_the_zoo_holds_what_was_published():
    ssd = zoo_model("ssd_mobilenet_v2_320x320")

    assert (ssd.speed_ms, ssd.coco_map, ssd.outputs) == (19, 20.2, ("boxes",))
    assert ssd.url.endswith("/20200711/ssd_mobilenet_v2_320x320_coco17_tpu-8.tar.gz")
    assert zoo_model(ssd.archive) == ssd
    assert zoo_model("no_such_model") is None


def test_every_template_of_the_zoo_ships():
    templates = {model.template for model in zoo() if model.template}

    assert len(templates) == 3
    assert all((shipped("pipeline_configs") / f"{name}.config").is_file() for name in templates)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published table is not here")
def test_the_zoo_equals_the_published_table():
    with (SHARED / "zoo/tf2_detection_zoo.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert len(zoo()) == len(rows) == 43
    for model, row in zip(zoo(), rows, strict=True):
        by_output = {
            "boxes": model.coco_map,
            "keypoints": model.coco_map_keypoints,
            "masks": model.coco_map_masks,
        }
        scores = "/".join("--" if (m := by_output[o]) is None else f"{m}" for o in model.outputs)
        speed = "--" if model.speed_ms is None else f"{model.speed_ms}"
        outputs = "/".join(output.capitalize() for output in model.outputs)
        published = [row[k] for k in ("archive", "url", "speed_ms", "coco_map", "outputs")]
        assert [model.archive, model.url, speed, scores, outputs] == published


def test_the_newest_whole_checkpoint_of_the_workspace_is_found(nothing_shipped, tmp_path):
    folder = tmp_path / "pretrained" / "my_model" / "checkpoint"
    put_checkpoint(folder, 2)
    put_checkpoint(folder, 10)
    put_checkpoint(folder, 11, values=False)

    assert shipped_or_local_checkpoint("my_model", Workspace(tmp_path)) == folder / "ckpt-10"


def test_an_archive_of_the_zoo_is_found_as_it_unpacks(nothing_shipped, tmp_path):
    folder = tmp_path / "pretrained/ssd_mobilenet_v2_320x320_coco17_tpu-8/checkpoint"
    put_checkpoint(folder, 0)
    found = shipped_or_local_checkpoint("ssd_mobilenet_v2_320x320", Workspace(tmp_path))

    assert found == folder / "ckpt-0"


def test_the_workspace_comes_before_what_ships(nothing_shipped, tmp_path):
    put_checkpoint(nothing_shipped / "m/checkpoint", 5)
    assert shipped_or_local_checkpoint("m", Workspace(tmp_path)).parents[2] == nothing_shipped
    put_checkpoint(tmp_path / "pretrained/m/checkpoint", 1)
    assert shipped_or_local_checkpoint("m", Workspace(tmp_path)).name == "ckpt-1"


def test_without_a_checkpoint_there_is_none(nothing_shipped, tmp_path):
    assert shipped_or_local_checkpoint("ssd_mobilenet_v2_320x320", Workspace(tmp_path)) is None
