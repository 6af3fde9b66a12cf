"""``label_map.pbtxt``: class names and ids in protobuf's text format, without protobuf.

Files of others are read too: any quoting, ``display_name``, nested fields that od does
not use.  The format is ``StringIntLabelMap`` of the OD API's string_int_label_map.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from od.errors import LabelMapError
from od.structures.label_map import LabelMap

_HINT = "write one block for each class: item { id: 1 name: 'cat' }"
_TOKEN = re.compile(
    r"""(?P<skip>[\s,;]+|\#[^\n]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>[A-Za-z_][\w./]*|-?[\d.][\w.+-]*)
      | (?P<mark>[{}<>:\[\]-])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f"}
_SIMPLE_ESCAPES[b"v"] = b"\v"
_CLOSING = {"{": "}", "<": ">"}


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, short, long, simple = match.groups()
    if octal or hexadecimal:
        return bytes((int(octal, 8) & 0xFF if octal else int(hexadecimal, 16),))
    if short or long:
        return chr(int(short or long, 16)).encode()
    return _SIMPLE_ESCAPES.get(simple, simple)


def _unquote(token: str) -> str:
    return _ESCAPE.sub(_unescape, token[1:-1].encode()).decode("utf-8", "replace")


def _quote(text: str) -> str:
    """Quote for the text format: backslash, quotes and control characters are escaped."""
    escaped = "".join(
        f"\\{ord(c):03o}" if ord(c) < 32 or ord(c) == 127 else f"\\{c}" if c in '\\"' else c
        for c in text
    )
    return f'"{escaped}"'


class _Reader:
    """Reads tokens one by one and says in which line it is."""

    def __init__(self, text: str, path: Path) -> None:
        self._path = path
        self._tokens = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> Iterator[tuple[str, str, int]]:
        at, line = 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._problem(line, f"'{text[at]}'", "a name, a value or a bracket")
            if match.lastgroup != "skip":
                yield match.lastgroup or "", match.group(), line
            line += match.group().count("\n")
            at = match.end()

    def _problem(self, line: int, found: str, expected: str) -> LabelMapError:
        return LabelMapError(
            f"{self._path}: line {line}: found {found}, expected {expected}", hint=_HINT
        )

    def problem(self, expected: str) -> LabelMapError:
        _, token, line = self.peek()
        return self._problem(line, token or "the end of the file", expected)

    def peek(self) -> tuple[str, str, int]:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return "end", "", self._tokens[-1][2] if self._tokens else 1

    def take(self, *wanted: str) -> str | None:
        """Take the next token if it is one of ``wanted``."""
        kind, token, _ = self.peek()
        if kind != "text" and token in wanted:
            self._at += 1
            return token
        return None

    def word(self) -> str:
        kind, token, _ = self.peek()
        if kind != "word":
            raise self.problem("a field's name")
        self._at += 1
        return token

    def value(self) -> str:
        """Take a text (neighbouring ones joined, as protobuf does) or a word."""
        kind, token, _ = self.peek()
        if kind == "word":
            self._at += 1
            return token
        texts = []
        while self.peek()[0] == "text":
            texts.append(_unquote(self.peek()[1]))
            self._at += 1
        if not texts:
            raise self.problem("a value")
        return "".join(texts)

    def skip(self) -> None:
        """Skip the value of a field that is not used: scalar, list or message."""
        self.take(":")
        opening = self.take("{", "<", "[")
        if opening is None:
            self.value()
            return
        closing = _CLOSING.get(opening, "]")
        while self.take(closing) is None:
            if opening != "[":
                self.word()
                self.skip()
            elif self.peek()[1] in ("{", "<"):
                self.skip()
            else:
                self.value()

    @property
    def at_end(self) -> bool:
        return self.peek()[0] == "end"


def _read_item(reader: _Reader) -> dict[str, str]:
    reader.take(":")
    opening = reader.take("{", "<")
    if opening is None:
        raise reader.problem("{")
    fields: dict[str, str] = {}
    while reader.take(_CLOSING[opening]) is None:
        field = reader.word()
        if field not in ("id", "name", "display_name"):
            reader.skip()
            continue
        if reader.take(":") is None:
            raise reader.problem(":")
        fields[field] = reader.value()
    return fields


def _class_names(items: list[dict[str, str]]) -> list[str]:
    """Choose what people call the classes.

    COCO's and Open Images' maps have codes ("/m/01g317") as names and the words that stand
    in label files as display names: those count when they tell the classes apart.
    """
    display = [item.get("display_name", "") or item.get("name", "") for item in items]
    if len(set(display)) == len(display):
        return display
    return [item.get("name", "") or item.get("display_name", "") for item in items]


def read_label_map(path: Path) -> LabelMap:
    """Read a label map in protobuf's text format.

    ``display_name`` counts before ``name``; an item 0 (background) is left out.

    Raises:
        LabelMapError: The file is missing, is not a label map, or an item has no id or name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelMapError(
            f"{path}: cannot be read: {error.strerror}", hint="give the path of a label_map.pbtxt"
        ) from error
    except UnicodeDecodeError as error:
        raise LabelMapError(f"{path}: is not UTF-8 text: {error}", hint=_HINT) from error
    reader = _Reader(text, path)
    items: list[dict[str, str]] = []
    while not reader.at_end:
        if reader.take("item") is None:
            raise reader.problem("item")
        item = _read_item(reader)
        if not item.get("id", "").isdecimal():
            raise LabelMapError(
                f"{path}: item {len(items) + 1} has the id '{item.get('id', '')}', "
                "expected a whole number",
                hint=_HINT,
            )
        if item["id"].strip("0"):
            items.append(item)
    if not items:
        raise LabelMapError(f"{path}: lists no class", hint=_HINT)
    pairs = zip((int(item["id"]) for item in items), _class_names(items), strict=True)
    try:
        return LabelMap(tuple(pairs))
    except LabelMapError as error:
        raise LabelMapError(f"{path}: {error}", hint=error.hint or _HINT) from error


def write_label_map(path: Path, label_map: LabelMap) -> None:
    """Write a label map that the OD API and ``read_label_map`` read.

    Raises:
        OSError: From the disk; ``od.outputs`` turns it into an OutputError.
    """
    items = (
        f"item {{\n  id: {class_id}\n  name: {_quote(name)}\n}}\n"
        for class_id, name in label_map.items
    )
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(items))
