"""Who may import what, and what stays light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import od

PACKAGE = Path(od.__file__).parent

LAYERS = {
    0: {"errors", "outputs", "shipped"},
    1: {"structures"},
    2: {
        "annotations",
        "checks",
        "drawing",
        "image_markers",
        "images",
        "metrics",
        "myriad",
        "odapi",
        "pipeline_config",
        "pretrained",
        "records",
        "splits",
        "workspace",
    },
    3: {
        "detect",
        "doctor",
        "evaluate",
        "export",
        "finetune",
        "inspect_records",
        "prepare",
        "report",
    },
    4: {"workflows"},
    5: {"cli", "__main__", "__init__"},
}
LAYER_OF = {room: layer for layer, rooms in LAYERS.items() for room in rooms}

# Which rooms or files may import an outside library, prefixes of paths in the package.
OWNERS = {
    "PIL": {"images.py", "drawing.py"},
    "click": {"cli/"},
    "cv2": {"detect/"},
    "google": {"odapi/protos.py", "pipeline_config.py"},
    "google_crc32c": {"records/tfrecord.py"},
    "lxml": {"annotations/pascal_voc.py"},
    "matplotlib": {"report/"},
    "object_detection": {"odapi/"},
    "platformdirs": {"myriad/toolchain.py"},
    "openvino": {"export/", "detect/"},
    "pycocotools": {"metrics/"},
    "rich": {"cli/"},
    "simplejpeg": {"images.py"},
    "tensorflow": {"odapi/", "finetune/", "export/", "detect/", "doctor/"},
    "tf_keras": {"odapi/"},
    "uv": {"myriad/python39.py"},
}
LIGHT = {"numpy"}


def _imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module of a file, and whether it is imported at the top of the module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in top


def _room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


# Run in another Python, import nothing of od and are imported by nothing.
ELSEWHERE = {
    PACKAGE / "myriad" / "stick_worker.py",
    PACKAGE / "export" / "stick" / "detect_on_stick.py",
}
FILES = sorted(set(PACKAGE.rglob("*.py")) - ELSEWHERE)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_a_room_imports_only_lower_layers_and_not_its_neighbours_steps(file):
    room = _room(file)
    assert room in LAYER_OF, f"{room}: give it a layer"
    for module, _ in _imports(file):
        parts = module.split(".")
        if parts[0] != "od" or len(parts) == 1:
            continue
        other = parts[1]
        if other == room:
            continue
        assert LAYER_OF[other] <= LAYER_OF[room], f"{room} imports {module}, a higher layer"
        if LAYER_OF[room] == 3:
            assert LAYER_OF[other] < 3, f"{room} imports {module}, another step"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_each_library_is_touched_by_its_owner_only(file):
    name = file.relative_to(PACKAGE).as_posix()
    for module, at_top in _imports(file):
        library = module.split(".")[0]
        if library in OWNERS:
            assert any(name.startswith(o) for o in OWNERS[library]), f"{name} imports {library}"
        elif library not in LIGHT and library != "od":
            assert library in sys.stdlib_module_names, f"{library} has no owner"
        if library in ("tensorflow", "openvino", "object_detection", "matplotlib"):
            assert not at_top, f"{name} imports {library} at the top of the module"


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="od --help"),
        pytest.param(["prepare", "{folder}"], id="od prepare"),
        pytest.param(["models"], id="od models"),
        pytest.param(["finetune", "--no-such-option"], id="wrong option"),
        pytest.param(["finetune", "fastr_rcnn"], id="wrong model"),
        pytest.param(["export", "--target", "nonsense"], id="wrong target"),
        pytest.param(["evaluate", "{folder}/nowhere"], id="no such run"),
        pytest.param(["detect", "{folder}/nowhere", "{folder}"], id="no such export"),
        pytest.param(["nonsense"], id="no such command"),
    ],
)
def test_helps_and_wrong_uses_never_import_tensorflow_or_openvino(arguments, tmp_path, write_voc):
    write_voc(folder=tmp_path, name="a")
    write_voc(folder=tmp_path, name="b")
    arguments = [a.format(folder=tmp_path) for a in arguments]
    code = (
        "import os, sys\n"
        f"os.chdir({str(tmp_path)!r})\n"
        f"sys.argv = ['od', *{arguments!r}]\n"
        "from od.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('heavy:', sorted({'tensorflow', 'openvino', 'tf_keras'} & sys.modules.keys()))\n"
    )
    done = _run(code)
    assert done.stdout.endswith("heavy: []\n"), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_importing_od_is_light_and_every_public_name_is_there():
    done = _run("import sys, od; print('numpy' in sys.modules)")
    assert done.stdout == "False\n", done.stderr
    for name in od.__all__:
        assert getattr(od, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = od.nonsense


def test_the_public_names_are_these():
    assert sorted(od.__all__) == [
        "AnnotatedImage",
        "Annotation",
        "BoundingBox",
        "Dataset",
        "Detections",
        "Detector",
        "ExportedDetector",
        "FinetunedDetector",
        "InputSpec",
        "LabelMap",
        "OdError",
        "PreparedDataset",
        "Workspace",
        "evaluate_detector",
        "export_detector",
        "finetune_detector",
        "iou",
        "load_detector",
        "plan_finetuning",
        "plan_resuming",
        "prepare_dataset",
    ]
