"""STEP inspect_records: records, od's own or made by others -> what is in them."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from od.errors import LabelMapError, RecordError
from od.records.label_map_file import read_label_map
from od.records.parts import LABEL_MAP_FILE, part_files, parts
from od.records.tf_example import RecordedImage, decode_example
from od.records.tfrecord import count_records, read_records
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent
from od.structures.records_overview import (
    PIXEL_EDGES,
    SHARE_EDGES,
    ClassOverview,
    PartOverview,
    RecordsOverview,
    SampleImage,
)

SAMPLES = 16
_SLACK = 0.51  # pixels: boxes rounded to whole pixels may touch the edge from outside


def inspect_records(
    sources: Sequence[Path], *, samples: int = SAMPLES, seed: int = 0, progress: Progress = silent
) -> RecordsOverview:
    """Count what is in records; every byte is read and every checksum verified.

    Memory stays flat: images are streamed, only the samples are kept.

    Args:
        sources: One folder of records, or record files of any name.
        samples: How many images to draw at random.
        seed: Decides which.
        progress: Told after each image.

    Raises:
        RecordError: There are none, or one is damaged or not a labelled image; the message
            names the file and the record's number, counted from 0.
    """
    files = _files(sources)
    total = sum(count_records(file) for _, file in files)
    if not total:
        raise RecordError(f"{sources[0]}: holds no record", hint="make the records: od prepare")
    tally = _Tally(random.Random(seed), samples)
    label_maps: dict[Path, LabelMap | None] = {}
    for part, file in files:
        tally.begin(part, file)
        if file.parent not in label_maps:
            label_maps[file.parent] = _label_map(file.parent)
        for number, image in _images(file, label_maps[file.parent]):
            tally.add(part, f"{file}: record {number}", image)
            progress(tally.seen, total, "images")
    shown = ", ".join(str(source) for source in sources)
    return tally.overview(shown, [known for known in label_maps.values() if known])


def _files(sources: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return ``(part, file)``: a folder's by its parts, single files by their own names."""
    found: list[tuple[str, Path]] = []
    for source in sources:
        if source.is_dir():
            found += [(part, file) for part in parts(source) for file in part_files(source, part)]
        else:
            found.append((source.name, source))
    return found


def _label_map(folder: Path) -> LabelMap | None:
    file = folder / LABEL_MAP_FILE
    return read_label_map(file) if file.is_file() else None


def _images(file: Path, label_map: LabelMap | None) -> Iterator[tuple[int, RecordedImage]]:
    for number, data in enumerate(read_records(file)):
        try:
            yield number, decode_example(data, label_map=label_map)
        except (RecordError, LabelMapError) as error:
            raise RecordError(f"{file}: record {number}: {error}", hint=error.hint) from error


@dataclass
class _PartCounts:
    files: int = 0
    bytes: int = 0
    images: int = 0
    background: int = 0
    objects: int = 0


@dataclass
class _Tally:
    """Counts as the images stream by."""

    chance: random.Random
    wanted: int
    seen: int = 0
    difficult: int = 0
    truncated: int = 0
    without_area: int = 0
    outside: int = 0
    parts: dict[str, _PartCounts] = field(default_factory=dict)
    objects: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    names: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    showing: Counter[int] = field(default_factory=Counter)
    pixels: list[int] = field(default_factory=lambda: [0] * (len(PIXEL_EDGES) + 1))
    shares: list[int] = field(default_factory=lambda: [0] * (len(SHARE_EDGES) + 1))
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    samples: list[tuple[int, SampleImage]] = field(default_factory=list)

    def begin(self, part: str, file: Path) -> None:
        counts = self.parts.setdefault(part, _PartCounts())
        counts.files += 1
        counts.bytes += file.stat().st_size

    def add(self, part: str, where: str, image: RecordedImage) -> None:
        counts = self.parts[part]
        counts.images += 1
        counts.background += not image.annotations
        counts.objects += len(image.annotations)
        self.sizes[image.width, image.height] += 1
        self.showing.update(set(image.class_ids))
        for annotation, class_id in zip(image.annotations, image.class_ids, strict=True):
            self.objects[class_id][part] += 1
            self.names[class_id][annotation.class_name] += 1
            self.difficult += annotation.difficult
            self.truncated += annotation.truncated
            self._add_box(annotation.corners, image)
        self._perhaps_keep(where, image)
        self.seen += 1

    def _add_box(self, corners: tuple[float, float, float, float], image: RecordedImage) -> None:
        xmin, ymin, xmax, ymax = corners
        if not (xmin < xmax and ymin < ymax):
            self.without_area += 1
            return
        self.outside += (
            min(xmin, ymin) < -_SLACK or xmax > image.width + _SLACK or ymax > image.height + _SLACK
        )
        side = math.sqrt((xmax - xmin) * (ymax - ymin))
        self.pixels[bisect_right(PIXEL_EDGES, side)] += 1
        self.shares[bisect_right(SHARE_EDGES, side / math.sqrt(image.width * image.height))] += 1

    def _perhaps_keep(self, where: str, image: RecordedImage) -> None:
        """Keep each image with the same chance (reservoir sampling, Vitter's algorithm R)."""
        place = self.seen if self.seen < self.wanted else self.chance.randint(0, self.seen)
        if place >= self.wanted:
            return
        sample = SampleImage(
            where, image.filename, image.encoded, image.annotations, image.class_ids
        )
        if place < len(self.samples):
            self.samples[place] = (self.seen, sample)
        else:
            self.samples.append((self.seen, sample))

    def overview(self, source: str, label_maps: Sequence[LabelMap]) -> RecordsOverview:
        known = {class_id: name for m in label_maps for class_id, name in m.items}
        return RecordsOverview(
            source=source,
            parts=tuple(PartOverview(name, **vars(c)) for name, c in self.parts.items()),
            classes=tuple(
                ClassOverview(
                    class_id,
                    known.get(class_id) or self._usual_name(class_id),
                    dict(self.objects[class_id]),
                    self.showing[class_id],
                )
                for class_id in sorted({*known, *self.names})
            ),
            difficult=self.difficult,
            truncated=self.truncated,
            box_pixels=tuple(self.pixels),
            box_shares=tuple(self.shares),
            image_sizes=tuple(sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))),
            findings=tuple(self._findings(known)),
            samples=tuple(sample for _, sample in sorted(self.samples, key=lambda pair: pair[0])),
        )

    def _usual_name(self, class_id: int) -> str:
        return self.names[class_id].most_common(1)[0][0] if self.names[class_id] else ""

    def _findings(self, known: dict[int, str]) -> Iterator[str]:
        if self.without_area:
            yield f"{self.without_area} boxes have no area: they break training or are wasted"
        if self.outside:
            yield f"{self.outside} boxes stick out of their image: clip them (od prepare does)"
        for class_id, names in sorted(self.names.items()):
            if class_id < 1:
                yield f"class id {class_id} occurs: ids start at 1, 0 is the background"
            elif known and class_id not in known:
                yield f"class id {class_id} is not in {LABEL_MAP_FILE}"
            different = set(names) | ({known[class_id]} if class_id in known else set())
            if len(different - {""}) > 1:
                listed = ", ".join(f"'{name}'" for name in sorted(different - {""}))
                yield f"class id {class_id} has several names: {listed}"
        for class_id, name in sorted(known.items()):
            if class_id not in self.names:
                yield f"class '{name}' is in {LABEL_MAP_FILE}, no object has it"
