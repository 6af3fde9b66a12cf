"""``od doctor``: what is installed, what is missing, what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from od.cli.options import json_option, print_json


@click.command(short_help="Say what is installed, what is missing, and what to do about it.")
@click.option(
    "--setup-myriad",
    is_flag=True,
    help="Instead, set up what compiles for a Neural Compute Stick: some 170 MB, once.",
)
@json_option
def command(setup_myriad: bool, as_json: bool) -> None:
    """Say what is installed, what is missing, and what to do about it.

    Ends with status 1 when something is missing that the way from labels to an exported
    detector needs.  Starting TensorFlow takes some 10 seconds.

    \b
    Example:
        od doctor
        od doctor --setup-myriad
    """
    if setup_myriad:
        _set_up_myriad(as_json)
        return
    from od.doctor import examine

    if not as_json:
        click.echo("looking, which takes some 15 seconds ...", err=True)
    examination = examine(folder=Path())
    if as_json:
        print_json(examination.to_json())
        sys.exit(0 if examination.fit else 1)
    # No rich here: it may be what is missing.
    width = max(len(finding.subject) for finding in examination.findings)
    for finding in examination.findings:
        click.echo(f"{finding.status:<7}  {finding.subject:<{width}}  {finding.found}")
        if finding.mend:
            click.echo(f"{'':<7}  {'':<{width}}  -> {finding.mend}")
    if not examination.fit:
        missing = sum(finding.status == "missing" for finding in examination.findings)
        click.echo(f"\n{missing} missing: run the commands above and look again")
        sys.exit(1)
    click.echo("\nall that od needs is here")


def _set_up_myriad(as_json: bool) -> None:
    from od.myriad.toolchain import VERSION, make_toolchain

    toolchain = make_toolchain(say=lambda line: click.echo(line, err=True), repair=True)
    if as_json:
        print_json({"folder": str(toolchain.folder), "python": str(toolchain.python)})
    else:
        click.echo(f"OpenVINO {VERSION}  {toolchain.folder}")
