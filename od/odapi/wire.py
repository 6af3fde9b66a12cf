"""Numbers of variable length, as protocol buffers, LevelDB's tables and Snappy write them."""

from __future__ import annotations


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at a byte, and the byte after it.

    Raises:
        ValueError: The number does not end.

    Example:
        >>> read_varint(bytes([0xAC, 0x02]), 0)
        (300, 2)
    """
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number is cut short")
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return number, at
