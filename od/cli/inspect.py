"""``od inspect``: what is in records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress
from od.cli.tables import print_table

if TYPE_CHECKING:
    from od.structures.records_overview import RecordsOverview


@click.command(short_help="Show what is in records: counts, sizes, classes, samples.")
@click.argument("sources", metavar="[RECORDS]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("inspect"),
    show_default=True,
    help="Folder for report.html and overview.json.",
)
@json_option
def command(sources: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Show what is in records: counts, sizes, classes, samples.

    RECORDS is a folder of records (default: records) or TFRecord files of any name, also
    made by others.  Every checksum is verified; the records stay untouched.

    \b
    Example:
        od inspect
        od inspect downloads/train.record downloads/test.record
    """
    from od.workflows.inspection import inspect_to_page

    with shown_progress("inspect") as progress:
        overview, files = inspect_to_page(sources or (Path("records"),), output, progress=progress)
    if as_json:
        print_json({**overview.to_json(), "files": [str(file) for file in files]})
        return
    _print_tables(overview)
    for file in files:
        click.echo(file)


def _print_tables(overview: RecordsOverview) -> None:
    from od.structures.records_overview import pixel_labels

    parts = [part.name for part in overview.parts]
    print_table(
        ["part", "images", "without object", "objects"],
        [[p.name, str(p.images), str(p.background), str(p.objects)] for p in overview.parts],
    )
    click.echo()
    print_table(
        ["class", "id", *parts, "images"],
        [
            [
                known.name or "(no name)",
                str(known.class_id),
                *(str(known.objects.get(part, 0)) for part in parts),
                str(known.images),
            ]
            for known in overview.classes
        ],
    )
    click.echo()
    print_table(
        ["box side in pixels", *pixel_labels()], [["objects", *map(str, overview.box_pixels)]]
    )
    click.echo()
    shown = overview.image_sizes[:3]
    sizes = ", ".join(f"{width} x {height} ({count})" for (width, height), count in shown)
    more = len(overview.image_sizes) - len(shown)
    click.echo(f"image sizes: {sizes}" + (f", {more} more" if more else ""))
    for finding in overview.findings:
        click.echo(f"look at this: {finding}")
    click.echo("every checksum is right")
