"""``ImageSets/Main``: the train, val and test lists of a set in the layout of Pascal VOC."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from od.errors import AnnotationError
from od.structures.dataset import Dataset

_PARTS = ("train", "val", "test")
_LISTS = os.path.join("ImageSets", "Main")


def find_voc_splits(source: Path) -> dict[str, list[Path]]:
    """Return the list files below ``source`` by part; empty when there are none."""
    found: dict[str, list[Path]] = {}
    for directory, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if directory.endswith(os.sep + _LISTS) or directory == _LISTS:
            for part in _PARTS:
                if f"{part}.txt" in files:
                    found.setdefault(part, []).append(Path(directory, f"{part}.txt"))
    return found


def _names(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(
            f"{file}: cannot be read: {error}", hint="expected one image name in each line"
        ) from error
    for line in lines:
        if words := line.split():
            # Lists of one class end in 1, 0 or -1; names themselves may hold spaces.
            yield " ".join(words[:-1] if len(words) > 1 and words[-1] in "-101" else words)


def count_voc_splits(source: Path) -> dict[str, int]:
    """Return how many images each part's lists name; unreadable lists count as none."""
    counts: dict[str, int] = {}
    for part, files in find_voc_splits(source).items():
        for file in files:
            try:
                counts[part] = counts.get(part, 0) + len(list(_names(file)))
            except AnnotationError:
                continue
    return counts


def voc_parts(source: Path, dataset: Dataset) -> list[str | None]:
    """Return the part of each image by the lists of the set, None for one that no list names.

    A list belongs to the label files below the folder that holds its ``ImageSets``.

    Raises:
        AnnotationError: There are no lists; one names an image without a label file; or an
            image is in two parts.
    """
    lists = find_voc_splits(source)
    if not {"train", "val"} <= lists.keys():
        raise AnnotationError(
            f"{source}: has {', '.join(f'{part}.txt' for part in lists) or 'no list'} in "
            "ImageSets/Main, expected train.txt and val.txt",
            hint="leave --split voc out and let --val-fraction make the split",
        )
    labels: dict[tuple[Path, str], int] = {}
    for i, image in enumerate(dataset):
        for folder in image.source.parents:
            labels[folder, image.source.stem] = i
            if folder == source:
                break
    parts: list[str | None] = [None] * len(dataset)
    for part, files in lists.items():
        for file in files:
            for name in _names(file):
                i = labels.get((file.parents[2], name), -1)
                if i < 0:
                    raise AnnotationError(
                        f"{file}: names '{name}', for which there is no label file below "
                        f"{file.parents[2]}",
                        hint="remove that line, or bring the label file back",
                    )
                if parts[i] not in (None, part):
                    raise AnnotationError(
                        f"{file}: names '{name}', which is also in {parts[i]}.txt",
                        hint="keep it in one of the lists: a model must not be measured on "
                        "what it was trained on",
                    )
                parts[i] = part
    return parts
