"""TFRecord files: length, checksum of the length, data, checksum of the data.

The format is documented at https://www.tensorflow.org/tutorials/load_data/tfrecord.
Both checksums are verified on every read, so a flipped byte is found here and named,
not by a training run that dies hours later without saying which file it was in.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google_crc32c import value as crc32c

from od.errors import RecordError

_MASK_DELTA = 0xA282EAD8  # kMaskDelta in tensorflow/core/lib/hash/crc32c.h
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER = _LENGTH.size + _CHECKSUM.size
_HINT = "make the records again with od prepare, or fetch the file again"


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C of ``data``, masked as TFRecord files store it.

    Example:
        >>> hex(masked_crc32c(b"123456789"))
        '0xc78ab0e5'
    """
    crc = int(crc32c(data))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    """Return ``data`` as one record of a TFRecord file."""
    length = _LENGTH.pack(len(data))
    return b"".join(
        (
            length,
            _CHECKSUM.pack(masked_crc32c(length)),
            data,
            _CHECKSUM.pack(masked_crc32c(data)),
        )
    )


class RecordWriter:
    """Writes one TFRecord file; use it as a context manager.

    Raises:
        OSError: From the disk; ``od.outputs`` turns it into an OutputError.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Append one record."""
        self.write_framed(framed(data))

    def write_framed(self, data: bytes) -> None:
        """Append what ``framed`` returned, one record or several joined."""
        self._file.write(data)

    def close(self) -> None:
        """Write out what is buffered and close the file."""
        self._file.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _read_length(file: BinaryIO, path: Path, number: int) -> int | None:
    """Return the length of the next record's data, None at the end of the file."""
    header = file.read(_HEADER)
    if not header:
        return None
    if len(header) < _HEADER:
        raise RecordError(
            f"{path}: record {number}: the file ends after {len(header)} of the "
            f"{_HEADER} bytes that open a record",
            hint=_HINT,
        )
    stored = _CHECKSUM.unpack_from(header, _LENGTH.size)[0]
    found = masked_crc32c(header[: _LENGTH.size])
    if stored != found:
        raise RecordError(
            f"{path}: record {number}: checksum {found:#010x} of its length, expected "
            f"{stored:#010x}: the file is damaged or is no TFRecord file",
            hint=_HINT,
        )
    return int(_LENGTH.unpack_from(header)[0])


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read: {error.strerror}", hint="make the records with od prepare"
        ) from error


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the data of each record, both checksums verified.

    Raises:
        RecordError: The file is missing, ends within a record, or a checksum does not
            fit; the message names the file and the record's number, counted from 0.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        while (length := _read_length(file, path, number)) is not None:
            left = size - file.tell()
            if length + _CHECKSUM.size > left:
                raise RecordError(
                    f"{path}: record {number}: the file ends after {left} of "
                    f"{length + _CHECKSUM.size} bytes",
                    hint=_HINT,
                )
            data = file.read(length)
            stored = _CHECKSUM.unpack(file.read(_CHECKSUM.size))[0]
            found = masked_crc32c(data)
            if stored != found:
                raise RecordError(
                    f"{path}: record {number}: checksum {found:#010x} of its data, "
                    f"expected {stored:#010x}: the file is damaged",
                    hint=_HINT,
                )
            yield data
            number += 1


def count_records(path: Path) -> int:
    """Count the records by their lengths alone; the data is skipped, not checked.

    Raises:
        RecordError: The file is missing, ends within a record, or a length is damaged.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        while (length := _read_length(file, path, number)) is not None:
            end = file.tell() + length + _CHECKSUM.size
            if end > size:
                raise RecordError(
                    f"{path}: record {number}: the file ends {end - size} bytes too early",
                    hint=_HINT,
                )
            file.seek(end)
            number += 1
        return number
