"""Labelled images -> records: read, split, check, encode, write, all or nothing."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from od.annotations.pascal_voc import read_pascal_voc
from od.annotations.voc_splits import voc_parts
from od.checks import Finding
from od.errors import AnnotationError, LabelMapError, OdError, OutputError
from od.outputs import read_od_json, whole_folder, write_od_json
from od.prepare.encode import EncodedImage, Encoder
from od.prepare.report import (
    REPORT_FILE,
    finding_rows,
    problem_error,
    problem_report_path,
    write_report,
)
from od.prepare.workers import Workers, usable_cores
from od.records.label_map_file import read_label_map, write_label_map
from od.records.parts import LABEL_MAP_FILE, PARTS, is_record_name, part_file_name
from od.records.tfrecord import RecordWriter
from od.splits import classes_missing, shuffled, stratified_split
from od.structures.artifacts import PreparedDataset
from od.structures.dataset import AnnotatedImage, Dataset
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent

# A task for a worker: few enough images that memory stays flat, enough to be worth sending.
_TASK_IMAGES = 16
_TASK_BYTES = 2 << 20
_SHARD_BYTES = 256 << 20  # TensorFlow's guides advise shards of 100 MB and more
_IMAGES_PER_WORKER = 64  # below that a process costs more than it brings


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


@dataclass
class _Outcome:
    """What is known once the images have been encoded."""

    class_names: list[tuple[str, ...]]  # of the boxes that are left, by image
    sha256: list[str]
    findings: list[Finding] = field(default_factory=list)
    problems: list[OdError] = field(default_factory=list)


def _refuse_output(source: Path, output: Path) -> None:
    """Refuse to replace anything but records that od made."""
    real, labels = output.resolve(), source.resolve()
    if labels == real or labels.is_relative_to(real):
        raise OutputError(
            f"{output}: holds the labels and images, and records would replace it",
            hint="choose another --output",
        )
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputError(f"{output}: is a file, expected a folder", hint="choose another --output")
    names = sorted(os.listdir(output))
    foreign = [name for name in names if not is_record_name(name)]
    if foreign or (names and read_od_json(output).get("kind") != "records"):
        raise OutputError(
            f"{output}: Refusing to replace this folder: it holds "
            f"{foreign[0] if foreign else 'records'}, which od prepare did not make",
            hint="choose another --output, or move that away",
        )


def _label_map(dataset: Dataset, source: Path, options: PrepareOptions) -> LabelMap:
    if options.label_map is not None:
        return read_label_map(options.label_map)
    names = {name.strip() for name in dataset.class_names}
    if not names:
        raise LabelMapError(
            f"{source}: no object in {len(dataset)} label files; expected at least one",
            hint="draw boxes in the labelling tool, or give the classes with --label-map",
        )
    return LabelMap.from_names(names)


def _names(dataset: Dataset, source: Path) -> list[str]:
    return [os.path.relpath(image.path, source).replace(os.sep, "/") for image in dataset]


def _parts(
    dataset: Dataset, source: Path, options: PrepareOptions, classes: Sequence[AbstractSet[str]]
) -> dict[str, list[int]]:
    """Return the images of each part, train in an order drawn with the seed, others sorted.

    The OD API's shuffle buffer is small: mixed records make better batches.
    """
    names = _names(dataset, source)
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


def _tasks(images: Sequence[AnnotatedImage]) -> Iterator[list[AnnotatedImage]]:
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


def _shards(images: Sequence[AnnotatedImage], shards: int | None) -> int:
    if shards is None:
        shards = -(-sum(map(_file_size, images)) // _SHARD_BYTES)
    return max(1, min(shards, len(images)))


class _Preparation:
    """One run of the step: what is read once, and the passes over the images."""

    def __init__(
        self, source: Path, output: Path, options: PrepareOptions, progress: Progress
    ) -> None:
        self.source, self.output = source, output
        self.options, self.progress = options, progress

    def run(self, workers: Workers) -> PreparedDataset:
        problems: list[OdError] = []
        dataset = read_pascal_voc(self.source, problems=problems, spread=workers.map)
        if problems:
            problems += self._check_only(dataset, workers)
            raise problem_error(problems, source=self.source, output=self.output)
        classes = [frozenset(a.class_name.strip() for a in image.annotations) for image in dataset]
        label_map = _label_map(dataset, self.source, self.options)
        parts = _parts(dataset, self.source, self.options, classes)
        with whole_folder(self.output) as folder:
            outcome = self._write(folder, dataset, label_map, parts, workers)
            left = [frozenset(names) for names in outcome.class_names]
            if left != classes:
                # Some boxes were dropped, as the images' real sizes show. Split again by
                # the classes that are left; only when that changes something, write again.
                again = _parts(dataset, self.source, self.options, left)
                if again != parts:
                    parts = again
                    for file in folder.iterdir():
                        file.unlink()
                    outcome = self._write(folder, dataset, label_map, parts, workers)
            return self._finish(folder, dataset, label_map, parts, outcome)

    def _check_only(self, dataset: Dataset, workers: Workers) -> list[OdError]:
        """Look at every image, so that all problems are listed at once."""
        encoder = Encoder(str(self.source), self._any_class(dataset), self.options.max_side)
        problems = []
        for encoded in workers.map(encoder, _tasks(dataset.images)):
            problems += [image.problem for image in encoded if image.problem is not None]
        return problems

    def _any_class(self, dataset: Dataset) -> dict[str, int]:
        return {name.strip(): 1 for name in dataset.class_names}

    def _write(
        self,
        folder: Path,
        dataset: Dataset,
        label_map: LabelMap,
        parts: dict[str, list[int]],
        workers: Workers,
    ) -> _Outcome:
        """Encode the images of all parts and write their files."""
        order = [i for images in parts.values() for i in images]
        class_ids = {name: class_id for class_id, name in label_map.items}
        encoder = Encoder(str(self.source), class_ids, self.options.max_side)
        encoded = workers.map(encoder, _tasks([dataset.images[i] for i in order]))
        stream = (image for task in encoded for image in task)
        outcome = _Outcome([()] * len(dataset), [""] * len(dataset))
        done = 0
        for part, images in parts.items():
            shards = _shards([dataset.images[i] for i in images], self.options.shards)
            for shard in range(shards):
                first, end = (len(images) * (shard + k) // shards for k in (0, 1))
                with RecordWriter(folder / part_file_name(part, shard, shards)) as writer:
                    for i in images[first:end]:
                        self._take(next(stream), i, outcome, writer)
                        done += 1
                        self.progress(done, len(order), "")
        if outcome.problems:
            raise problem_error(outcome.problems, source=self.source, output=self.output)
        return outcome

    def _take(self, image: EncodedImage, i: int, outcome: _Outcome, writer: RecordWriter) -> None:
        if image.problem is not None:
            outcome.problems.append(image.problem)
        elif not outcome.problems:
            writer.write_framed(image.record)
        outcome.class_names[i] = image.class_names
        outcome.sha256[i] = image.sha256
        outcome.findings += image.findings
        if self.options.strict:
            outcome.problems += [
                AnnotationError(
                    f"{self.source / finding.file}: "
                    + (f"object {finding.object}: " if finding.object else "")
                    + f"{finding.why} (without --strict: {finding.what})",
                    hint="correct the label in the labelling tool",
                )
                for finding in image.findings
                if finding.about_label
            ]

    def _finish(
        self,
        folder: Path,
        dataset: Dataset,
        label_map: LabelMap,
        parts: dict[str, list[int]],
        outcome: _Outcome,
    ) -> PreparedDataset:
        """Write what stands beside the records."""
        findings = outcome.findings + _left_out(dataset, parts, self.source)
        counts = dict(sorted(Counter(finding.what for finding in findings).items()))
        write_label_map(folder / LABEL_MAP_FILE, label_map)
        write_report(folder / REPORT_FILE, finding_rows(findings))
        assigned = {i: part for part, images in parts.items() for i in images}
        kept = sorted(assigned)
        missing = classes_missing(
            [assigned[i] for i in kept], [frozenset(outcome.class_names[i]) for i in kept]
        )
        fields = {
            "command": _command(self.source, self.output, self.options),
            "source": str(self.source),
            "images_sha256": _inputs_hash(_names(dataset, self.source), outcome.sha256),
            "parts": {part: _part_facts(images, outcome) for part, images in parts.items()},
            "classes": {name: class_id for class_id, name in label_map.items},
            "classes_missing": missing,
            "findings": counts,
        }
        write_od_json(folder, "records", fields)
        return PreparedDataset(
            folder=self.output,
            label_map=label_map,
            parts={part: len(images) for part, images in parts.items()},
            findings=counts,
        )


def _left_out(dataset: Dataset, parts: dict[str, list[int]], source: Path) -> list[Finding]:
    used = {i for images in parts.values() for i in images}
    return [
        Finding(
            os.path.relpath(image.source, source).replace(os.sep, "/"),
            "",
            "image left out",
            "no list in ImageSets/Main names it",
            about_label=False,
        )
        for i, image in enumerate(dataset)
        if i not in used
    ]


def _part_facts(images: Sequence[int], outcome: _Outcome) -> dict[str, object]:
    boxes = Counter(name for i in images for name in outcome.class_names[i])
    return {"images": len(images), "boxes": dict(sorted(boxes.items()))}


def _inputs_hash(names: Sequence[str], hashes: Sequence[str]) -> str:
    lines = sorted(f"{name} {digest}\n" for name, digest in zip(names, hashes, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _command(source: Path, output: Path, options: PrepareOptions) -> list[str]:
    """Return the command that makes the same bytes; the number of workers does not matter."""
    command = ["od", "prepare", str(source), "--output", str(output)]
    if options.split is not None:
        command += ["--split", options.split]
    else:
        command += ["--val-fraction", f"{options.val_fraction:g}"]
        command += ["--test-fraction", f"{options.test_fraction:g}"]
    command += ["--seed", str(options.seed)]
    for name in ("label_map", "shards", "max_side"):
        if (value := getattr(options, name)) is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return [*command, "--strict"] if options.strict else command


def _worker_count(source: Path, workers: int | None) -> int:
    """Return how many processes to use; few images are done before a process has started."""
    wanted = usable_cores() if workers is None else workers
    if wanted == 1:
        return 1
    labels = sum(file.lower().endswith(".xml") for _, _, files in os.walk(source) for file in files)
    return max(1, min(wanted, labels // _IMAGES_PER_WORKER))


def prepare_dataset(
    source: Path,
    output: Path = Path("records"),
    *,
    options: PrepareOptions | None = None,
    progress: Progress = silent,
) -> PreparedDataset:
    """Turn labelled images into TFRecords, a label map, ``od.json`` and ``report.csv``.

    The same input, options and seed give the same bytes, whatever the number of workers.

    Args:
        source: Holds Pascal VOC XML and images, at any depth.
        output: The folder to make; records that stand there are replaced as a whole.
        options: The split, label map, shards and so on.
        progress: Called with the number of images done.

    Raises:
        AnnotationError: A label file is broken, or a part would be empty; with many bad
            files all are listed in ``<output>.report.csv``.
        ImageError: An image is broken.
        LabelMapError: There is no object, or a given label map lacks a class.
        OutputError: ``output`` holds something else, or cannot be written.
        OdError: A worker process was killed.
    """
    options = options or PrepareOptions()
    _refuse_output(source, output)
    with Workers(_worker_count(source, options.workers)) as workers:
        prepared = _Preparation(source, output, options, progress).run(workers)
    with suppress(OSError):
        problem_report_path(output).unlink()  # of an earlier run that failed
    return prepared
