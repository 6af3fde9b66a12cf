"""Names, types and shapes of a checkpoint's variables, read without tensorflow.

A checkpoint's ``.index`` is a table in LevelDB's format (tensorflow/core/lib/io/table.cc):
blocks of sorted entries, plain or compressed with Snappy (as the zoo's are), each followed by
one byte of compression type and a masked CRC-32C, and at the end a footer that tells where the
block of blocks is.  The values are ``BundleEntryProto``s
(tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from od.errors import CheckpointError
from od.odapi.snappy import decompress
from od.odapi.wire import read_varint
from od.records.tfrecord import masked_crc32c

_FOOTER_BYTES = 48  # two block handles, padded, and the magic; core/lib/io/format.h
_MAGIC = 0xDB4775248B80FB57  # kTableMagicNumber, ibidem
_TRAILER = struct.Struct("<BI")  # compression type, masked CRC-32C of block and type
_UNCOMPRESSED, _SNAPPY = 0, 1
_DTYPE, _SHAPE = 1, 2  # fields of BundleEntryProto
_DIM, _SIZE = 2, 1  # of TensorShapeProto, of its Dim


@dataclass(frozen=True)
class IndexEntry:
    """What an index tells of one tensor.

    Args:
        dtype: A number of tensorflow's ``DataType``; 1 is float32.
        shape: Sizes of its dimensions.
    """

    dtype: int
    shape: tuple[int, ...]


def read_checkpoint_index(prefix: Path) -> dict[str, IndexEntry]:
    """Read ``<prefix>.index``.

    Args:
        prefix: The checkpoint, as ``.../checkpoint/ckpt-0``.

    Returns:
        Each tensor's type and shape, by its whole key.

    Raises:
        CheckpointError: There is no such file, or it is broken.
    """
    path = prefix.with_name(prefix.name + ".index")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read: {error.strerror}",
            hint="give the prefix before .index, as .../checkpoint/ckpt-0",
        ) from error
    try:
        return {
            key.decode("utf-8"): _entry(value)
            for key, value in _table(data)
            # "" is the header; a key with a leading zero is a slice of another tensor.
            if key and not key.startswith(b"\0")
        }
    except (IndexError, ValueError, struct.error) as error:
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint's index: {error}",
            hint="it is broken or cut short: fetch or train the checkpoint again",
        ) from error


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a table's bytes."""
    if len(data) < _FOOTER_BYTES:
        raise ValueError(f"it has {len(data)} bytes, less than the {_FOOTER_BYTES} of its end")
    footer = data[-_FOOTER_BYTES:]
    (magic,) = struct.unpack("<Q", footer[-8:])
    if magic != _MAGIC:
        raise ValueError(f"it ends in {magic:#x}, expected {_MAGIC:#x}")
    at = 0
    for _ in range(2):  # the block of meta data, always empty, stands first
        _, at = read_varint(footer, at)
    for _, handle in _entries(_block(data, footer[at:])):
        yield from _entries(_block(data, handle))


def _block(data: bytes, handle: bytes) -> bytes:
    """Return the block that a handle (offset and size) points to, without its trailer."""
    offset, at = read_varint(handle, 0)
    size, _ = read_varint(handle, at)
    end = offset + size
    if end + _TRAILER.size > len(data):
        raise ValueError(f"a block ends at byte {end} of {len(data)}")
    compression, checksum = _TRAILER.unpack_from(data, end)
    if masked_crc32c(data[offset : end + 1]) != checksum:
        raise ValueError(f"the block at byte {offset} has another checksum than recorded")
    if compression == _SNAPPY:
        return decompress(data[offset:end])
    if compression != _UNCOMPRESSED:
        raise ValueError(f"the block at byte {offset} has the unknown compression {compression}")
    return data[offset:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield a block's keys and values; a key holds only what differs from the one before."""
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError(f"a block of {len(block)} bytes names {restarts} restarts")
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        own, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise ValueError("an entry reaches beyond its block")
        key = key[:shared] + block[at : at + own]
        at += own + length
        yield key, block[at - length : at]


def _entry(value: bytes) -> IndexEntry:
    dtype, shape = 0, ()  # type: int, tuple[int, ...]
    for field, content in _fields(value):
        if field == _DTYPE and isinstance(content, int):
            dtype = content
        elif field == _SHAPE and isinstance(content, bytes):
            shape = tuple(_size(dim) for number, dim in _fields(content) if number == _DIM)
    return IndexEntry(dtype, shape)


def _size(dim: int | bytes) -> int:
    if isinstance(dim, int):
        raise ValueError("a shape's dimension is no message")
    sizes = [size for field, size in _fields(dim) if field == _SIZE]
    return int(sizes[-1]) if sizes else 0  # protobuf leaves zeros out


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield numbers and contents of a message's fields: varints as numbers, others as bytes."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            number, at = read_varint(message, at)
            yield field, number
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"field {field} has the unknown wire type {kind}")
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, at = read_varint(message, at)
        if at + length > len(message):
            raise ValueError(f"field {field} reaches beyond its message")
        yield field, message[at : at + length]
        at += length
