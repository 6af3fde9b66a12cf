"""The environment is whole or not there, whoever is killed, offline or in between."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import od
from od.cli import cli
from od.doctor.sticks import toolchain_finding
from od.errors import ExportError, OutputError
from od.myriad import toolchain as room
from od.myriad.python39 import find_python
from od.myriad.toolchain import find_toolchain, make_toolchain, toolchain_folder

# What another od does, in a process that can be killed.
_ANOTHER = """
import sys
from od.myriad import python39
from od.myriad.toolchain import make_toolchain
python39.uv_binary = lambda: sys.argv[1]
make_toolchain(say=lambda line: print(line, flush=True))
"""


def another_od(stand_in) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(od.__file__).parent.parent)}
    command = [sys.executable, "-c", _ANOTHER, str(stand_in.uv)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.02)


def make() -> list[str]:
    said: list[str] = []
    make_toolchain(say=said.append)
    return said


def left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_is_made_once_and_says_what_where_and_how_large(stand_in, cache):
    assert find_toolchain() is None
    said = make()

    assert f"OpenVINO 2021.4.2 with a Python 3.9 of its own in {cache}" in said[0]
    assert "MB to fetch" in said[0]
    assert "MB on disk" in said[0]
    found = find_toolchain()
    assert found is not None
    assert found.folder == toolchain_folder() == cache / "openvino-2021.4.2"
    assert found.python.is_file()
    assert make() == []
    assert len(stand_in.calls("pip")) == 1


def test_everything_in_it_is_pinned_and_nothing_is_built(stand_in):
    make()
    (call,) = stand_in.calls("pip")

    assert {"openvino==2021.4.2", "numpy==1.19.5", "--no-deps"} <= set(call)
    assert call[call.index("--only-binary") + 1] == ":all:"
    assert all("==" in word for word in call if word.startswith("libusb"))


def test_killed_half_way_the_next_one_makes_it_anew_and_clears_up(stand_in, cache):
    stand_in.behave("hang")
    killed = another_od(stand_in)
    wait_for(stand_in.folder / "hanging")
    killed.kill()
    killed.communicate()

    assert find_toolchain() is None
    assert any(".od-tmp-" in name for name in left_over(cache))
    stand_in.behave("as usual")
    make()
    assert find_toolchain() is not None
    assert left_over(cache) == ["openvino-2021.4.2"]


def test_two_at_once_wait_for_one_another_and_make_one(stand_in):
    stand_in.behave("slow")
    others = [another_od(stand_in) for _ in range(2)]
    said = [other.communicate(timeout=60)[0] for other in others]

    assert [other.returncode for other in others] == [0, 0]
    assert len(stand_in.calls("pip")) == 1
    assert sum("waiting for another od" in text for text in said) == 1
    assert sum("making the Myriad toolchain" in text for text in said) == 1


def test_offline_ends_in_two_lines_and_leaves_nothing(stand_in, cache):
    stand_in.behave("no network")
    result = CliRunner().invoke(cli, ["doctor", "--setup-myriad"])

    assert result.exit_code == 1
    problem, hint = result.output.splitlines()[-2:]
    assert problem.startswith("Error: ")
    assert "Failed to fetch: `openvino`: dns error" in problem
    assert hint.startswith("Hint: connect this machine to the internet and run od doctor")
    assert left_over(cache) == []


def test_without_a_python39_that_is_said(stand_in, cache):
    stand_in.list_pythons()
    with pytest.raises(ExportError, match=r"no Python 3\.9 on this machine") as error:
        make()

    assert "error sending request" in str(error.value)
    assert "install Python 3.9" in error.value.hint
    assert left_over(cache) == []


def test_a_full_disk_is_said_with_a_way_out(stand_in):
    stand_in.behave("disk full")
    with pytest.raises(ExportError, match="No space left on device") as error:
        make()

    assert "OD_CACHE_DIR" in error.value.hint


def test_one_that_does_not_start_is_not_delivered(stand_in, cache):
    (stand_in.base / "broken").write_text("")
    with pytest.raises(ExportError, match=r"does not start: libstdc\+\+\.so\.6: version not found"):
        make()

    assert left_over(cache) == []


def test_a_cache_folder_that_cannot_be_written_is_named(stand_in, cache):
    cache.write_text("a file in the way")
    with pytest.raises(OutputError, match=f"{cache}"):
        make()


def test_one_whose_python_vanished_is_not_found_and_is_made_anew(stand_in):
    make()
    gone = stand_in.python.rename(stand_in.python.with_name("python3.9-moved"))
    assert find_toolchain() is None
    assert "is not whole" in toolchain_finding().found

    gone.rename(stand_in.python)
    assert find_toolchain() is not None
    stand_in.base.rename(stand_in.base.with_name("updated"))
    assert find_toolchain() is None
    stand_in.base.with_name("updated").rename(stand_in.base)
    (toolchain_folder() / "bin/python").unlink()
    assert any("replacing what is left of an earlier one" in line for line in make())
    assert find_toolchain() is not None


def test_one_that_a_cleaner_took_files_of_is_not_taken(stand_in):
    make()
    shutil.rmtree(toolchain_folder() / "lib/python3.9/site-packages/openvino/libs")
    assert find_toolchain() is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("packages", {"openvino": "2021.4.1"}, id="of another version"),
        pytest.param("machine", "aarch64", id="of another machine that shares the disk"),
        pytest.param("kind", "run", id="of another kind"),
    ],
)
def test_one_made_otherwise_is_not_taken(stand_in, key, value):
    make()
    path = toolchain_folder() / "od.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    assert find_toolchain() is None
    make()
    assert find_toolchain() is not None


def test_doctor_starts_the_one_that_is_there_and_replaces_it_when_it_fails(stand_in):
    make()
    assert CliRunner().invoke(cli, ["doctor", "--setup-myriad"]).exit_code == 0
    assert len(stand_in.calls("pip")) == 1
    (stand_in.base / "broken").write_text("")
    failed = CliRunner().invoke(cli, ["doctor", "--setup-myriad"])
    assert "does not start" in failed.output

    (stand_in.base / "broken").unlink()
    result = CliRunner().invoke(cli, ["doctor", "--setup-myriad"])
    assert result.stdout == f"OpenVINO 2021.4.2  {toolchain_folder()}\n"


@pytest.mark.parametrize(
    ("system", "machine", "reason"),
    [
        pytest.param("Linux", "aarch64", "no package for aarch64 processors", id="Raspberry Pi"),
        pytest.param("Darwin", "arm64", "no package for arm64 processors", id="Apple silicon"),
        pytest.param("FreeBSD", "amd64", "no package for FreeBSD", id="FreeBSD"),
    ],
)
def test_a_machine_without_a_wheel_is_told_so(
    stand_in, cache, monkeypatch, system, machine, reason
):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ExportError, match=reason) as error:
        make()

    assert "on a PC with Linux" in error.value.hint
    assert not cache.exists()
    assert reason in toolchain_finding().found


def test_libusb_is_the_systems_where_it_has_one_else_the_packages(stand_in, monkeypatch):
    make()

    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    found = find_toolchain()
    own, others = found.environment["LD_LIBRARY_PATH"].split(":")
    assert (Path(own) / "libusb-1.0.so.0").is_file()
    assert others == "/opt/lib"

    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    assert find_toolchain().environment == {}


def test_a_broken_python_on_the_path_is_passed_over(stand_in, tmp_path):
    broken = stand_in._script(tmp_path / "shim", "#!/bin/sh\nexit 127\n")
    other = stand_in._script(tmp_path / "pypy", "#!/bin/sh\necho pypy 3.9 8\n")
    stand_in.list_pythons(broken, tmp_path / "gone", other, stand_in.python)

    assert find_python(folder=tmp_path, pythons=tmp_path) == stand_in.python


def test_a_python_that_pyenv_keeps_off_the_path_is_found(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    stand_in.list_pythons()
    (tmp_path / "pyenv/versions/3.9.18/bin").mkdir(parents=True)
    kept = stand_in._script(
        tmp_path / "pyenv/versions/3.9.18/bin/python3.9", "#!/bin/sh\necho cpython 3.9 8\n"
    )

    assert find_python(folder=tmp_path, pythons=tmp_path) == kept


def test_what_the_user_set_for_projects_of_their_own_does_not_bend_it(stand_in, monkeypatch):
    monkeypatch.setenv("UV_CONSTRAINT", "/somewhere/constraints.txt")
    make()
    assert find_toolchain() is not None


def test_looking_for_it_starts_no_process(stand_in, monkeypatch):
    make()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert find_toolchain() is not None
    assert toolchain_finding().status == "ok"


def test_the_real_one_loads_the_plugin(toolchain):
    room._try_out(toolchain.folder)
