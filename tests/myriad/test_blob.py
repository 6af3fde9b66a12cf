"""A blob that is not whole or not what was asked for is not delivered."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from od.errors import ExportError
from od.myriad.blob import check_blob, check_shaves, read_blob_header

GOOD = {
    "magic": 9709,
    "file_size": 4096,
    "major": 6,
    "minor": 0,
    "inputs": 1,
    "outputs": 1,
    "stages": 10,
    "inputs_size": 3072,
    "outputs_size": 280,
    "batch": 1,
    "bss_size": 12800,
    "cmx_slices": 6,
    "shaves": 6,
}


def write_blob(path: Path, size: int = 4096, start: bytes = b"\x7felf", **others: int) -> Path:
    header = start.ljust(52, b"\0") + struct.pack("<13I", *{**GOOD, **others}.values())
    path.write_bytes(header.ljust(size, b"\0")[:size])
    return path


def test_a_header_is_read_as_it_stands(tmp_path):
    header = read_blob_header(write_blob(tmp_path / "blob"))

    assert (header.file_size, header.stages, header.bss_size) == (4096, 10, 12800)
    assert check_blob(tmp_path / "blob", shaves=6) == header


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"magic": 9708}, "magic 9708 in the blob's header, expected 9709", id="magic"),
        pytest.param({"major": 5}, r"version \(5, 0\)", id="version"),
        pytest.param({"size": 4000}, "file size 4096 .* expected 4000", id="cut off"),
        pytest.param({"size": 5000}, "file size 4096 .* expected 5000", id="something behind it"),
        pytest.param({"inputs": 2}, "inputs 2 .* expected 1", id="inputs"),
        pytest.param({"outputs": 2}, "outputs 2 .* expected 1", id="outputs"),
        pytest.param({"batch": 4}, "batch 4 .* expected 1", id="batch"),
        pytest.param({"shaves": 4}, "shaves 4 .* expected 6", id="shaves"),
        pytest.param({"cmx_slices": 4}, "CMX slices 4 .* expected 6", id="CMX slices"),
        pytest.param({"size": 60}, "60 bytes, a blob has 104 and more", id="header cut off"),
        pytest.param({"size": 0}, "0 bytes", id="empty"),
        pytest.param({"start": b"<?xml"}, r"begins with b'<\?xm', a blob with", id="no blob"),
    ],
)
def test_what_is_wrong_is_named_with_both_values(tmp_path, wrong, words):
    blob = write_blob(tmp_path / "blob", **wrong)
    with pytest.raises(ExportError, match=words) as error:
        check_blob(blob, shaves=6)
    assert str(error.value).startswith(f"{blob}: ")


def test_one_that_is_missing_is_named(tmp_path):
    with pytest.raises(ExportError, match="blob: cannot be read: No such file"):
        read_blob_header(tmp_path / "blob")


@pytest.mark.parametrize(
    ("chip", "shaves", "words"),
    [
        ("myriad2", 13, "myriad2 cannot use 13 shaves, expected 1 to 12"),
        ("myriadx", 17, "myriadx cannot use 17 shaves, expected 1 to 16"),
        ("myriadx", 0, "cannot use 0 shaves"),
        ("hailo", 6, "chip 'hailo' is unknown, expected one of myriad2, myriadx"),
    ],
)
def test_more_shaves_than_a_chip_has_are_refused(chip, shaves, words):
    with pytest.raises(ExportError, match=words):
        check_shaves(chip, shaves)


@pytest.mark.parametrize(("chip", "most"), [("myriad2", 12), ("myriadx", 16)])
def test_all_shaves_of_a_chip_may_be_used(chip, most):
    check_shaves(chip, 1)
    check_shaves(chip, most)
