"""What lies beside the model: labels, README, and the forms that OAK cameras take."""

from __future__ import annotations

import json
import tarfile

from od.export.stick.companions import write_stick_companions
from od.structures.artifacts import InputSpec

SPEC = InputSpec(64, 96, "NCHW", "bgr", "uint8", "stretch")
NAMES = ["background", "red cat", "고양이", "two\nlines"]


def write(folder, chips=("myriad2", "myriadx"), spec=SPEC):
    folder.mkdir()
    blobs = {chip: folder / f"model.{chip}.blob" for chip in chips}
    for chip, blob in blobs.items():
        blob.write_bytes(chip.encode())
    write_stick_companions(
        folder, names=NAMES, spec=spec, rows=50, threshold=0.5, title="cats", blobs=blobs
    )
    return {path.name for path in folder.iterdir()}


def test_a_line_of_labels_is_a_class_id_whatever_the_names_hold(tmp_path):
    write(tmp_path / "a")

    text = (tmp_path / "a/labels.txt").read_text(encoding="utf-8")
    assert text == "background\nred cat\n고양이\ntwo\\nlines\n"


def test_the_archive_holds_the_blob_and_a_config_that_names_it(tmp_path):
    write(tmp_path / "a")
    with tarfile.open(tmp_path / "a/model.tar.xz") as archive:
        assert archive.getnames() == ["config.json", "model.myriadx.blob"]
        assert archive.extractfile("model.myriadx.blob").read() == b"myriadx"
        config = json.load(archive.extractfile("config.json"))

    model = config["model"]
    assert model["metadata"]["path"] == "model.myriadx.blob"
    assert model["inputs"][0]["shape"] == [1, 3, 64, 96]
    assert model["inputs"][0]["preprocessing"]["dai_type"] == "BGR888p"
    assert model["outputs"][0]["shape"] == [1, 1, 50, 7]
    assert model["heads"][0]["metadata"]["classes"][2] == "고양이"


def test_the_same_model_gives_the_same_archive(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")

    assert (tmp_path / "a/model.tar.xz").read_bytes() == (tmp_path / "b/model.tar.xz").read_bytes()


def test_without_a_blob_for_myriad_x_there_are_no_forms_for_oak_cameras(tmp_path):
    names = write(tmp_path / "a", chips=("myriad2",))

    assert not {"model.json", "model.tar.xz"} & names
    readme = (tmp_path / "a/README.md").read_text(encoding="utf-8")
    assert "model.myriad2.blob" in readme
    assert "model.myriadx.blob" not in readme


def test_the_readme_says_what_the_model_takes_and_what_was_not_tested(tmp_path):
    write(tmp_path / "a", spec=InputSpec(64, 96, "NCHW", "rgb", "uint8", "stretch"))

    readme = (tmp_path / "a/README.md").read_text(encoding="utf-8")
    for text in ("`red cat`, `고양이`", "96 x 64", "RGB", "at most 50", "Not tested: a real stick"):
        assert text in readme
    assert "$" not in readme
