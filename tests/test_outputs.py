import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from od import outputs
from od.errors import OutputError


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "records"
    for content in ("old", "new"):
        with outputs.whole_folder(target) as folder:
            (folder / content).write_text(content)
            assert not (target / content).exists()
        assert _names(target) == [content]
    assert _names(tmp_path) == ["records"]


def test_an_error_inside_leaves_the_old_folder_and_nothing_else(tmp_path):
    target = tmp_path / "records"
    with outputs.whole_folder(target) as folder:
        (folder / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), outputs.whole_folder(target) as folder:
        (folder / "new").write_text("new")
        raise ZeroDivisionError
    assert _names(target) == ["old"]
    assert _names(tmp_path) == ["records"]


def test_without_an_exchange_in_the_system_the_old_folder_is_replaced_as_well(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(outputs, "_exchange", lambda new, old: False)
    test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
def test_an_error_of_the_disk_is_told_with_the_target_and_a_way_out(tmp_path, code):
    target = tmp_path / "records"
    wanted = pytest.raises(OutputError, match="records: cannot be written")
    with wanted as error, outputs.whole_folder(target):
        raise OSError(code, os.strerror(code))
    assert os.strerror(code) in str(error.value)
    assert error.value.hint
    assert _names(tmp_path) == []


def test_a_failed_last_flush_brings_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "records"
    with outputs.whole_folder(target) as folder:
        (folder / "old").write_text("old")

    real_sync = outputs.sync

    def sync(path: Path) -> None:
        if path == tmp_path:
            raise OSError(errno.EIO, "I/O error")
        real_sync(path)

    monkeypatch.setattr(outputs, "sync", sync)
    with pytest.raises(OutputError), outputs.whole_folder(target) as folder:
        (folder / "new").write_text("new")
    assert _names(target) == ["old"]
    assert _names(tmp_path) == ["records"]


def test_a_link_to_a_folder_elsewhere_stays_a_link(tmp_path):
    real = tmp_path / "disk" / "records"
    real.mkdir(parents=True)
    link = tmp_path / "records"
    link.symlink_to(real)
    with outputs.whole_folder(link) as folder:
        (folder / "new").write_text("new")
    assert link.is_symlink()
    assert _names(real) == ["new"]


def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from od.outputs import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "records"
    killed = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(_names(tmp_path)) == 1
    assert not target.exists()
    with outputs.whole_folder(target) as folder:
        (folder / "whole").write_text("whole")
    assert _names(tmp_path) == ["records"]


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "label_map.pbtxt"
    with outputs.whole_file(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), outputs.whole_file(target) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["label_map.pbtxt"]


def test_od_json_tells_kind_command_and_versions(tmp_path):
    outputs.write_od_json(tmp_path, "records", {"parts": {"train": 1}})
    content = outputs.read_od_json(tmp_path)
    assert content["kind"] == "records"
    assert content["command"][0] == "od"
    assert content["versions"]["python"]
    assert content["parts"] == {"train": 1}


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_od_json_is_told_by_its_path(tmp_path, text):
    (tmp_path / "od.json").write_text(text)
    with pytest.raises(OutputError, match=r"od\.json"):
        outputs.read_od_json(tmp_path)
