"""The size of an encoded image, read from its first bytes, for records that do not state it.

The pixels belong to ``od.images``; records only ever hold what the OD API reads.
"""

from __future__ import annotations

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
# SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC): ITU T.81, table B.1.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def encoded_size(data: bytes) -> tuple[str, int, int]:
    """Return ``(format, width, height)``; ``("", 0, 0)`` when it is neither JPEG nor PNG.

    Example:
        >>> encoded_size(b"GIF89a")
        ('', 0, 0)
    """
    if data[:8] == _PNG and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return "png", width, height
    if data[:2] == b"\xff\xd8":
        at = 2
        while at + 9 <= len(data) and data[at] == 0xFF:
            marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
            if marker in _START_OF_FRAME:
                height, width = struct.unpack_from(">HH", data, at + 5)
                return "jpeg", width, height
            at += 1 if marker == 0xFF else 2 + length
    return "", 0, 0
