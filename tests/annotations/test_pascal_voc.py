import os
import unicodedata
from pathlib import Path

import pytest

from conftest import voc_xml
from od.annotations.pascal_voc import read_pascal_voc
from od.errors import AnnotationError
from od.structures.dataset import Annotation


def _images(folder: Path) -> list[str]:
    return [image.path.relative_to(folder).as_posix() for image in read_pascal_voc(folder)]


@pytest.mark.parametrize(
    ("labels", "images"),
    [("", ""), ("Annotations", "JPEGImages"), ("annots", "images"), ("a/b", "c/d/e"), ("", "img")],
)
def test_reads_the_layouts_people_have(write_voc, tmp_path, labels, images):
    write_voc("b", labels=labels, images=images)
    write_voc("a", labels=labels, images=images)
    root = tmp_path / "photos"
    assert _images(root) == [(Path(images) / name).as_posix() for name in ("a.jpg", "b.jpg")]


def test_reads_what_the_file_states(write_voc, tmp_path):
    xml = write_voc("a", stated=(640, 480))
    xml.write_text(
        voc_xml("a.jpg", [("cat & 'dog' 고양이", (1, 2.5, 3, 4))], (640, 480))
        .replace("<difficult>0", "<difficult>1")
        .replace("Unspecified", "Left")
    )
    (image,) = read_pascal_voc(tmp_path / "photos")
    assert image.annotations == (
        Annotation("cat & 'dog' 고양이", (1, 2.5, 3, 4), difficult=True, view="Left"),
    )
    assert image.stated_size == (640, 480)
    assert image.source == xml
    assert image.name == "a.jpg"


def test_fields_that_labels_do_not_need_may_be_absent(write_voc, tmp_path):
    write_voc("a").write_text(
        "<annotation><object><name>cat</name><part><name>nose</name><bndbox><xmin>0</xmin>"
        "</bndbox></part><bndbox><ymax>9</ymax><xmax>8</xmax><ymin>7</ymin><xmin>6</xmin>"
        "</bndbox></object></annotation>"
    )
    (image,) = read_pascal_voc(tmp_path / "photos")
    assert image.annotations == (Annotation("cat", (6, 7, 8, 9)),)
    assert image.stated_size is None


def test_an_xml_without_objects_is_kept_as_background(write_voc, tmp_path):
    write_voc("a", objects=())
    assert read_pascal_voc(tmp_path / "photos").images[0].annotations == ()


def test_the_encoding_that_the_file_declares_counts(write_voc, tmp_path):
    xml = write_voc("a")
    text = '<?xml version="1.0" encoding="{}"?>' + voc_xml("a.jpg", [("고양이", (1, 1, 9, 9))])
    for encoding in ("utf-8", "euc-kr", "utf-16"):
        xml.write_bytes(text.format(encoding).encode(encoding))
        assert read_pascal_voc(tmp_path / "photos").class_names == ("고양이",)


@pytest.mark.parametrize(
    ("filename", "extension"),
    [
        ("IMG_1.JPG", ".jpg"),
        ("img_1.jpg", ".JPG"),
        ("img_1", ".jpeg"),
        ("img_1.png", ".jpg"),
        ("images\\img_1.jpg", ".jpg"),
        ("./img_1.jpg", ".jpg"),
        ("", ".jpg"),
        ("something else.jpg", ".jpg"),
    ],
)
def test_the_image_is_found_by_filename_then_by_stem(write_voc, tmp_path, filename, extension):
    write_voc("img_1", filename=filename, extension=extension)
    assert _images(tmp_path / "photos") == [f"img_1{extension}"]


def test_a_name_composed_another_way_is_the_same_name(write_voc, tmp_path):
    name = "고양이 é"
    write_voc(
        unicodedata.normalize("NFD", name), filename=unicodedata.normalize("NFC", name) + ".jpg"
    )
    assert len(read_pascal_voc(tmp_path / "photos")) == 1


def test_among_images_of_one_name_the_nearest_is_meant(write_voc, tmp_path):
    for part in ("train", "val"):
        write_voc("1", labels=f"{part}/annots", images=f"{part}/images")
    assert _images(tmp_path / "photos") == ["train/images/1.jpg", "val/images/1.jpg"]


def test_a_path_relative_to_the_label_file_is_followed(write_voc, tmp_path):
    write_voc("1", labels="Annotations", images="JPEGImages", filename="../JPEGImages/1.jpg")
    assert _images(tmp_path / "photos") == ["JPEGImages/1.jpg"]


def test_a_copied_label_file_means_the_image_of_its_own_name(write_voc, tmp_path):
    write_voc("a")
    write_voc("b", filename="a.jpg")
    assert _images(tmp_path / "photos") == ["a.jpg", "b.jpg"]


def test_hidden_files_are_not_labels(write_voc, tmp_path):
    xml = write_voc("a")
    xml.with_name("._a.xml").write_bytes(b"\0\5\x16\7 a Mac's own")
    assert len(read_pascal_voc(tmp_path / "photos")) == 1


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    "<annotation><filename>&c;</filename></annotation>"
)
OBJECT = "<annotation><object><name>cat</name>{}</object></annotation>"
BOX = "<bndbox><xmin>1</xmin><ymin>{}</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"

