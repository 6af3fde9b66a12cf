import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.shipped import shipped
from od.workflows.models import list_models
from od.workspace import Workspace

SHIPPED = [
    "faster_rcnn_resnet50_v1_640x640",
    "ssd_mobilenet_v2_320x320",
    "ssd_mobilenet_v2_fpnlite_320x320",
    "ssd_mobilenet_v2_small_256x256",
]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


def listed():
    return {m["name"]: m for m in json.loads(run("--json").stdout)["models"]}


def run(*arguments):
    result = CliRunner().invoke(cli, ["models", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_every_template_stands_in_the_table_with_what_was_published():
    lines = {line.split()[0]: line.split() for line in run().stdout.splitlines() if line.split()}

    assert lines["model"] == ["model", "input", "mAP", "ms", "stick", "checkpoint"]
    assert lines["ssd_mobilenet_v2_320x320"][1:7] == ["300", "x", "300", "20.2", "19", "yes"]
    assert lines["faster_rcnn_resnet50_v1_640x640"][1:7] == [
        "640,",
        "aspect",
        "kept",
        "29.3",
        "53",
        "no",
    ]
    assert set(SHIPPED) <= lines.keys()


def test_json_has_the_same_and_where_a_checkpoint_was_published():
    models = listed()
    small = models["ssd_mobilenet_v2_small_256x256"]

    assert list(models) == SHIPPED
    assert (small["short_name"], small["input_size"], small["url"]) == ("ssd", "256 x 256", None)
    assert models["ssd_mobilenet_v2_320x320"]["url"].startswith("http://download.tensorflow.org/")


def test_own_templates_come_first_and_unchanged_copies_are_not_own(workspace):
    workspace.pipeline_configs.mkdir()
    copy = shipped("pipeline_configs") / "ssd_mobilenet_v2_320x320.config"
    (workspace.pipeline_configs / copy.name).write_bytes(copy.read_bytes())
    changed = copy.read_text().replace("height: 300", "height: 224").replace("300", "224")
    (workspace.pipeline_configs / "mine.config").write_text(changed)
    found = list_models(workspace)

    assert [(m.name, m.own) for m in found][:2] == [
        ("mine", True),
        ("faster_rcnn_resnet50_v1_640x640", False),
    ]
    assert found[0].input_size == "224 x 224"
    assert "mine *" in run().stdout


def test_a_template_that_cannot_be_read_is_listed_with_its_problem(workspace):
    workspace.pipeline_configs.mkdir()
    (workspace.pipeline_configs / "broken.config").write_text("model {")
    result = run()

    assert "cannot be read" in result.stdout
    assert "broken.config: is not a pipeline.config" in result.stderr


def test_a_checkpoint_in_the_workspace_is_seen(workspace):
    assert listed()["ssd_mobilenet_v2_320x320"]["checkpoint"] is None
    folder = workspace.pretrained / "ssd_mobilenet_v2_320x320_coco17_tpu-8/checkpoint"
    folder.mkdir(parents=True)
    (folder / "ckpt-0.index").touch()
    (folder / "ckpt-0.data-00000-of-00001").touch()

    assert listed()["ssd_mobilenet_v2_320x320"]["checkpoint"].endswith("checkpoint/ckpt-0")


def test_neither_tensorflow_nor_openvino_is_imported():
    code = (
        "import sys\n"
        "from od.cli import cli\n"
        "cli(['models'], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'openvino', 'matplotlib', 'PIL', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"
