"""What ``od.json`` and the report say of a set beside what was done to its labels."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from od.checks import Finding
from od.images import find_images
from od.prepare.encode import relative_name
from od.prepare.plan import PrepareOptions
from od.structures.dataset import Dataset


def left_out(dataset: Dataset, parts: dict[str, list[int]], source: Path) -> list[Finding]:
    """Name the images that are in no part: only a given split leaves some out."""
    used = {i for images in parts.values() for i in images}
    return [
        Finding(
            relative_name(image.source, source),
            "",
            "image left out",
            "no list in ImageSets/Main names it",
            about_label=False,
        )
        for i, image in enumerate(dataset)
        if i not in used
    ]


def unlabelled(dataset: Dataset, source: Path) -> list[Finding]:
    """Name the images below ``source`` that no label file names."""
    labelled = {image.path for image in dataset}
    return [
        Finding(
            relative_name(path, source),
            "",
            "image without label file",
            "no label file names it; it is not in the records",
            about_label=False,
        )
        for path in find_images(source)
        if path not in labelled
    ]


def part_facts(images: Sequence[int], class_names: Sequence[tuple[str, ...]]) -> dict[str, object]:
    """Count a part's images, and its boxes by class."""
    boxes = Counter(name for i in images for name in class_names[i])
    return {"images": len(images), "boxes": dict(sorted(boxes.items()))}


def inputs_hash(names: Sequence[str], hashes: Sequence[str]) -> str:
    """Return one hash of all image files and their names; the order does not matter."""
    lines = sorted(f"{name} {digest}\n" for name, digest in zip(names, hashes, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def replayed_command(source: Path, output: Path, options: PrepareOptions) -> list[str]:
    """Return the command that makes the same bytes; the number of workers does not matter."""
    command = ["od", "prepare", str(source), "--output", str(output)]
    if options.split is not None:
        command += ["--split", options.split]
    else:
        command += ["--val-fraction", str(options.val_fraction)]
        command += ["--test-fraction", str(options.test_fraction)]
    command += ["--seed", str(options.seed)]
    for name in ("label_map", "shards", "max_side"):
        if (value := getattr(options, name)) is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return [*command, "--strict"] if options.strict else command
