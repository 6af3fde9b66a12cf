"""What a checkpoint holds is read from its index, without tensorflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from od.errors import CheckpointError
from od.odapi.checkpoint_index import read_checkpoint_index
from od.odapi.snappy import decompress

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "pretrained/ssd_mobilenet_v2_small_256x256/checkpoint/ckpt-0"
ZOO = REPOSITORY.parent / "shared/zoo/checkpoint_index"
PREFIXES = [SHIPPED, *(path.with_suffix("") for path in sorted(ZOO.glob("*.index")))]


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: prefix.name)
def test_names_types_and_shapes_are_those_that_tensorflow_reads(prefix):
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    types = reader.get_variable_to_dtype_map()
    expected = {
        name: (types[name].as_datatype_enum, tuple(shape))
        for name, shape in reader.get_variable_to_shape_map().items()
    }
    entries = read_checkpoint_index(prefix)
    assert {name: (entry.dtype, entry.shape) for name, entry in entries.items()} == expected
    assert len(entries) > 300


def test_reading_an_index_does_not_import_tensorflow():
    code = (
        "import sys; from pathlib import Path\n"
        "from od.odapi.checkpoint import checkpoint_shapes\n"
        f"checkpoint_shapes(Path({str(SHIPPED)!r}))\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def _flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param(lambda data: b"", "has 0 bytes", id="empty"),
        pytest.param(lambda data: data[:-1], "ends in 0x", id="cut short"),
        pytest.param(lambda data: data[5000:], "", id="without its beginning"),
        pytest.param(_flipped, "another checksum than recorded", id="a bit flipped"),
    ],
)
def test_a_broken_index_is_refused_with_its_name_and_a_way_out(tmp_path, broken, words):
    data = SHIPPED.with_name("ckpt-0.index").read_bytes()
    (tmp_path / "ckpt-1.index").write_bytes(broken(data))
    with pytest.raises(CheckpointError, match=r"ckpt-1\.index: cannot be read") as error:
        read_checkpoint_index(tmp_path / "ckpt-1")
    assert words in str(error.value)
    assert error.value.hint


def test_a_missing_index_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="No such file") as error:
        read_checkpoint_index(tmp_path / "ckpt-1")
    assert "ckpt-0" in str(error.value.hint)


# Written by hand after format_description.txt: a literal, and copies with 1- and 2-byte offsets.
@pytest.mark.parametrize(
    ("block", "plain"),
    [
        pytest.param(b"\x03\x08abc", b"abc", id="literal"),
        pytest.param(b"\x0a\x04ab\x11\x02", b"ababababab", id="copy of what it writes"),
        pytest.param(b"\x06\x08abc\x0a\x03\x00", b"abcabc", id="two-byte offset"),
        pytest.param(b"\x46\xf0\x45" + b"x" * 70, b"x" * 70, id="long literal"),
    ],
)
def test_snappy_blocks_are_decompressed(block, plain):
    assert decompress(block) == plain


@pytest.mark.parametrize(
    "block",
    [b"", b"\x03\x08ab", b"\x09\x08abc", b"\x06\x08abc\x0a\x04\x00", b"\x06\x08abc\x0a"],
)
def test_broken_snappy_blocks_are_refused(block):
    with pytest.raises(ValueError, match=r"cut short|compressed block"):
        decompress(block)
