import json

import numpy as np
import pytest

from od.detect import load_detector
from od.errors import ExportError
from stick_exports import BLUE, PAD, RED, STRETCH, squares, write_stick_export


@pytest.mark.parametrize("spec", [STRETCH, PAD], ids=["stretch", "pad"])
def test_boxes_are_where_the_things_are_in_the_original(tmp_path, spec):
    detect = load_detector(write_stick_export(tmp_path / "export", spec))
    image = squares(((16, 32, 32, 48), RED), ((160, 96, 176, 112), BLUE))

    found = detect(image).above(0.8)

    assert found.class_ids.tolist() == [1, 2]
    np.testing.assert_allclose(found.boxes, [[16, 32, 32, 48], [160, 96, 176, 112]], atol=0.01)
    assert (found.scores > 0.85).all()


def test_a_tall_image_is_undone_too(tmp_path):
    detect = load_detector(write_stick_export(tmp_path / "export", PAD))
    image = squares(((32, 160, 48, 176), BLUE), size=(128, 192))

    (box,) = detect(image).above(0.8).boxes

    np.testing.assert_allclose(box, [32, 160, 48, 176], atol=0.01)


def _change(folder, **changes):
    facts = json.loads((folder / "od.json").read_text(encoding="utf-8"))
    (folder / "od.json").write_text(json.dumps({**facts, **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"height": 300, "width": 300}, "takes .* expected", id="another size"),
        pytest.param({"resize": "none"}, "input_spec asks for", id="no resizer"),
        pytest.param({"height": None}, "input_spec asks for", id="no height"),
        pytest.param({"channels": "grey"}, "input_spec asks for", id="channels"),
        pytest.param({"pad_value": [0, 0, 999]}, "input_spec asks for", id="pad value"),
        pytest.param({"pad_value": "black"}, "cannot be read", id="pad value's kind"),
    ],
)
def test_an_input_spec_that_does_not_fit_is_refused(tmp_path, changes, message):
    folder = write_stick_export(tmp_path / "export")
    _change(folder, input_spec={**STRETCH.to_json(), **changes})

    with pytest.raises(ExportError, match=message) as error:
        load_detector(folder)

    assert str(error.value).startswith(str(folder))
    assert error.value.hint


def test_an_old_input_spec_without_padding_is_read(tmp_path):
    folder = write_stick_export(tmp_path / "export")
    fields = STRETCH.to_json()
    del fields["pad_value"]
    _change(folder, input_spec=fields)

    assert len(load_detector(folder)(squares())) == 0


@pytest.mark.parametrize("spoiled", ["model.xml", "model.bin"])
def test_a_broken_ir_is_said_so(tmp_path, spoiled):
    folder = write_stick_export(tmp_path / "export")
    (folder / spoiled).write_bytes(b"<net")

    with pytest.raises(ExportError, match=r"model\.xml: OpenVINO cannot load it"):
        load_detector(folder)