BAD = {
    "malformed": ("<annotation>", "is not well-formed XML"),
    "empty": ("", "is not well-formed XML"),
    "not UTF-8": (b"<annotation>\xff</annotation>", "is not well-formed XML"),
    "deep": ("<a>" * 100_000, "is not well-formed XML"),
    "another format": ("<project/>", "its outermost element is <project>, expected <annotation>"),
    "entity bomb": (BOMB, r"has a document type declaration \(DTD\)"),
    "external entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        "<annotation><filename>&x;</filename></annotation>",
        r"has a document type declaration \(DTD\)",
    ),
    "DTD": ('<!DOCTYPE annotation SYSTEM "voc.dtd"><annotation/>', "has a document type"),
    "DTD in UTF-16": (
        ('<?xml version="1.0" encoding="utf-16"?>' + BOMB).encode("utf-16"),
        "has a document type|is not well-formed",
    ),
    "no name": ("<annotation><object/></annotation>", "object 1 has no <name>"),
    "no box": (OBJECT.format(""), "object 1 'cat' has no <bndbox>"),
    "half a box": (OBJECT.format("<bndbox><xmin>1</xmin></bndbox>"), "its <bndbox> has no <ymin>"),
    "a word": (OBJECT.format(BOX.format("one")), "could not convert string to float: 'one'"),
    "infinite": (OBJECT.format(BOX.format("inf")), "is not finite"),
    "not a number": (OBJECT.format(BOX.format("nan")), "is not finite"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_label_file_is_refused_by_name(write_voc, tmp_path, kind):
    content, sentence = BAD[kind]
    xml = write_voc("a")
    xml.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(AnnotationError, match=sentence) as error:
        read_pascal_voc(tmp_path / "photos")
    assert str(error.value).startswith(f"{xml}: ")
    assert error.value.hint


def test_a_huge_file_is_refused_unread(write_voc, tmp_path):
    xml = write_voc("a")
    with xml.open("ab") as file:
        file.truncate(17 << 20)
    with pytest.raises(AnnotationError, match="has 17,825,792 bytes, expected at most"):
        read_pascal_voc(tmp_path / "photos")


@pytest.mark.parametrize(
    "filename",
    ["../secret.jpg", "/etc/secret.jpg", "..\\..\\secret.jpg", "C:\\photos\\secret.jpg", "c:x.jpg"],
)
def test_a_filename_that_leads_outside_is_refused(write_voc, tmp_path, filename):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    write_voc("a", filename=filename)
    with pytest.raises(AnnotationError, match="leads outside") as error:
        read_pascal_voc(tmp_path / "photos")
    assert filename in str(error.value)


def test_a_link_that_leads_outside_is_refused(write_voc, tmp_path):
    write_voc("a")
    (tmp_path / "photos" / "a.jpg").rename(tmp_path / "elsewhere.jpg")
    (tmp_path / "photos" / "a.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(AnnotationError, match=r"a\.jpg is a link that leads outside"):
        read_pascal_voc(tmp_path / "photos")


def test_a_link_inside_is_followed_and_one_to_a_folder_is_not(write_voc, tmp_path):
    write_voc("a", images="images")
    (tmp_path / "photos" / "images" / "a.jpg").rename(tmp_path / "photos" / "real.jpg")
    (tmp_path / "photos" / "images" / "a.jpg").symlink_to(tmp_path / "photos" / "real.jpg")
    os.symlink(tmp_path, tmp_path / "photos" / "loop")
    assert _images(tmp_path / "photos") == ["images/a.jpg"]


def test_an_image_that_is_nowhere_is_told_with_its_label_file(write_voc, tmp_path):
    xml = write_voc("a", filename="b.jpg")
    (tmp_path / "photos" / "a.jpg").unlink()
    with pytest.raises(AnnotationError, match=r"its image 'b\.jpg' is nowhere below") as error:
        read_pascal_voc(tmp_path / "photos")
    assert str(error.value).startswith(str(xml))


def test_an_image_that_fits_two_ways_is_refused(write_voc, tmp_path):
    write_voc("a", labels="labels", images="one")
    write_voc("a", labels="labels", images="two")
    with pytest.raises(AnnotationError, match="fits 2 images"):
        read_pascal_voc(tmp_path / "photos")


def test_two_label_files_of_one_image_are_refused(write_voc, tmp_path):
    write_voc("a")
    (tmp_path / "photos" / "copy.xml").write_text(voc_xml("a.jpg"))
    with pytest.raises(AnnotationError, match=r"copy\.xml: labels the image a\.jpg, which a\.xml"):
        read_pascal_voc(tmp_path / "photos")


def test_no_label_file_and_no_folder_are_told(tmp_path):
    with pytest.raises(AnnotationError, match=r"no \.xml file here"):
        read_pascal_voc(tmp_path)
    with pytest.raises(AnnotationError, match="no such folder"):
        read_pascal_voc(tmp_path / "none")


def test_all_problems_are_collected_and_the_good_files_read(write_voc, tmp_path):
    write_voc("good")
    for name in ("x", "y"):
        write_voc(name).write_text("<")
    problems: list = []
    dataset = read_pascal_voc(tmp_path / "photos", problems=problems)
    assert [image.path.name for image in dataset] == ["good.jpg"]
    assert len(problems) == 2


def test_the_real_sets_are_read_in_full():
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the real sets are not here")
    bccd = read_pascal_voc(data / "bccd")
    assert (len(bccd), bccd.class_names) == (364, ("Platelets", "RBC", "WBC"))
    assert sum(len(image.annotations) for image in bccd) == 4888
    raccoon = read_pascal_voc(data / "raccoon")
    assert (len(raccoon), raccoon.class_names) == (200, ("raccoon",))
