"""``od models``: what can be fine-tuned."""

from __future__ import annotations

from pathlib import Path

import click

from od.cli.options import json_option, print_json
from od.cli.tables import print_table
from od.workspace import Workspace


@click.command(short_help="List the models that can be fine-tuned.")
@json_option
def command(as_json: bool) -> None:
    """List the models that can be fine-tuned.

    mAP (COCO 2017, percent) and speed (ms an image) are the published ones.  Templates in
    ./pipeline_configs come first; a checkpoint is looked for in ./pretrained, too.

    \b
    Example:
        od models
        od models --json
    """
    from od.workflows.models import list_models

    models = list_models(Workspace(Path()))
    if as_json:
        print_json({"models": [model.to_json() for model in models]})
        return
    print_table(
        ["model", "input", "mAP", "ms", "stick", "checkpoint"],
        [
            [
                model.name + (" *" if model.own else ""),
                "cannot be read" if model.problem else model.input_size,
                _number(model.coco_map),
                _number(model.speed_ms),
                model.stick,
                "here" if model.checkpoint else "not here",
            ]
            for model in models
        ],
        left=(0, 1, 4, 5),
    )
    click.echo()
    for model in models:
        if model.short_name:
            click.echo(f"{model.short_name} stands for {model.name}")
    if any(model.own for model in models):
        click.echo("* from ./pipeline_configs")
    for model in models:
        if model.problem:
            click.echo(model.problem, err=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
