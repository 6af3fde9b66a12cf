import json
import os
import subprocess
import sys

import pytest

from od.doctor import examine, software
from od.doctor.software import _fits, package_findings, tensorflow_findings

WORKING = """
__version__ = "2.20.0"
class _Device:
    device_type = "CPU"
class config:
    list_physical_devices = staticmethod(lambda: [_Device()])
constant = lambda value: 1.0
print("a notice of the library")
"""


@pytest.fixture
def fake_tensorflow(tmp_path, monkeypatch):
    """``fake_tensorflow(source)`` puts such a package in front of the real one."""

    def write(source):
        package = tmp_path / "fake" / "tensorflow"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return write


def test_a_working_tensorflow_says_version_and_devices(fake_tensorflow, machine):
    fake_tensorflow(WORKING)
    starts, gpu = tensorflow_findings(machine.root, 30)

    assert (starts.status, starts.found) == ("ok", "2.20.0, sees CPU")
    assert gpu.status == "ok"


def test_a_gpu_that_tensorflow_does_not_see_comes_with_the_command(fake_tensorflow, machine):
    fake_tensorflow(WORKING)
    machine.write("proc/driver/nvidia/gpus/0/information", "Model: Some GPU\n")
    _, gpu = tensorflow_findings(machine.root, 30)

    assert gpu.status == "note"
    assert gpu.mend == "pip install 'tensorflow[and-cuda]==2.20.0'"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("raise ImportError('no libcudart')", "no libcudart", id="import error"),
        pytest.param("import os; os.kill(os.getpid(), 4)", "crashed with SIGILL", id="no AVX"),
        pytest.param("import os; os.kill(os.getpid(), 11)", "crashed with SIGSEGV", id="segfault"),
        pytest.param("import time; time.sleep(60)", "no answer within 2 s", id="hangs"),
        pytest.param("import os; os._exit(0)", "ended with status 0", id="leaves in silence"),
        pytest.param("def broken(:", "SyntaxError", id="half a file"),
        pytest.param("", "has no attribute", id="empty package"),
    ],
)
def test_a_broken_tensorflow_is_a_line_not_a_traceback(fake_tensorflow, machine, source, expected):
    fake_tensorflow(source)
    (finding,) = tensorflow_findings(machine.root, 2)

    assert finding.status == "missing"
    assert expected in finding.found
    assert "pip install --force-reinstall" in finding.mend


def test_a_crash_on_a_processor_without_avx_names_the_cause(fake_tensorflow, machine):
    fake_tensorflow("import os; os.kill(os.getpid(), 4)")
    machine.write("proc/cpuinfo", "flags : fpu sse\n")
    (finding,) = tensorflow_findings(machine.root, 30)

    assert "AVX" in finding.mend


def test_a_file_called_tensorflow_in_the_current_folder_is_not_meant(
    fake_tensorflow, machine, tmp_path, monkeypatch
):
    fake_tensorflow(WORKING)
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('not me')")
    monkeypatch.chdir(tmp_path)

    assert next(tensorflow_findings(machine.root, 30)).status == "ok"


def test_a_missing_package_comes_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(
        software.metadata, "requires", lambda name: ["no-such-library<3,>=2", 'x; extra == "test"']
    )
    found = list(package_findings())

    assert [f.subject for f in found] == ["od-finetune", "no-such-library"]
    assert found[1].status == "missing"
    assert found[1].mend == "pip install 'no-such-library<3,>=2'"


def test_every_declared_library_is_looked_at():
    subjects = {finding.subject for finding in package_findings()}

    assert {"tensorflow", "tf-keras", "openvino", "pycocotools", "click"} <= subjects
    assert not subjects & {"pytest", "ruff"}


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("2.20.0", "<2.21,>=2.20", True),
        ("2.21.0", "<2.21,>=2.20", False),
        ("2.19.1", "<2.21,>=2.20", False),
        ("2.8.0.post1", "==2.8.0.post1", True),
        ("3", "<3,>=2.1", False),
        ("6.33.6", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version, wanted, fits):
    assert _fits(version, wanted) is fits


def test_a_look_that_fails_does_not_stop_the_others(machine, monkeypatch):
    def broken():
        raise RuntimeError("what nobody thought of")

    monkeypatch.setattr(software, "python_finding", broken)
    monkeypatch.setattr(software, "_probe", lambda code, timeout: (None, "not tried here"))
    examination = examine(root=machine.root, folder=machine.root)

    assert "what nobody thought of" in examination.findings[0].found
    assert examination.findings[-1].subject == "Myriad toolchain"
    assert not examination.fit


def test_the_command_never_shows_a_traceback(fake_tensorflow, tmp_path):
    fake_tensorflow("import os; os.abort()")
    (tmp_path / "fake" / "openvino.py").write_text("raise OSError('half installed')")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "od", "doctor", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    found = {f["subject"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["TensorFlow starts"]["found"] == "no: it crashed with SIGABRT"
    assert "half installed" in found["OpenVINO starts"]["found"]


def test_the_table_names_what_is_missing_and_ends_with_status_1(fake_tensorflow, tmp_path):
    fake_tensorflow("raise ImportError('DLL load failed')")
    (tmp_path / "fake" / "openvino.py").write_text(
        "__version__ = '1-x'\nclass Core:\n    available_devices = ['CPU']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "od", "doctor"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "missing  TensorFlow starts" in done.stdout
    assert "-> pip install --force-reinstall 'tensorflow" in done.stdout
    assert "sees CPU" in done.stdout


def test_the_doctor_needs_nothing_that_may_be_missing():
    code = (
        "import sys, od.doctor, od.cli.doctor; "
        "print(sorted({'numpy', 'rich', 'tensorflow', 'openvino', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
