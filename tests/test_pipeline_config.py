"""Filling in: what is set, why, and that a template is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from od.errors import PipelineConfigError
from od.odapi.protos import copy_message
from od.pipeline_config import (
    DatasetFacts,
    Wishes,
    default_steps,
    fill_pipeline_config,
    find_template,
    read_pipeline_config,
    set_field,
)
from od.shipped import shipped
from od.workspace import Workspace

TEMPLATES = sorted(shipped("pipeline_configs").glob("*.config"))


def _facts(**changes):
    fields = {
        "label_map": "records/label_map.pbtxt",
        "train_pattern": "records/train-?????-of-?????.tfrecord",
        "val_pattern": "records/val-?????-of-?????.tfrecord",
        "num_classes": 3,
        "train_images": 205,
        "most_boxes": 30,
    }
    return DatasetFacts(**{**fields, **changes})


@pytest.fixture
def template():
    return read_pipeline_config(shipped("pipeline_configs") / "ssd_mobilenet_v2_320x320.config")


def _cosine(config):
    return config.train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate


def test_steps_and_the_schedule_change_together_and_the_rate_follows_the_batch(template):
    before = copy_message(template)
    config, changes = fill_pipeline_config(template, _facts(), Wishes(steps=5000, batch_size=16))

    scale = 16 / template.train_config.batch_size
    assert template == before
    assert config.model.ssd.num_classes == 3
    assert config.train_config.num_steps == _cosine(config).total_steps == 5000
    assert _cosine(config).warmup_steps == 200  # 2000 of 50000
    assert _cosine(config).learning_rate_base == pytest.approx(
        _cosine(template).learning_rate_base * scale
    )
    assert _cosine(config).warmup_learning_rate == pytest.approx(
        _cosine(template).warmup_learning_rate * scale
    )
    assert {c.field for c in changes} >= {"model.ssd.num_classes", "train_config.num_steps"}
    assert all(c.why for c in changes)


def test_more_boxes_than_the_template_keeps_are_not_dropped(template):
    config, _ = fill_pipeline_config(template, _facts(most_boxes=250), Wishes())
    assert config.train_config.max_number_of_boxes == 250
    assert config.train_input_reader.max_number_of_boxes == 250


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 10**6),
    batch=st.integers(1, 512),
    images=st.integers(1, 10**6),
    classes=st.integers(1, 1000),
)
def test_filling_in_twice_changes_nothing(path, steps, batch, images, classes):
    facts = _facts(num_classes=classes, train_images=images)
    wishes = Wishes(steps=steps, batch_size=batch, checkpoint="pretrained/x/checkpoint/ckpt-0")
    once, _ = fill_pipeline_config(read_pipeline_config(path), facts, wishes)
    rate = _base_rate(once)
    twice, changes = fill_pipeline_config(
        once, facts, Wishes(steps, batch, rate, "pretrained/x/checkpoint/ckpt-0")
    )
    assert twice == once
    assert changes == ()


def _base_rate(config):
    optimizer = config.train_config.optimizer
    rates = getattr(optimizer, optimizer.WhichOneof("optimizer")).learning_rate
    schedule = rates.WhichOneof("learning_rate")
    name = "learning_rate_base" if schedule.startswith("cosine") else "initial_learning_rate"
    return getattr(getattr(rates, schedule), name)


@given(st.integers(1, 10**7), st.integers(1, 512))
def test_steps_by_themselves_stay_within_reason(images, batch):
    assert 400 <= default_steps(images, batch) <= 20_000


def test_set_reaches_any_field(template):
    set_field(template, "train_config.batch_size=4")
    set_field(template, "model.ssd.feature_extractor.type=ssd_mobilenet_v2_fpn_keras")
    set_field(template, "eval_input_reader[0].shuffle=true")
    set_field(template, "model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios[1]=4")
    set_field(template, "train_config.data_augmentation_options[0]={random_vertical_flip {}}")

    assert template.train_config.batch_size == 4
    assert template.model.ssd.feature_extractor.type == "ssd_mobilenet_v2_fpn_keras"
    assert template.eval_input_reader[0].shuffle is True
    assert list(template.model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios)[:3] == [
        1,
        4,
        0.5,
    ]
    options = template.train_config.data_augmentation_options
    assert [o.WhichOneof("preprocessing_step") for o in options] == [
        "random_vertical_flip",
        "ssd_random_crop",
    ]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        pytest.param(
            "train_config.batchsize=4", "did you mean train_config.batch_size?", id="leaf"
        ),
        pytest.param("trainconfig.batch_size=4", "did you mean train_config?", id="branch"),
        pytest.param("train_config.batch_size", "for example", id="no value"),
        pytest.param("train_config.batch_size=four", "int", id="type"),
    ],
)
def test_a_wrong_set_names_the_way_out_and_changes_nothing(template, assignment, says):
    before = copy_message(template)
    with pytest.raises(PipelineConfigError) as error:
        set_field(template, assignment)
    assert says in str(error.value.hint)
    assert template == before


def test_short_names_and_own_files_are_found_and_others_get_the_nearest(tmp_path):
    workspace = Workspace(tmp_path)
    assert find_template("ssd", workspace).stem == "ssd_mobilenet_v2_small_256x256"
    own = tmp_path / "mine.config"
    own.write_text("model { ssd {} }")
    assert find_template(str(own), workspace) == own
    with pytest.raises(PipelineConfigError) as error:
        find_template("fastr_rcnn", workspace)
    assert "faster_rcnn" in str(error.value.hint)


def test_a_template_of_the_workspace_comes_before_the_shipped_one(tmp_path):
    folder = tmp_path / "pipeline_configs"
    folder.mkdir()
    (folder / "ssd_mobilenet_v2_320x320.config").write_text("model { ssd {} }")
    found = find_template("ssd_mobilenet_v2_320x320", Workspace(tmp_path))
    assert found == folder / "ssd_mobilenet_v2_320x320.config"
