"""The lists of the templates' variables that ship are those of the built models."""

from __future__ import annotations

from pathlib import Path

import pytest

from od.odapi.variables import Dimension, format_variables, known_variables, parse_variables
from od.pipeline_config import read_pipeline_config

TEMPLATES = sorted((Path(__file__).resolve().parents[2] / "pipeline_configs").glob("*.config"))


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(path, id=path.stem, marks=() if "small" in path.stem else pytest.mark.long)
        for path in TEMPLATES
    ],
)
def test_the_list_of_a_template_is_that_of_the_built_model_with_other_classes(template):
    from od.odapi.checkpoint import model_variables
    from od.odapi.model import build_model

    config = read_pipeline_config(template).model
    getattr(config, config.WhichOneof("model")).num_classes = 7
    model = build_model(config, is_training=True)
    built = {f"model/{key}": tuple(v.shape) for key, v in model_variables(model).items()}
    assert known_variables(config) == built


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_has_its_list(template):
    assert known_variables(read_pipeline_config(template).model)


def _small():
    (path,) = (path for path in TEMPLATES if "small" in path.stem)
    return read_pipeline_config(path).model


def test_another_size_of_input_has_the_same_variables():
    config = _small()
    config.ssd.image_resizer.fixed_shape_resizer.height = 320
    config.ssd.post_processing.batch_non_max_suppression.iou_threshold = 0.5
    assert known_variables(config) == known_variables(_small())


def test_a_model_that_is_no_template_is_unknown():
    deeper, more_anchors = _small(), _small()
    deeper.ssd.feature_extractor.depth_multiplier = 0.5
    more_anchors.ssd.anchor_generator.multiscale_anchor_generator.scales_per_octave = 3
    assert known_variables(deeper) is None
    assert known_variables(more_anchors) is None


def test_a_list_is_read_as_it_was_written():
    listed = {
        "model/a": (Dimension(6, 6), Dimension(4, 0), Dimension(0, 3), Dimension(2, -1)),
        "model/scalar": (),
    }
    assert parse_variables(format_variables(listed)) == listed
