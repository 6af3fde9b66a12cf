"""A folder of records: which files make up ``train``, ``val`` and ``test``.

od writes ``train-00000-of-00002.tfrecord``; the names that the OD API's scripts and
tutorials use (``train.record``, ``val.tfrecord-00000-of-00010``) are understood too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from od.errors import RecordError
from od.records.label_map_file import read_label_map
from od.records.tf_example import RecordedImage, decode_example
from od.records.tfrecord import count_records, read_records

LABEL_MAP_FILE = "label_map.pbtxt"
_BESIDE = frozenset({LABEL_MAP_FILE, "od.json", "report.csv", "report.html", "report"})
PARTS = ("train", "val", "test")  # in the order in which they are shown
_SHARD = r"-(?P<{0}>\d{{5}})-of-(?P<{0}_of>\d{{5}})"
_FILE = re.compile(
    rf"(?P<part>.+?)(?:{_SHARD.format('a')})?"
    rf"(?:\.(?:tfrecords?|records?)(?:{_SHARD.format('b')})?)?"
)


def part_file_name(part: str, shard: int, shards: int) -> str:
    """Return the name of one file of a part.

    Example:
        >>> part_file_name("train", 0, 2)
        'train-00000-of-00002.tfrecord'
    """
    return f"{part}-{shard:05d}-of-{shards:05d}.tfrecord"


def part_pattern(part: str, shards: int) -> str:
    """Return the pattern of a part's files as ``input_path`` of a pipeline.config takes it.

    Example:
        >>> part_pattern("val", 1)
        'val-?????-of-00001.tfrecord'
    """
    return f"{part}-?????-of-{shards:05d}.tfrecord"


def _split_name(name: str) -> tuple[str, int, int] | None:
    """Return ``(part, shard, shards)`` of a record file's name, shards 0 for a single file."""
    match = _FILE.fullmatch(name)
    if match is None or match["part"] == name:
        return None
    shard, shards = match["a"] or match["b"], match["a_of"] or match["b_of"]
    return match["part"], int(shard or 0), int(shards or 0)


def is_record_name(name: str) -> bool:
    """Tell whether a folder that ``od prepare`` made may hold a file of this name.

    Example:
        >>> is_record_name("train-00000-of-00001.tfrecord"), is_record_name("thesis.docx")
        (True, False)
    """
    return _split_name(name) is not None or name in _BESIDE or name.startswith(".")


def _files_by_part(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise RecordError(
            f"{folder}: no such folder of records", hint="make the records: od prepare"
        )
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        split = _split_name(path.name)
        if split is not None and path.is_file() and not path.name.startswith("."):
            found.setdefault(split[0], []).append(path)
    return found


def parts(folder: Path) -> tuple[str, ...]:
    """Return the names of the parts in a folder: train, val, test, then others by name.

    Raises:
        RecordError: The folder does not exist or holds no record file.
    """
    found = _files_by_part(folder)
    if not found:
        raise RecordError(
            f"{folder}: holds no record file (*.tfrecord)", hint="make the records: od prepare"
        )
    order = {part: i for i, part in enumerate(PARTS)}
    return tuple(sorted(found, key=lambda part: (order.get(part, len(PARTS)), part)))


def part_files(folder: Path, part: str) -> tuple[Path, ...]:
    """Return the files of a part in their order.

    Raises:
        RecordError: There is none, or one of a numbered set is missing.
    """
    found = _files_by_part(folder)
    if part not in found:
        others = ", ".join(found) or "no record file at all"
        raise RecordError(
            f"{folder}: holds no part '{part}'; it has {others}",
            hint="make the records with od prepare, or name a part that is there",
        )
    files = found[part]
    numbers = [split[1:] for file in files if (split := _split_name(file.name)) is not None]
    shards = numbers[0][1]
    if numbers != [(i, shards) for i in range(max(shards, 1))]:
        raise RecordError(
            f"{folder}: the files of '{part}' are {', '.join(file.name for file in files)}; "
            "expected one complete numbered set",
            hint="remove the files of an older set, or make the records again with od prepare",
        )
    return tuple(files)


def read_part(folder: Path, part: str) -> Iterator[RecordedImage]:
    """Yield the images of a part in the order of its files, every checksum verified.

    Raises:
        RecordError: A file is missing or damaged, or a record is not a labelled image;
            the message names the file and the record's number, counted from 0.
    """
    files = part_files(folder, part)
    label_map_file = folder / LABEL_MAP_FILE
    label_map = read_label_map(label_map_file) if label_map_file.is_file() else None
    for file in files:
        for number, data in enumerate(read_records(file)):
            try:
                image = decode_example(data, label_map=label_map)
            except RecordError as error:
                raise RecordError(f"{file}: record {number}: {error}", hint=error.hint) from error
            yield image


def count_part(folder: Path, part: str) -> int:
    """Return the number of images of a part; cheap, nothing is decoded.

    Raises:
        RecordError: As for ``part_files``; or a file ends too early.
    """
    return sum(count_records(file) for file in part_files(folder, part))
