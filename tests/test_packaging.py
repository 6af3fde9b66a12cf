"""What is installed: a wheel that carries its data, and works from any folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no build folder is left in the checkout."""
    source = tmp_path_factory.mktemp("source")
    _copy_tracked(source)
    done = _run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", "out", ".",
        cwd=source,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next((source / "out").glob("*.whl"))


def _copy_tracked(target: Path) -> None:
    """Copy what a wheel is made of."""
    for name in ("od", "annotations", "pipeline_configs", "pretrained"):
        shutil.copytree(
            REPOSITORY / name, target / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(REPOSITORY / name, target / name)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A clean environment with the wheel in it; its dependencies come from this one."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    options = ("--python", python, "install", "--no-deps", "--no-index")
    done = _run(sys.executable, "-m", "pip", *options, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    import numpy

    (site / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    return folder / "bin" / "od"


def test_the_wheel_carries_every_package_and_the_three_data_folders(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (REPOSITORY / "od").rglob("*.py"):
        assert file.relative_to(REPOSITORY).as_posix() in names
    for folder in ("annotations", "pipeline_configs", "pretrained"):
        for file in (REPOSITORY / folder).rglob("*"):
            if file.is_file():
                name = f"od/_shipped/{folder}/{file.relative_to(REPOSITORY / folder).as_posix()}"
                assert name in names
    assert not any(name.startswith(("tests/", "scenes/", "benchmarks/")) for name in names)


def test_a_plain_install_runs_the_quickstart_and_finetune_from_any_folder(installed, tmp_path):
    """Two steps only: how well it trains is the business of other tests."""
    done = _run(installed, "quickstart", "demo", "--steps", "2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert list(result["seconds"]) == [
        "sample",
        "prepare",
        "finetune",
        "evaluate",
        "export",
        "detect",
        "detect_on_stick.py",
    ]
    assert 0 <= result["map50"] <= 1
    for path in (
        "runs/quickstart/evaluate/val/report.html",
        "runs/quickstart/export/myriad/detect_on_stick.py",
        "detections/od.json",
    ):
        assert (tmp_path / "demo" / path).is_file()
    again = _run(
        installed, "finetune", "ssd", "--records", "demo/records", "--steps", "1", "--dry-run",
        cwd=tmp_path,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "_shipped/pretrained" in again.stdout
