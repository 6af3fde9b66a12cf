"""What is decided before an image is touched: options, label map, parts, tasks and files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from od.annotations.voc_splits import voc_parts
from od.errors import AnnotationError, LabelMapError
from od.prepare.encode import relative_name
from od.records.parts import PARTS
from od.splits import shuffled, stratified_split
from od.structures.dataset import AnnotatedImage, Dataset
from od.structures.label_map import LabelMap

# A task for a worker: few enough images that memory stays flat, enough to be worth sending.
_TASK_IMAGES = 16
_TASK_BYTES = 2 << 20
_SHARD_BYTES = 256 << 20  # TensorFlow's guides advise shards of 100 MB and more


@dataclass(frozen=True)
class PrepareOptions:
    """How records are made.

    Args:
        format: "auto" or "voc".
        val_fraction, test_fraction: Shares of the images, in [0, 1).
        split: None to draw the split, "voc" to take the one in ``ImageSets/Main``.
        seed: Another seed, another split.
        label_map: A label map whose ids are kept.
        shards: Files in each part; None for as many as make about 256 MB each.
        workers: Processes; None for one on each core.
        max_side: Shrink images to at most this many pixels on the longer side.
        strict: Refuse labels that would otherwise be put right.
    """

    format: str = "auto"
    val_fraction: float = 0.2
    test_fraction: float = 0.0
    split: str | None = None
    seed: int = 0
    label_map: Path | None = None
    shards: int | None = None
    workers: int | None = None
    max_side: int | None = None
    strict: bool = False


def class_label_map(dataset: Dataset, source: Path) -> LabelMap:
    """Number the class names of the labels from 1, in sorted order.

    Raises:
        LabelMapError: There is no object at all.
    """
    names = {name.strip() for name in dataset.class_names}
    if not names:
        raise LabelMapError(
            f"{source}: no object in {len(dataset)} label files; expected at least one",
            hint="draw boxes in the labelling tool, or give the classes with --label-map",
        )
    return LabelMap.from_names(names)


def relative_names(dataset: Dataset, source: Path) -> list[str]:
    """Return the images' paths below ``source``, with "/"."""
    return [relative_name(image.path, source) for image in dataset]


def split_parts(
    dataset: Dataset, source: Path, options: PrepareOptions, classes: Sequence[AbstractSet[str]]
) -> dict[str, list[int]]:
    """Return the images of each part, train in an order drawn with the seed, others sorted.

    The OD API's shuffle buffer is small: mixed records make better batches.

    Raises:
        AnnotationError: A part would be empty, or a list in ImageSets/Main is wrong.
    """
    names = relative_names(dataset, source)
    assigned: Sequence[str | None]
    if options.split == "voc":
        assigned = voc_parts(source, dataset)
    else:
        fractions = {"val": options.val_fraction, "test": options.test_fraction}
        assigned = stratified_split(names, classes, fractions=fractions, seed=options.seed)
    order = shuffled(names, options.seed)
    parts = {part: [i for i in order if assigned[i] == part] for part in PARTS}
    for part in parts.keys() - {"train"}:
        parts[part].sort()
    for part in ("train", "val"):
        if not parts[part]:
            raise AnnotationError(
                f"{source}: the part {part} would be empty",
                hint="label more images, or make the split another way",
            )
    return {part: images for part, images in parts.items() if images}


def tasks(images: Sequence[AnnotatedImage]) -> Iterator[list[AnnotatedImage]]:
    """Cut images into tasks for the workers, by number and by bytes."""
    task: list[AnnotatedImage] = []
    size = 0
    for image in images:
        bytes_here = _file_size(image)
        if task and (len(task) == _TASK_IMAGES or size + bytes_here > _TASK_BYTES):
            yield task
            task, size = [], 0
        task.append(image)
        size += bytes_here
    if task:
        yield task


def _file_size(image: AnnotatedImage) -> int:
    try:
        return os.stat(image.path).st_size
    except OSError:
        return 0  # reading it says what is wrong


def shard_count(images: Sequence[AnnotatedImage], shards: int | None) -> int:
    """Return in how many files these images go: at least one, at most one for each image."""
    if shards is None:
        shards = -(-sum(map(_file_size, images)) // _SHARD_BYTES)
    return max(1, min(shards, len(images)))
