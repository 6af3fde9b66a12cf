import numpy as np
import pytest

from conftest import encode, make_pixels
from od.detect import CocoResults, ImageDetections, detect_in_images, find_sources
from od.errors import ImageError
from od.structures.detections import Detections
from od.structures.label_map import LabelMap


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for position, name in enumerate(["b.jpg", "a.PNG", "more/c.jpg"]):
        kind = "PNG" if name.endswith("PNG") else "JPEG"
        (folder / name).write_bytes(encode(make_pixels(40 + position, 30), kind))
    (folder / "notes.txt").write_text("no image")
    return folder


def at_the_width(image):
    """Finds one object whose box tells the image's size, and a weak one."""
    height, width = image.shape[:2]
    return Detections(
        np.array([[0, 0, width, height], [1, 1, 2, 2]], np.float32),
        np.array([0.9, 0.4], np.float32),
        np.array([2, 1], np.int32),
    )


def test_folders_are_searched_and_files_taken_each_once_in_order(photos):
    found = find_sources([photos / "more/c.jpg", photos])

    assert [path.relative_to(photos).as_posix() for path in found] == [
        "more/c.jpg",
        "a.PNG",
        "b.jpg",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("nothing", "nothing: does not exist", id="missing"),
        pytest.param("empty", "empty: no image in this folder", id="empty folder"),
    ],
)
def test_a_source_without_images_is_an_error(tmp_path, source, message):
    (tmp_path / "empty").mkdir()

    with pytest.raises(ImageError, match=message) as error:
        find_sources([tmp_path / source])

    assert error.value.hint


def test_every_image_gets_its_own_detections_in_order(photos):
    images = find_sources([photos])
    told = []

    results = list(
        detect_in_images(
            at_the_width, images, threshold=0.5, progress=lambda *args: told.append(args[:2])
        )
    )

    assert [r.path for r in results] == images
    assert [r.detections.boxes[0][2] for r in results] == [41, 40, 42]
    assert [len(r.detections) for r in results] == [1, 1, 1]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_threshold_keeps_what_has_just_that_score(photos):
    (result,) = detect_in_images(at_the_width, [photos / "b.jpg"], threshold=np.float32(0.4))

    assert len(result.detections) == 2


def test_a_broken_image_is_told_and_the_others_go_on(photos):
    (photos / "aa.jpg").write_bytes((photos / "b.jpg").read_bytes()[:300])
    images = [*find_sources([photos]), photos / "gone.jpg"]

    results = list(detect_in_images(at_the_width, images))

    kinds = [type(result).__name__ for result in results]
    assert kinds == ["ImageDetections", "ImageError", *["ImageDetections"] * 2, "ImageError"]
    assert str(results[1]).startswith(str(photos / "aa.jpg"))
    assert "gone.jpg" in str(results[4])


def test_an_image_with_exif_is_turned_upright_before_detection(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(encode(make_pixels(64, 48), "JPEG", exif=exif))

    (result,) = detect_in_images(at_the_width, [tmp_path / "a.jpg"])

    assert result.pixels.shape == (64, 48, 3)
    assert result.detections.boxes[0].tolist() == [0, 0, 48, 64]


def test_results_are_written_as_coco_has_them(tmp_path):
    coco = CocoResults(LabelMap(((1, "cat"), (2, "고양이"))))
    boxes = np.array([[10.5, 20, 30.25, 60]], np.float32)
    found = Detections(boxes, np.array([0.75], np.float32), np.array([2], np.int32))
    pixels = np.zeros((90, 120, 3), np.uint8)
    nothing = Detections(boxes[:0], np.zeros(0, np.float32), np.zeros(0, np.int32))

    coco.add(ImageDetections(tmp_path / "empty.jpg", pixels, nothing))
    coco.add(ImageDetections(tmp_path / "a.jpg", pixels, found))

    assert coco.to_json() == {
        "images": [
            {"id": 1, "file_name": str(tmp_path / "empty.jpg"), "width": 120, "height": 90},
            {"id": 2, "file_name": str(tmp_path / "a.jpg"), "width": 120, "height": 90},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 2,
                "category_id": 2,
                "bbox": [10.5, 20.0, 19.75, 40.0],
                "area": 790.0,
                "score": 0.75,
            }
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "고양이"}],
    }
