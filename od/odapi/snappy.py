"""Decompress Snappy blocks, in which the zoo's checkpoints have their index.

Format: github.com/google/snappy, format_description.txt.  An index has a few dozen
kilobytes, so plain Python is fast enough and spares a dependency.
"""

from __future__ import annotations

from od.odapi.wire import read_varint


def decompress(data: bytes) -> bytes:
    """Decompress one block in the raw format (no frames).

    Raises:
        ValueError: The block is broken.
    """
    size, at = read_varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        kind, at = tag & 3, at + 1
        if kind == 0:
            length, at = _literal_length(data, tag >> 2, at)
            if at + length > len(data):
                raise ValueError("a compressed block is cut short")
            out += data[at : at + length]
            at += length
        else:
            length, offset, at = _copy(data, tag, at)
            _repeat(out, offset, length)
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"a compressed block holds {len(out)} bytes, where {size} are announced")
    return bytes(out)


def _literal_length(data: bytes, code: int, at: int) -> tuple[int, int]:
    if code < 60:
        return code + 1, at
    length, at = _little_endian(data, at, code - 59)
    return length + 1, at


def _copy(data: bytes, tag: int, at: int) -> tuple[int, int, int]:
    """Return a copy's length, how far back it starts, and the byte after it."""
    if tag & 3 == 1:
        low, at = _little_endian(data, at, 1)
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | low, at
    offset, at = _little_endian(data, at, 2 if tag & 3 == 2 else 4)
    return (tag >> 2) + 1, offset, at


def _repeat(out: bytearray, offset: int, length: int) -> None:
    if not 0 < offset <= len(out):
        raise ValueError(f"a compressed block copies from {offset} bytes back, of {len(out)}")
    start = len(out) - offset
    pattern = bytes(out[start : start + length])
    # A copy may reach into what it writes itself: then it repeats its pattern.
    out += (pattern * (length // len(pattern) + 1))[:length]


def _little_endian(data: bytes, at: int, count: int) -> tuple[int, int]:
    if at + count > len(data):
        raise ValueError("a compressed block is cut short")
    return int.from_bytes(data[at : at + count], "little"), at + count
