"""What the markers of a JPEG and the chunks of a PNG say, read without decoding a pixel.

Decoders accept a progressive JPEG whose last scans are missing (it is a valid, blurred
preview), and some colour models that the OD API's decoder does not take.  Both are seen
here.  Markers and their layout: ITU T.81, annex B.
Chunks: the PNG specification, section 5.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
# SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC): T.81, table B.1.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_8_BIT = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended sequential, progressive
_APP1, _APP14 = 0xE1, 0xEE
_ORIENTATION = 0x0112  # Exif 2.3, table 4
# Within a scan FF 00 is a data byte and D0 to D7 are restart markers: neither ends it.
_ENDS_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True)
class JpegHeader:
    """The frame of a JPEG.

    Args:
        width, height: As stored, before the orientation is applied.
        components: 1 grey, 3 colour, 4 CMYK or YCCK.
        common: Huffman-coded, 8 bits, baseline or progressive: every decoder takes it.
        orientation: Exif's, 1 to 8.
    """

    width: int
    height: int
    components: int
    common: bool
    orientation: int


def _segments(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(marker, start, end)`` of each segment's content; ends after a scan's header."""
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _END_OF_IMAGE:
            return
        length = struct.unpack_from(">H", data, at + 2)[0]
        if length < 2 or at + 2 + length > len(data):
            raise ValueError(f"the segment at byte {at} runs past the end")
        yield marker, at + 4, at + 2 + length
        at += 2 + length
        if marker == _START_OF_SCAN:
            return


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of a TIFF structure, 1 when there is none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    directory = struct.unpack_from(f"{order}I", exif, 4)[0]
    if directory + 2 > len(exif):
        return 1
    entries = struct.unpack_from(f"{order}H", exif, directory)[0]
    for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
        if entry + 12 > len(exif):
            break
        tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
        if tag == _ORIENTATION:
            layout = "H" if kind == 3 else "I"
            value = struct.unpack_from(order + layout, exif, entry + 8)[0]
            return int(value) if 1 <= value <= 8 else 1
    return 1


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Read the markers up to the first scan.

    Raises:
        ValueError: They are broken, or there is no frame or no scan.
    """
    frame: tuple[int, int, int, int, int] | None = None
    orientation, found_scan = 1, False
    for marker, start, end in _segments(data, 2):
        if marker in _START_OF_FRAME and end - start >= 6:
            precision, height, width, components = struct.unpack_from(">BHHB", data, start)
            frame = (marker, precision, height, width, components)
        elif marker == _APP1 and orientation == 1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _exif_orientation(data[start + 6 : end])
        found_scan = marker == _START_OF_SCAN
    if frame is None or not found_scan:
        raise ValueError("it ends before its first scan")
    marker, precision, height, width, components = frame
    return JpegHeader(
        width=width,
        height=height,
        components=components,
        common=marker in _HUFFMAN_8_BIT and precision == 8 and components in (1, 3),
        orientation=orientation,
    )


def _scan_headers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of the content of every scan's header."""
    at = 2
    while True:
        end = 0
        for marker, start, stop in _segments(data, at):
            if marker == _START_OF_SCAN:
                end = stop
                yield start, stop
        match = _ENDS_SCAN.search(data, end) if end else None
        if match is None:
            return
        at = match.end() - 2


def has_all_scans(data: bytes, components: int) -> bool:
    """Tell whether the scans bring every coefficient of every component to full precision.

    Raises:
        ValueError: The markers between the scans are broken.
    """
    unknown_bits: dict[tuple[int, int], int] = {}
    for start, end in _scan_headers(data):
        count = data[start]
        if end - start < 4 + 2 * count:
            raise ValueError("the header of a scan is too short")
        first, last, bits = data[end - 3 : end]
        if (first, last) == (0, 63) and count == components:
            return True  # sequential and interleaved: this one scan is the whole image
        for component in data[start + 1 : start + 1 + 2 * count : 2]:
            for coefficient in range(first, last + 1):
                unknown_bits[component, coefficient] = bits & 15
    return len(unknown_bits) == 64 * components and not any(unknown_bits.values())


def is_plain_png(data: bytes) -> bool:
    """Verify the checksum of every chunk; tell whether any decoder takes it as it is.

    Returns:
        Whether it is RGB or grey with 8 bits, without palette or transparency.

    Raises:
        ValueError: A checksum is wrong, or the file ends before its last chunk.
    """
    at, kind, plain = len(PNG_SIGNATURE), b"", False
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("it ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError(f"its chunk {kind.decode('latin-1')} is cut off")
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"the checksum of its chunk {kind.decode('latin-1')} is wrong")
        if kind == b"IHDR" and length == 13:
            plain = data[at + 16] == 8 and data[at + 17] in (0, 2)  # bit depth, colour type
        plain = plain and kind != b"tRNS"
        at = end
    return plain
