"""Everything od prepare refuses: which error, which sentence, and nothing written."""

import errno
import os
from pathlib import Path

import pytest

from conftest import encode, make_pixels, tree_hash
from od.errors import AnnotationError, ImageError, LabelMapError, OdError, OutputError
from od.prepare import PrepareOptions, prepare_dataset
from od.records.tfrecord import RecordWriter


def _refused(source: Path, kind: type[OdError], **options: object) -> OdError:
    """Prepare, expect an error of that kind with a hint, and no records."""
    output = source.parent / "records"
    before = tree_hash(source)
    with pytest.raises(kind) as error:
        prepare_dataset(source, output, options=PrepareOptions(**options))
    assert not output.exists()
    assert not list(source.parent.glob(".*"))
    assert tree_hash(source) == before
    assert error.value.hint
    return error.value


def test_a_folder_without_labels(tmp_path):
    (tmp_path / "photos").mkdir()
    error = _refused(tmp_path / "photos", AnnotationError)
    assert str(error) == f"{tmp_path / 'photos'}: no .xml file here"


def test_a_broken_image_is_named(voc_folder):
    path = voc_folder / "img_07.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    error = _refused(voc_folder, ImageError)
    assert str(error).startswith(f"{path}: is broken: ")


def test_a_missing_image_is_named_with_its_label_file(voc_folder):
    (voc_folder / "img_07.jpg").unlink()
    error = _refused(voc_folder, AnnotationError)
    assert str(error).startswith(f"{voc_folder / 'img_07.xml'}: its image 'img_07.jpg' is nowhere")


def test_a_class_that_the_given_label_map_lacks(voc_folder, tmp_path):
    (tmp_path / "map.pbtxt").write_text("item { id: 1 name: 'cat' } item { id: 2 name: 'dog' }")
    error = _refused(voc_folder, AnnotationError, label_map=tmp_path / "map.pbtxt")
    assert "3 problems" in str(error)
    assert "img_00.xml: class 'red cat' is not in the label map, which has 'cat', 'dog'" in str(
        error
    )


def test_a_label_map_that_is_missing(voc_folder, tmp_path):
    error = _refused(voc_folder, LabelMapError, label_map=tmp_path / "none.pbtxt")
    assert "none.pbtxt: cannot be read" in str(error)


def test_no_object_at_all(write_voc, tmp_path):
    write_voc("a", ())
    write_voc("b", ())
    error = _refused(tmp_path / "photos", LabelMapError)
    assert "no object in 2 label files" in str(error)


@pytest.mark.parametrize("options", [{}, {"test_fraction": 0.1}])
def test_a_split_that_would_be_empty(write_voc, tmp_path, options):
    write_voc("a")
    error = _refused(tmp_path / "photos", OdError, **options)
    assert "the part train would be empty" in str(error)


def test_a_given_split_with_an_empty_part(write_voc, tmp_path):
    write_voc("a")
    lists = tmp_path / "photos" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("")
    error = _refused(tmp_path / "photos", AnnotationError, split="voc")
    assert "the part val would be empty" in str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_no_space_left(voc_folder, monkeypatch, workers):
    def write_framed(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RecordWriter, "write_framed", write_framed)
    error = _refused(voc_folder, OutputError, workers=workers)
    assert "records: cannot be written: No space left on device" in str(error)
    assert "free some space" in (error.hint or "")


STRICT = {
    "sticks out": (
        (5, 5, 90, 30),
        "sticks out of the 64 x 48 image (without --strict: box clipped",
    ),
    "outside": ((65, 5, 90, 30), "lies outside the 64 x 48 image (without --strict: box dropped"),
    "no area": ((5, 5, 5, 30), "has no area (without --strict: box dropped"),
    "swapped": ((30, 5, 5, 30), "box (30, 5, 5, 30) (without --strict: corners swapped"),
}


