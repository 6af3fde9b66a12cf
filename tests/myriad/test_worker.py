"""What the process answers; how its crash, its silence and its refusals read."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import od
from od.errors import DeviceError, DeviceGoneError, ExportError
from od.myriad import worker as room
from od.myriad.blob import MAX_SHAVES, check_blob
from od.myriad.toolchain import Toolchain
from od.myriad.worker import ToolchainWorker
from stick_exports import write_squares_ir

# Plays stick_worker.py: starts well, then does what a test has it do.
_SCRIPT = """
import json, os, signal, sys, time
print(json.dumps({{"ok": True, "version": "stand-in"}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["command"] == "load":
        answer = {{"ok": True, "input": [1, 3, 2, 2], "output": [1, 1, 2, 7]}}
    elif request["command"] == "attach":
        answer = {{"ok": True}}
    else:
        {does}
    print(json.dumps(answer), flush=True)
"""
FRAME = np.zeros((1, 3, 2, 2), np.uint8)


def write_ir(output: object, parameter: object, path: Path) -> Path:
    """Write IR version 10, which the toolchain reads."""
    import openvino
    from openvino import opset1 as op

    model = openvino.Model([op.result(output)], [parameter], path.stem)
    openvino.serialize(model, path, path.with_suffix(".bin"), "IR_V10")
    return path


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")


@pytest.fixture
def playing(tmp_path, monkeypatch):
    """Return a function that makes a worker which does one thing when it is asked."""
    (tmp_path / "model.xml").touch()
    (tmp_path / "model.bin").touch()

    def make(does: str, *, timeout: float = 20.0, start: str | None = None) -> ToolchainWorker:
        script = tmp_path / "script.py"
        script.write_text(_SCRIPT.format(does=does) if start is None else start)
        monkeypatch.setattr(room, "SCRIPT", script)
        python = Toolchain(tmp_path, Path(sys.executable), {})
        return ToolchainWorker(python, timeout=timeout)

    return make


def test_a_crash_becomes_an_error_with_the_last_words(playing):
    does = "print('out of CMX', file=sys.stderr, flush=True); os.kill(os.getpid(), 11)"
    with (
        playing(does) as worker,
        pytest.raises(ExportError, match=r"crashed with SIGSEGV at 'devices'.*out of CMX") as error,
    ):
        worker.devices()
    assert error.value.hint


def test_after_a_crash_it_says_so_again_instead_of_waiting(playing):
    with playing("sys.exit('no room')") as worker:
        for _ in range(2):
            with pytest.raises(ExportError, match=r"ended with status 1 at 'devices'.*no room"):
                worker.devices()


def test_a_lock_that_another_user_keeps_is_said_with_its_file(playing):
    does = "sys.exit('E: [ncAPI] ncDeviceOpen:764 global mutex initialization failed')"
    with playing(does) as worker, pytest.raises(ExportError) as error:
        worker.devices()
    assert "/tmp/mvnc.mutex" in error.value.hint


def test_silence_ends_with_the_time_it_was_given(playing):
    begin = time.monotonic()
    with (
        playing("time.sleep(60)", timeout=0.7) as worker,
        pytest.raises(ExportError, match=r"no answer to 'devices' within 0\.7 s"),
    ):
        worker.devices()
    assert time.monotonic() - begin < 10


def test_what_is_no_answer_is_quoted(playing):
    with (
        playing("print('Hello', flush=True); continue") as worker,
        pytest.raises(ExportError, match=r"answers 'devices' with 'Hello\\n', expected JSON"),
    ):
        worker.devices()


def test_one_that_does_not_start_is_said(playing):
    start = "import sys; sys.exit('ImportError: libstdc++')"
    with pytest.raises(ExportError, match=r"status 1 at 'starting'.*ImportError: libstdc\+\+"):
        playing("", start=start).__enter__()


def test_a_python_that_is_gone_is_said(tmp_path):
    with pytest.raises(ExportError, match="gone: cannot be started: No such file") as error:
        ToolchainWorker(Toolchain(tmp_path, tmp_path / "gone", {})).__enter__()
    assert "doctor --setup-myriad" in error.value.hint


def test_a_compilers_reason_is_told_without_the_place_in_its_makers_tree(playing, tmp_path):
    words = "\\x1b[31m[ GENERAL_ERROR ] \\n/home/jenkins/b/allocator.cpp:509 no memory for 3 MB"
    does = f"answer = {{'ok': False, 'kind': 'refused', 'error': '{words}'}}"
    with playing(does) as worker, pytest.raises(ExportError) as error:
        worker.compile_blob(tmp_path / "model.xml", tmp_path / "b", chip="myriadx", shaves=6)
    assert str(error.value) == (
        f"{tmp_path}/model.xml: OpenVINO 2021.4.2 refuses to compile it for myriadx with "
        "6 shaves: no memory for 3 MB"
    )


def test_a_process_that_dies_with_its_stick_is_a_stick_that_is_gone(playing, tmp_path):
    with playing("os.abort()") as worker:
        worker.load(tmp_path / "model.xml", device="MYRIAD.1.2-ma2480")
        with pytest.raises(DeviceGoneError, match=r"MYRIAD\.1\.2-ma2480: no longer answers"):
            worker.infer(FRAME)


def test_a_stick_that_reports_an_error_is_gone(playing, tmp_path):
    words = "Failed to read output from FIFO: NC_ERROR"
    does = f"answer = {{'ok': False, 'kind': 'gone', 'error': '{words}'}}"
    with playing(does) as worker:
        worker.load(tmp_path / "model.xml", device="MYRIAD", requests=2)
        worker_start = pytest.raises(DeviceGoneError, match=words)
        with worker_start:
            worker.start(1, FRAME)


def test_frames_and_results_leave_no_file_behind(playing, tmp_path):
    def files() -> set[str]:
        return {name for name in os.listdir("/dev/shm") if name.startswith("od-frames-")}

    before = files()
    with playing("answer = {'ok': True}") as worker:
        worker.load(tmp_path / "model.xml", requests=4)
        assert files() == before
        assert worker.infer(FRAME).shape == (2, 7)
        with pytest.raises(ValueError, match=r"uint8 \(1, 3, 2, 2\)"):
            worker.infer(FRAME[:, :2])


def test_a_model_that_is_half_there_is_refused_before_it_crashes_the_process(playing, tmp_path):
    (tmp_path / "model.bin").unlink()
    with playing("os.abort()") as worker, pytest.raises(ExportError, match=r"model\.bin: is not"):
        worker.unsupported_layers(tmp_path / "model.xml")


def test_the_script_is_written_for_the_oldest_python_that_it_may_meet():
    ast.parse(room.SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))


# From here on with the real toolchain.


def test_squares_are_found_as_on_the_current_openvino(toolchain, squares_ir):
    import openvino

    rng = np.random.default_rng(0)
    core = openvino.Core()
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    current = core.compile_model(core.read_model(squares_ir), "CPU", precise)
    with ToolchainWorker(toolchain) as worker:
        assert "CPU" in worker.devices()
        assert worker.version.startswith("2021.4.2")
        worker.load(squares_ir)
        for _ in range(3):
            frame = rng.integers(0, 256, (1, 3, 64, 96), dtype=np.uint8)
            expected = next(iter(current(frame).values())).reshape(-1, 7)
            np.testing.assert_allclose(_sorted(worker.infer(frame)), _sorted(expected), atol=1e-5)


def _sorted(rows: np.ndarray) -> np.ndarray:
    """Order the rows by all they say: two equal scores may come in either order."""
    return rows[np.lexsort(rows.round(4).T)]


def test_requests_in_flight_bring_each_its_own_result(toolchain, squares_ir):
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (12, 1, 3, 64, 96), dtype=np.uint8)
    with ToolchainWorker(toolchain) as worker:
        worker.load(squares_ir)
        expected = [worker.infer(frame) for frame in frames]
        worker.load(squares_ir, requests=4)
        of_request = {}
        for number, frame in enumerate(frames):
            if len(of_request) == 4:
                request, rows = worker.wait()
                np.testing.assert_array_equal(rows, expected[of_request.pop(request)])
            request = next(i for i in range(4) if i not in of_request)
            worker.start(request, frame)
            of_request[request] = number
        while of_request:
            request, rows = worker.wait()
            np.testing.assert_array_equal(rows, expected[of_request.pop(request)])


@pytest.mark.parametrize(("chip", "most"), MAX_SHAVES.items())
def test_a_blob_comes_out_without_a_stick_with_as_many_shaves_as_the_chip_has(
    toolchain, squares_ir, tmp_path, monkeypatch, chip, most
):
    blob = tmp_path / "model.blob"
    monkeypatch.setitem(MAX_SHAVES, chip, most + 1)
    with ToolchainWorker(toolchain) as worker:
        made = worker.compile_blob(squares_ir, blob, chip=chip, shaves=most)
        with pytest.raises(ExportError, match="shaves: Value of configuration option"):
            worker.compile_blob(squares_ir, tmp_path / "more", chip=chip, shaves=most + 1)
    header = check_blob(blob, shaves=most)

    assert (header.inputs, header.outputs, header.version) == (1, 1, (6, 0))
    assert header.inputs_size == 3 * 64 * 96
    assert made["seconds"] > 0
    assert made["said"] == ""
    assert [path.name for path in tmp_path.iterdir()] == ["model.blob"]


def test_a_layer_that_a_stick_cannot_run_is_named_by_both_ways(toolchain, tmp_path):
    from openvino import opset1 as op

    frame = op.parameter([1, 3, 8, 8], np.float32, name="input")
    cosine = op.cos(op.relu(frame), name="wave")
    xml = write_ir(cosine, frame, tmp_path / "model.xml")
    with ToolchainWorker(toolchain) as worker:
        assert worker.unsupported_layers(xml) == (("wave", "Cos"),)
        with pytest.raises(ExportError, match='layer "wave": unsupported layer type "Cos"'):
            worker.compile_blob(xml, tmp_path / "b", chip="myriadx", shaves=6)
    assert not (tmp_path / "b").exists()


def test_a_layer_that_the_plugin_takes_apart_and_runs_is_not_named(toolchain, squares_ir):
    assert 'type="Subtract"' in squares_ir.read_text()
    with ToolchainWorker(toolchain) as worker:
        assert worker.unsupported_layers(squares_ir) == ()


@pytest.mark.parametrize(
    ("file", "cut", "words"),
    [
        pytest.param("model.xml", 600, "cannot read it: ", id="IR cut off"),
        pytest.param("model.bin", 100, "Incorrect weights in bin file", id="weights cut off"),
    ],
)
def test_a_corrupt_ir_is_two_lines(toolchain, tmp_path, file, cut, words):
    xml = write_squares_ir(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:cut])
    with ToolchainWorker(toolchain) as worker:
        for ask in (worker.unsupported_layers, worker.load):
            with pytest.raises(ExportError, match=words) as error:
                ask(xml)
            assert str(error.value).startswith(str(xml))
            assert error.value.hint


def test_no_stick_is_a_device_error_and_the_worker_goes_on(toolchain, squares_ir):
    with ToolchainWorker(toolchain) as worker:
        if any(name.startswith("MYRIAD") for name in worker.devices()):
            pytest.skip("a stick is plugged in here")
        with pytest.raises(DeviceError, match="MYRIAD: no stick answers"):
            worker.load(squares_ir, device="MYRIAD")
        worker.load(squares_ir)
        worker.infer(np.zeros((1, 3, 64, 96), np.uint8))


_PARENT = """
import signal
import sys
from pathlib import Path
# What runs in the background of a script is started with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from od.myriad.toolchain import find_toolchain
from od.myriad.worker import ToolchainWorker
with ToolchainWorker(find_toolchain()) as worker:
    print(worker._process._process.pid, flush=True)
    try:
        worker.compile_blob(Path(sys.argv[1]), Path(sys.argv[2]), chip="myriadx", shaves=6)
    except KeyboardInterrupt:
        print("interrupted", worker._process.last_words(), flush=True)
"""


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_parent_in_the_middle_of_compiling(toolchain, squares_ir, tmp_path, way):
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(squares_ir), str(tmp_path / "blob")],
        env={**os.environ, "PYTHONPATH": str(Path(od.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    worker = int(parent.stdout.readline())
    time.sleep(1.5)  # compiling takes five seconds at least
    assert alive(worker)
    os.killpg(parent.pid, way)
    out, words = parent.communicate(timeout=20)

    assert "Traceback" not in words
    assert "KeyboardInterrupt" not in out
    assert out.startswith("interrupted") == (way == signal.SIGINT)
    deadline = time.monotonic() + 3
    while alive(worker):
        assert time.monotonic() < deadline, "it goes on without its parent"
        time.sleep(0.05)
