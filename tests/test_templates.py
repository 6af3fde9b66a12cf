"""The templates in pipeline_configs/ against the official configs they were written after."""

from pathlib import Path

import pytest

from od.pipeline_config import read_pipeline_config
from od.shipped import shipped

SHARED = Path(__file__).resolve().parents[2] / "shared"
TEMPLATES = sorted(shipped("pipeline_configs").glob("*.config"))
OFFICIAL = [
    "ssd_mobilenet_v2_320x320",
    "ssd_mobilenet_v2_fpnlite_320x320",
    "faster_rcnn_resnet50_v1_640x640",
]
# What differs on purpose: paths are filled in by od finetune, training starts from the
# published detector and not from its backbone, and bfloat16 works on TPUs only.
ON_PURPOSE = {
    "train_config.fine_tune_checkpoint",
    "train_config.fine_tune_checkpoint_type",
    "train_input_reader.label_map_path",
    "train_input_reader.tf_record_input_reader.input_path",
    "eval_input_reader[0].label_map_path",
    "eval_input_reader[0].tf_record_input_reader.input_path",
}


def fields(message, path=""):
    """Yield ``(path, value)`` of every field that is set."""
    for descriptor, value in message.ListFields():
        name = f"{path}.{descriptor.name}" if path else descriptor.name
        if descriptor.message_type is None:
            yield name, list(value) if not isinstance(value, (str, int, float, bool)) else value
        elif hasattr(value, "ListFields"):
            yield name, "present"
            yield from fields(value, name)
        else:
            for place, item in enumerate(value):
                yield from fields(item, f"{name}[{place}]")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the official configs are not here")
@pytest.mark.parametrize("name", OFFICIAL)
def test_every_field_is_the_official_one_but_those_named(name):
    ours = dict(fields(read_pipeline_config(shipped("pipeline_configs") / f"{name}.config")))
    official_file = SHARED / f"zoo/official_configs/{name}_coco17_tpu-8.config"
    official = dict(fields(read_pipeline_config(official_file)))
    different = {
        field for field in ours.keys() | official.keys() if ours.get(field) != official.get(field)
    }
    extra = {"train_config.use_bfloat16"} if name.startswith("faster_rcnn") else set()
    assert different == ON_PURPOSE | extra
    assert len(ours) > 80
    assert ours["train_config.fine_tune_checkpoint_type"] == "detection"


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_opens_with_what_it_is_its_source_and_its_command(file):
    header = file.read_text().split("\n\n")[0].splitlines()

    assert all(line.startswith("#") for line in header)
    text = "\n".join(header)
    assert "# From: " in text
    assert f"# od finetune {file.stem}" in text


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_leaves_every_path_to_be_filled_in(file):
    config = read_pipeline_config(file)
    readers = [config.train_input_reader, *config.eval_input_reader]
    paths = [config.train_config.fine_tune_checkpoint]
    for reader in readers:
        paths += [reader.label_map_path, *reader.tf_record_input_reader.input_path]

    assert set(paths) == {"PATH_TO_BE_CONFIGURED"}