@pytest.mark.parametrize("kind", STRICT)
def test_strict_refuses_what_would_be_put_right(write_voc, tmp_path, kind):
    box, sentence = STRICT[kind]
    write_voc("a")
    xml = write_voc("b", [("cat", (1, 1, 9, 9)), ("cat", box)])
    prepare_dataset(tmp_path / "photos", tmp_path / "not strict")
    error = _refused(tmp_path / "photos", AnnotationError, strict=True)
    assert str(error).startswith(f"{xml}: object 2 cat: ")
    assert sentence in str(error)


def test_strict_lets_other_kinds_of_images_pass(write_voc, tmp_path):
    write_voc("a")
    write_voc("b", data=encode(make_pixels(64, 48), "BMP"), extension=".bmp")
    prepared = prepare_dataset(
        tmp_path / "photos", tmp_path / "records", options=PrepareOptions(strict=True)
    )
    assert prepared.findings == {"image converted": 1}


def test_of_many_bad_files_ten_are_shown_and_all_are_reported(voc_folder, tmp_path):
    for i in range(6):
        (voc_folder / f"img_{i:02d}.xml").write_text("<annotation>")
    for i in range(6, 12):
        (voc_folder / f"img_{i:02d}.jpg").write_bytes(b"not an image")
    error = _refused(voc_folder, AnnotationError)
    lines = str(error).splitlines()
    report = tmp_path / "records.report.csv"
    assert lines[0] == (
        f"{voc_folder}: 12 problems, nothing was prepared; all of them are listed in {report}:"
    )
    assert len(lines) == 12
    assert lines[-1] == "  ... and 2 more"
    assert lines[1].startswith(f"  {voc_folder / 'img_00.xml'}: is not well-formed XML")
    rows = report.read_text().splitlines()
    assert len(rows) == 13
    assert rows[-1].startswith(f"{voc_folder / 'img_11.jpg'},,error,is no image")


def test_a_report_of_problems_goes_once_they_are_mended(voc_folder, tmp_path):
    broken = [voc_folder / f"img_{i:02d}.jpg" for i in range(2)]
    contents = [path.read_bytes() for path in broken]
    for path in broken:
        path.write_bytes(b"x")
    _refused(voc_folder, AnnotationError)
    assert (tmp_path / "records.report.csv").exists()
    for path, content in zip(broken, contents, strict=True):
        path.write_bytes(content)
    prepare_dataset(voc_folder, tmp_path / "records")
    assert not (tmp_path / "records.report.csv").exists()


def test_bad_files_leave_older_records_as_they_are(voc_folder, tmp_path):
    prepare_dataset(voc_folder, tmp_path / "records")
    before = tree_hash(tmp_path / "records")
    (voc_folder / "img_00.jpg").write_bytes(b"x")
    with pytest.raises(ImageError):
        prepare_dataset(voc_folder, tmp_path / "records")
    assert tree_hash(tmp_path / "records") == before


@pytest.mark.parametrize("output", ["photos", "."])
def test_an_output_that_holds_the_source_is_refused(voc_folder, monkeypatch, tmp_path, output):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="holds the labels and images"):
        prepare_dataset(Path("photos"), Path(output))
    assert (voc_folder / "img_00.jpg").exists()


def test_a_folder_that_od_did_not_make_is_not_replaced(voc_folder, tmp_path):
    thesis = tmp_path / "records" / "thesis.docx"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    with pytest.raises(OutputError, match=r"Refusing to replace .* it holds thesis\.docx"):
        prepare_dataset(voc_folder, tmp_path / "records")
    thesis.rename(tmp_path / "records" / "label_map.pbtxt")
    with pytest.raises(OutputError, match=r"holds no od\.json"):
        prepare_dataset(voc_folder, tmp_path / "records")
    assert (tmp_path / "records" / "label_map.pbtxt").read_text() == "years of work"


def test_a_file_in_the_way_of_the_output_is_not_replaced(voc_folder, tmp_path):
    (tmp_path / "records").write_text("mine")
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        prepare_dataset(voc_folder, tmp_path / "records")
    assert (tmp_path / "records").read_text() == "mine"
