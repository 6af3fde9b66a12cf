"""``od prepare``: labelled images -> records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress

if TYPE_CHECKING:
    from od.prepare import PrepareOptions
    from od.structures.artifacts import PreparedDataset


def _note(text: str) -> None:
    click.echo(text, err=True)


def _mention_voc_splits(source: Path) -> None:
    from od.annotations.voc_splits import count_voc_splits

    counts = count_voc_splits(source)
    if {"train", "val"} <= counts.keys():
        sizes = ", ".join(f"{part} {count}" for part, count in counts.items())
        _note(f"Note: ImageSets/Main has a split ({sizes}); --split voc takes it.")


def _files(prepared: PreparedDataset) -> dict[str, str]:
    """Return every file that was made, with what is in it."""
    from od.records.parts import LABEL_MAP_FILE, part_files
    from od.records.tfrecord import count_records

    files = {
        str(file): f"{count_records(file)} images"
        for part in prepared.parts
        for file in part_files(prepared.folder, part)
    }
    files[str(prepared.folder / LABEL_MAP_FILE)] = f"{len(prepared.label_map)} classes"
    findings = sum(prepared.findings.values())
    files[str(prepared.folder / "report.csv")] = f"{findings} findings"
    files[str(prepared.folder / "od.json")] = ""
    return files


def _show(prepared: PreparedDataset, missing: dict[str, list[str]]) -> None:
    files = _files(prepared)
    width = max(map(len, files.values()))
    for file, content in files.items():
        click.echo(f"{content:>{width}}  {file}")
    for what, count in prepared.findings.items():
        _note(f"{what}: {count}")
    for part, names in missing.items():
        _note(f"Note: {part} has no image of: {', '.join(names)}")


@click.command(short_help="Turn labelled images into TFRecords and a label map.")
@click.argument("source", type=click.Path(path_type=Path), default=Path("annotations"))
@click.option(
    "--format",
    "label_format",
    type=click.Choice(["auto", "voc"]),
    default="auto",
    show_default=True,
    help="Format of the labels; voc is Pascal VOC XML.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("records"),
    show_default=True,
    help="Folder to make; records that are there already are replaced as a whole.",
)
@click.option(
    "--val-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the images kept for validation.",
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of the images kept for a test that is run once, at the end.",
)
@click.option(
    "--split",
    type=click.Choice(["voc"]),
    help="Take the split that comes with the images: voc is ImageSets/Main.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another split.")
@click.option(
    "--label-map",
    type=click.Path(path_type=Path),
    help="Keep the class ids of this label_map.pbtxt.",
)
@click.option(
    "--shards",
    type=click.IntRange(1),
    help="Files in each part, at most one for each image.  [default: one for each 256 MB]",
)
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option(
    "--max-side",
    type=click.IntRange(16),
    metavar="PIXELS",
    help="Shrink images whose longer side is longer than this.",
)
@click.option("--strict", is_flag=True, help="Refuse labels that would otherwise be put right.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, source: Path, output: Path, as_json: bool, **given: object
) -> None:
    """Turn labelled images into TFRecords and a label map.

    SOURCE holds Pascal VOC XML and images, side by side or in folders of their own.  Every
    image is decoded in full, so that a broken one is found now and not while training.
    Boxes that stick out of their image are clipped, boxes without area are dropped; all
    that was done stands in report.csv.

    \b
    Example:
        od prepare photos --val-fraction 0.1
        od prepare VOC2012 --split voc --output records-voc
    """
    from od.outputs import read_od_json
    from od.prepare import prepare_dataset

    options = _options(ctx, given)
    if options.split is None and not as_json:
        _mention_voc_splits(source)
    with shown_progress("prepare") as progress:
        prepared = prepare_dataset(source, output, options=options, progress=progress)
    facts = read_od_json(prepared.folder)
    if not as_json:
        _show(prepared, facts["classes_missing"])
        return
    print_json(
        {
            "folder": prepared.folder,
            "parts": prepared.parts,
            "classes": facts["classes"],
            "classes_missing": facts["classes_missing"],
            "findings": prepared.findings,
            "files": list(_files(prepared)),
        }
    )


def _options(ctx: click.Context, given: dict[str, object]) -> PrepareOptions:
    from od.prepare import PrepareOptions

    if given["split"] is not None:
        for name in ("val_fraction", "test_fraction"):
            if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{option} and --split exclude one another.", ctx)
    given = dict(given, format=given["label_format"])
    del given["label_format"]
    return PrepareOptions(**given)  # type: ignore[arg-type]
