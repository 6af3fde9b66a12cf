"""``tf.train.Example`` as bytes: just enough of the protobuf wire format.

An Example is a map from names to lists of bytes, floats or integers
(tensorflow/core/example/example.proto, feature.proto; the wire format is documented at
https://protobuf.dev/programming-guides/encoding).  Names are written in sorted order, so
the same features always give the same bytes, which protobuf itself does not promise.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping, Sequence

Feature = Sequence[bytes] | Sequence[float] | Sequence[int]

_BYTES, _FLOATS, _INTEGERS = 1, 2, 3  # the oneof of feature.proto
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= 0xFFFFFFFFFFFFFFFF  # negative integers travel as ten bytes
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _delimited(field: int, data: bytes) -> bytes:
    return b"".join((_varint(field << 3 | _LENGTH_DELIMITED), _varint(len(data)), data))


# Class names, view names and feature names come again with every box and image.
_remembered = functools.lru_cache(maxsize=4096)(_delimited)
_SHORT = 64  # bytes; longer values are not worth remembering


def bytes_feature(values: Sequence[bytes]) -> bytes:
    """Encode a list of byte strings as a Feature."""
    entries = [
        _remembered(1, value) if len(value) <= _SHORT else _delimited(1, value) for value in values
    ]
    return _delimited(_BYTES, b"".join(entries))


def float_feature(values: Sequence[float]) -> bytes:
    """Encode a list of numbers, rounded to float32, as a Feature."""
    packed = struct.pack(f"<{len(values)}f", *values)
    return _delimited(_FLOATS, _delimited(1, packed) if values else b"")


def int64_feature(values: Sequence[int]) -> bytes:
    """Encode a list of integers as a Feature."""
    if values and min(values) >= 0 and max(values) < 0x80:
        packed = bytes(values)  # one byte each
    else:
        packed = b"".join(_varint(value) for value in values)
    return _delimited(_INTEGERS, _delimited(1, packed) if values else b"")


def encode_features(features: Mapping[str, bytes]) -> bytes:
    """Encode named Features, as the functions above return them, as an Example."""
    entries = b"".join(
        _delimited(1, _remembered(1, name.encode()) + _delimited(2, features[name]))
        for name in sorted(features)
    )
    return _delimited(1, entries)


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number runs past its end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    """Yield ``(field number, wire type, value)``; a value is an integer or a slice."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _read_varint(data, at)
            yield field, kind, number
            continue
        if kind == _LENGTH_DELIMITED:
            length, at = _read_varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} is unknown")
        if at + length > len(data):
            raise ValueError("a field runs past its end")
        yield field, kind, data[at : at + length]
        at += length


def _sub_messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for field, _, value in _fields(data):
        if field == wanted:
            if isinstance(value, int):
                raise ValueError(f"field {field} is a number, a message was expected")
            yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _bytes_list(data: memoryview) -> list[bytes]:
    return [bytes(value) for value in _sub_messages(data, 1)]


def _float_list(data: memoryview) -> list[float]:
    """Read packed and unpacked float32 values."""
    values: list[float] = []
    for value in _sub_messages(data, 1):
        if len(value) % 4:
            raise ValueError("a list of floats is not a multiple of 4 bytes long")
        values.extend(struct.unpack(f"<{len(value) // 4}f", value))
    return values


def _int64_list(data: memoryview) -> list[int]:
    """Read packed and unpacked varints."""
    values: list[int] = []
    for field, _, value in _fields(data):
        if field != 1:
            continue
        if isinstance(value, int):
            values.append(_signed(value))
            continue
        at = 0
        while at < len(value):
            number, at = _read_varint(value, at)
            values.append(_signed(number))
    return values


def _feature(data: memoryview) -> list[bytes] | list[float] | list[int]:
    found: list[bytes] | list[float] | list[int] = []
    for field, _, value in _fields(data):
        if isinstance(value, int):
            continue
        if field == _BYTES:
            found = _bytes_list(value)
        elif field == _FLOATS:
            found = _float_list(value)
        elif field == _INTEGERS:
            found = _int64_list(value)
    return found


def decode_features(data: bytes) -> dict[str, list[bytes] | list[float] | list[int]]:
    """Return the features of an Example by name.

    Raises:
        ValueError: ``data`` is not an Example.
    """
    features: dict[str, list[bytes] | list[float] | list[int]] = {}
    for message in _sub_messages(memoryview(data), 1):
        for entry in _sub_messages(message, 1):
            name, feature = "", memoryview(b"")
            for field, _, value in _fields(entry):
                if isinstance(value, int):
                    raise ValueError(f"field {field} of an entry is a number")
                if field == 1:
                    name = bytes(value).decode()
                elif field == 2:
                    feature = value
            features[name] = _feature(feature)
    return features
