import json
import re

import numpy as np
import pytest
from PIL import Image

from od.evaluate import evaluate_detector
from od.report.evaluation_page import describe_errors, error_boxes, evaluation_page
from od.report.plots import plot_confusion, plot_precision_recall
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from page_tags import parsed
from record_files import CLASSES, A, B

FAR = (0.0, 70.0, 20.0, 90.0)


@pytest.fixture
def evaluation(records):
    answers = iter(
        [
            ([FAR, A], [0.8, 0.75], [1, 1]),  # the dog is missed, a cat where nothing is
            ([B], [0.85], [1]),  # taken for a cat
            (np.zeros((0, 4)), [], []),
        ]
    )

    def detector(image):
        boxes, scores, ids = next(answers)
        return Detections(
            np.array(boxes, np.float32), np.array(scores, np.float32), np.array(ids, np.int32)
        )

    return evaluate_detector(detector, records, "val", label_map=CLASSES)


def test_the_page_is_one_file_that_fetches_nothing(evaluation, records):
    text = evaluation_page(evaluation, detector="runs/a", folder=records, part="val")
    tags = parsed(text)

    assert tags.scripts == 0
    assert tags.pictures == 2
    assert all(link.startswith("data:image/jpeg;base64,") for link in tags.links)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text


def test_every_name_is_escaped(evaluation, records):
    text = evaluation_page(evaluation, detector="<i>run</i>", folder=records, part="val")

    assert "<b>dog</b>" not in text
    assert "a &lt;b&gt;dog&lt;/b&gt; &amp; &#x27;co&#x27;" in text
    assert "<i>run</i>" not in text
    assert "v&lt;1&gt;.png" in text
    assert "고양이" in text


def test_what_is_wrong_stands_in_words(evaluation):
    said = {
        image.name: describe_errors(image, errors, CLASSES) for image, errors in evaluation.worst(9)
    }
    assert said == {
        "v0.png": ["missed: a <b>dog</b> & 'co'", "false alarm: cat 80%"],
        "v<1>.png": ["wrong class: 고양이 taken for cat 85%"],
    }


def test_truth_is_dashed_and_only_mistakes_carry_names(evaluation):
    image, errors = evaluation.worst(1)[0]
    boxes = error_boxes(image, errors, CLASSES)

    assert [(b.dashed, b.text) for b in boxes] == [
        (False, "cat 80%"),
        (False, ""),
        (True, ""),
        (True, "a <b>dog</b> & 'co'"),
    ]


def test_a_detector_without_mistakes_has_no_worst_images(records):
    found = iter([(np.array([A, B]), [1, 2]), (np.array([B]), [3]), (np.zeros((0, 4)), [])])

    def detector(image):
        boxes, ids = next(found)
        scores = np.full(len(ids), 0.9, np.float32)
        return Detections(boxes.astype(np.float32), scores, np.array(ids, np.int32))

    evaluation = evaluate_detector(detector, records, "val", label_map=CLASSES)
    text = evaluation_page(evaluation, detector="x", folder=records, part="val")

    assert "every object was found and nothing else was" in text
    assert parsed(text).pictures == 0


def test_the_numbers_are_json_without_nan(evaluation):
    content = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))

    assert content["per_class"][0]["name"] == "cat"
    assert content["confusion"]["counts"] == [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [1, 0, 0, 0],
        [1, 0, 0, 0],
    ]


def test_plots_are_pngs_and_leave_matplotlib_as_it_was(evaluation, tmp_path, recwarn):
    import matplotlib

    before = dict(matplotlib.rcParams)
    plot_precision_recall(evaluation, tmp_path / "pr.png")
    plot_confusion(evaluation.confusion, tmp_path / "confusion.png")

    for name in ("pr.png", "confusion.png"):
        with Image.open(tmp_path / name) as opened:
            assert min(opened.size) > 300
    assert dict(matplotlib.rcParams) == before
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_plots_without_any_detection_and_with_dollar_signs(records, tmp_path):
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))
    names = LabelMap(tuple((i, f"${name}$") for i, name in CLASSES.items))
    (records / "label_map.pbtxt").unlink()
    evaluation = evaluate_detector(lambda image: empty, records, "val", label_map=names)

    plot_precision_recall(evaluation, tmp_path / "pr.png")
    plot_confusion(evaluation.confusion, tmp_path / "confusion.png")
    assert (tmp_path / "pr.png").stat().st_size > 1000
