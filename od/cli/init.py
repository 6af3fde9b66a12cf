"""``od init``: a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from od.cli.options import json_option, print_json


@click.command(short_help="Make a workspace with a README of the next commands.")
@click.argument("folder", metavar="[DIR]", default=Path(), type=click.Path(path_type=Path))
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Make a workspace with a README of the next commands.

    DIR (default: the current folder) gets an empty annotations/, the models' templates in
    pipeline_configs/ and a README.md.  Nothing that stands there is overwritten.

    \b
    Example:
        od init birds
    """
    from od.workflows.initialize import make_workspace

    result = make_workspace(folder)
    if as_json:
        print_json({"workspace": str(folder), "made": [str(path) for path in result.made]})
        return
    for path in result.made:
        click.echo(path)
    if not result.made:
        click.echo(f"{folder}: is a workspace already, nothing was changed")
    click.echo(f"next: put photographs and labels into {result.workspace.annotations}, then")
    if folder != Path():
        click.echo(f"    cd {folder}")
    click.echo("    od prepare\n    od finetune ssd\n    od evaluate")
