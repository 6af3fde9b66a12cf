"""``od quickstart``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from od.cli.options import json_option, print_json


@click.command(short_help="The whole way on the sample that ships with od, offline, in minutes.")
@click.argument(
    "folder", metavar="[DIR]", default=Path("od-quickstart"), type=click.Path(path_type=Path)
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps  [default: 450]")
@json_option
def command(folder: Path, steps: int | None, as_json: bool) -> None:
    """The whole way on the sample that ships with od, offline, in minutes.

    Makes a workspace in DIR (default: od-quickstart), prepares the sample, fine-tunes the
    small SSD from its shipped checkpoint, measures it, exports it for a Neural Compute Stick,
    draws what it finds and runs, on the CPU, the script that would run on the stick.
    Interrupted, it goes on where it stopped when it is run again.

    \b
    Example:
        od quickstart demo
    """
    from od.cli.progress import shown_progress
    from od.cli.signals import stop_on_signals
    from od.errors import OutputError
    from od.outputs import output_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
    except FileExistsError as error:
        raise OutputError(
            f"{folder}: is a file", hint="give a folder: od quickstart DIR"
        ) from error
    except OSError as error:
        raise output_error(folder, error) from error

    from od.workflows.quickstart import STEPS, quickstart

    result = quickstart(
        stage=shown_progress,
        stoppable=stop_on_signals,
        say=lambda text: click.echo(text, err=True),
        steps=steps or STEPS,
    )
    if result is None:
        click.echo(f"stopped early; go on: od quickstart {folder}", err=True)
        return
    if as_json:
        print_json({"folder": folder, **vars(result)})
        return
    for name, path in (
        ("run", result.run),
        ("report", result.report),
        ("for a stick", result.export),
        ("pictures", result.pictures),
    ):
        click.echo(f"{name:>12}  {folder / path}")
    click.echo(f"{'seconds':>12}  {', '.join(f'{k} {v}' for k, v in result.seconds.items())}")
    click.echo(f"{'mAP@0.5':>12}  {result.map50:.3f} on the sample's val part")
    click.echo(
        f"{'threshold':>12}  {result.threshold} (best F1): the pictures show scores above it"
    )
    click.echo(
        f"{'script':>12}  detect_on_stick.py --device CPU found {result.objects} objects in them"
    )
    if result.missing is not None:
        missing, way_out = result.missing
        click.echo(f"no blobs yet: {missing}\nHint: {way_out}", err=True)
    click.echo("next, with your own photographs and their VOC XML labels:")
    click.echo("  od init mine && cd mine    # put images and labels into annotations/")
    click.echo("  od prepare && od finetune ssd && od export --target myriad")
