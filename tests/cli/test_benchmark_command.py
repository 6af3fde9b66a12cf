import json

import numpy as np
import pytest
from click.testing import CliRunner

from od.cli import cli
from od.detect.devices import CallableDevice
from od.detect.speed import Timed
from od.errors import ExportError
from od.outputs import write_od_json
from stand_in_sticks import StandInStick
from stick_exports import write_stick_export


def run(*arguments):
    return CliRunner().invoke(cli, ["benchmark", *arguments, "--seconds", "0.05"])


@pytest.fixture
def export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("od.workflows.benchmark.find_sticks", lambda root: ())
    images = [np.zeros((60, 80, 3), np.uint8)] * 2
    monkeypatch.setattr("od.workflows.benchmark.sample_images", lambda records: (images, "made up"))
    write_od_json(tmp_path, "run", {})
    return write_stick_export(tmp_path / "export/myriad")


@pytest.fixture
def no_toolchain(monkeypatch):
    def missing(*_, **__):
        raise ExportError("OpenVINO 2021.4.2, which sticks need, is not set up here")

    monkeypatch.setattr("od.workflows.benchmark.open_toolchain_cpu", missing)


def test_what_is_here_is_measured_and_what_is_not_is_named(export, no_toolchain):
    result = run("export/myriad")

    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert " ".join(lines[0]) == "runtime in flight latency ms 90 % below CPU ms/image images/s"
    assert [line[-5] for line in lines[2:5]] == ["1", "2", "4"]
    assert all(float(line[-1]) > 1 for line in lines[2:5])
    assert "2 images: made up" in result.stdout
    assert "left out: sticks: none plugged in\n" in result.stderr
    assert "left out: IR for sticks, OpenVINO 2021.4: OpenVINO 2021.4.2, which" in result.stderr


def test_a_run_is_all_its_exports_compared_with_the_saved_model(export, no_toolchain, monkeypatch):
    saved = export.parent / "saved_model"
    (saved / "saved_model").mkdir(parents=True)
    write_od_json(
        saved,
        "export",
        {"target": "saved_model", "model": "saved_model", "input_spec": {}},
    )

    def slow(_, count):
        device = StandInStick("CPU", seconds=0.02, requests=count)
        return Timed([device], lambda image: 0, lambda found, image: found, device.close)

    monkeypatch.setattr("od.workflows.benchmark._callable", slow)
    result = run(".", "--json", "--requests", "1")

    content = json.loads(result.stdout)
    assert [m["runtime"] for m in content["measured"]] == [
        "SavedModel, TensorFlow",
        "IR for sticks, OpenVINO",
    ]
    first, second = content["measured"]
    assert first["times_saved_model"] == 1
    assert second["times_saved_model"] == pytest.approx(
        second["images_per_second"] / first["images_per_second"]
    )
    assert second["requests"] == 1
    assert content["cores"] >= 1
    assert "x SavedModel" in run(".", "--requests", "1").stdout


def test_all_sticks_are_measured_together(export, no_toolchain, monkeypatch):
    def sticks(_, count):
        devices = [StandInStick(f"MYRIAD.{i}", requests=count) for i in range(2)]
        return Timed(devices, lambda image: 0, lambda found, image: found, lambda: None)

    monkeypatch.setattr("od.workflows.benchmark._sticks", sticks)
    result = run("export/myriad", "--requests", "4", "--json")

    last = json.loads(result.stdout)["measured"][-1]
    assert (last["runtime"], last["devices"]) == ("sticks", ["MYRIAD.0", "MYRIAD.1"])


def test_a_saved_model_runs_in_as_many_threads_as_are_asked_for():
    device = CallableDevice(lambda frame: frame + 1, "CPU", 3)
    for request in range(3):
        device.start(request, request * 10)

    assert sorted(device.wait() for _ in range(3)) == [(0, 1), (1, 11), (2, 21)]
    device.close()


def test_the_sticks_runtime_is_measured_where_it_is_set_up(export):
    from od.myriad.toolchain import find_toolchain

    if find_toolchain() is None:
        pytest.skip("the toolchain is not set up")
    content = json.loads(run("export/myriad", "--json", "--requests", "4").stdout)

    assert content["measured"][-1]["devices"] == ["CPU-2021.4"]
    assert content["measured"][-1]["images_per_second"] > 1
    assert content["measured"][-1]["processor"] is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ["nothing"],
            "Error: nothing: no such folder\n"
            "Hint: give a folder that od export made, as runs/<name>/export/openvino\n",
            id="nothing there",
        ),
        pytest.param(
            ["empty"],
            "Error: empty: holds no export, neither itself nor in export/\n"
            "Hint: make some: od export --target saved_model, openvino or myriad\n",
            id="run without exports",
        ),
    ],
)
def test_mistakes_end_in_two_lines(export, tmp_path, arguments, expected):
    (tmp_path / "empty").mkdir()

    result = run(*arguments)

    assert (result.exit_code, result.output) == (1, expected)
