import json

import pytest
from click.testing import CliRunner

from od.cli import cli
from od.shipped import shipped
from od.workflows.initialize import make_workspace


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return CliRunner().invoke(cli, ["init", *arguments])


def snapshot(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def test_a_workspace_has_a_readme_annotations_and_the_templates(tmp_path):
    result = run("birds")
    templates = {file.name for file in shipped("pipeline_configs").glob("*.config")}

    assert result.exit_code == 0, result.output
    assert {p.name for p in (tmp_path / "birds/pipeline_configs").iterdir()} == templates
    assert list((tmp_path / "birds/annotations").iterdir()) == []
    readme = (tmp_path / "birds/README.md").read_text()
    assert [c for c in ("od prepare", "od finetune ssd", "od evaluate") if c not in readme] == []
    assert result.stdout.startswith("birds\nbirds/annotations\nbirds/pipeline_configs\n")
    assert result.stdout.endswith(
        "    cd birds\n    od prepare\n    od finetune ssd\n    od evaluate\n"
    )


def test_a_second_run_says_so_and_changes_nothing(tmp_path):
    run()
    before = snapshot(tmp_path)
    result = run()

    assert result.exit_code == 0
    assert result.stdout.startswith(".: is a workspace already, nothing was changed\n")
    assert snapshot(tmp_path) == before


def test_a_missing_piece_is_completed(tmp_path):
    run()
    (tmp_path / "README.md").unlink()

    assert [p.name for p in make_workspace(tmp_path).made] == ["README.md"]


@pytest.mark.parametrize("name", ["README.md", "pipeline_configs/ssd_mobilenet_v2_320x320.config"])
def test_a_file_of_the_user_is_never_overwritten(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    result = run()

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {name}: refusing to overwrite it, its content is not od's\n"
        "Hint: make the workspace in a folder of its own: od init DIR\n"
    )
    assert snapshot(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_two_lines(tmp_path):
    (tmp_path / "birds").write_text("x")
    result = run("birds")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: birds")
    assert "Traceback" not in result.output


def test_json_names_what_was_made():
    content = json.loads(run("w", "--json").stdout)

    assert content["workspace"] == "w"
    assert "w/README.md" in content["made"]
