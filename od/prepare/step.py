"""Labelled images -> records: read, split, check, encode, write, all or nothing."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from od.annotations.pascal_voc import read_pascal_voc
from od.checks import Finding
from od.errors import AnnotationError, OdError, OutputError
from od.images import find_images
from od.outputs import read_od_json, whole_folder, write_od_json
from od.prepare.encode import EncodedImage, Encoder
from od.prepare.facts import inputs_hash, left_out, part_facts, replayed_command, unlabelled
from od.prepare.plan import (
    PrepareOptions,
    class_label_map,
    relative_names,
    shard_count,
    split_parts,
    tasks,
)
from od.prepare.report import (
    REPORT_FILE,
    finding_rows,
    problem_error,
    problem_report_path,
    write_report,
)
from od.prepare.workers import Workers, usable_cores
from od.records.label_map_file import read_label_map, write_label_map
from od.records.parts import LABEL_MAP_FILE, is_record_name, part_file_name
from od.records.tfrecord import RecordWriter
from od.splits import classes_missing
from od.structures.artifacts import PreparedDataset
from od.structures.dataset import Dataset
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent

_BYTES_PER_WORKER = 8 << 20  # below that a process takes longer to start than it saves


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


class _Preparation:
    """One run of the step: what is read once, and the passes over the images."""

    def __init__(
        self, source: Path, output: Path, options: PrepareOptions, progress: Progress
    ) -> None:
        self.source, self.output = source, output
        self.options, self.progress = options, progress

    def run(self, workers: Workers) -> PreparedDataset:
        path = self.options.label_map
        given = None if path is None else read_label_map(path)
        problems: list[OdError] = []
        dataset = read_pascal_voc(self.source, problems=problems, spread=workers.map)
        if problems:
            problems += self._check_only(dataset, given, workers)
            raise problem_error(problems, source=self.source, output=self.output)
        classes = [frozenset(a.class_name.strip() for a in image.annotations) for image in dataset]
        label_map = given or class_label_map(dataset, self.source)
        parts = split_parts(dataset, self.source, self.options, classes)
        with whole_folder(self.output) as folder:
            outcome = self._write(folder, dataset, label_map, parts, workers)
            left = [frozenset(names) for names in outcome.class_names]
            if left != classes:
                # Some boxes were dropped, as the images' real sizes show. Split again by
                # the classes that are left; only when that changes something, write again.
                again = split_parts(dataset, self.source, self.options, left)
                if again != parts:
                    parts = again
                    for file in folder.iterdir():
                        file.unlink()
                    outcome = self._write(folder, dataset, label_map, parts, workers)
            return self._finish(folder, dataset, label_map, parts, outcome)

    def _check_only(
        self, dataset: Dataset, given: LabelMap | None, workers: Workers
    ) -> list[OdError]:
        """Look at every image, so that all problems are listed at once."""
        known = (
            {name: class_id for class_id, name in given.items}
            if given
            else {name.strip(): 1 for name in dataset.class_names}
        )
        encoder = Encoder(self.source, known, self.options.max_side)
        problems = []
        for encoded in workers.map(encoder, tasks(dataset.images)):
            problems += [image.problem for image in encoded if image.problem is not None]
        return problems

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
        encoder = Encoder(self.source, class_ids, self.options.max_side)
        encoded = workers.map(encoder, tasks([dataset.images[i] for i in order]))
        stream = (image for task in encoded for image in task)
        outcome = _Outcome([()] * len(dataset), [""] * len(dataset))
        done = 0
        for part, images in parts.items():
            shards = shard_count([dataset.images[i] for i in images], self.options.shards)
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
        findings = [
            *outcome.findings,
            *left_out(dataset, parts, self.source),
            *unlabelled(dataset, self.source),
        ]
        counts = dict(sorted(Counter(finding.what for finding in findings).items()))
        write_label_map(folder / LABEL_MAP_FILE, label_map)
        write_report(folder / REPORT_FILE, finding_rows(findings))
        assigned = {i: part for part, images in parts.items() for i in images}
        kept = sorted(assigned)
        missing = classes_missing(
            [assigned[i] for i in kept], [frozenset(outcome.class_names[i]) for i in kept]
        )
        fields = {
            "command": replayed_command(self.source, self.output, self.options),
            "source": str(self.source),
            "images_sha256": inputs_hash(relative_names(dataset, self.source), outcome.sha256),
            "parts": {
                part: part_facts(images, outcome.class_names) for part, images in parts.items()
            },
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


def _worker_count(source: Path, workers: int | None) -> int:
    """Return how many processes to use; few images are done before a process has started."""
    if workers is not None:
        return workers
    size = 0
    for image in find_images(source):
        with suppress(OSError):
            size += os.stat(image).st_size
    return max(1, min(usable_cores(), size // _BYTES_PER_WORKER))


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
