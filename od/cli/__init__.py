"""The command line: parse, call one library function, print.

The only user of click and rich.  A command's module is imported when that command is
called, so ``od --help`` and usage errors stay fast; the short helps stand here for the
same reason (a test compares them with the commands' own).
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
import warnings

import click

from od.errors import OdError

COMMANDS = {
    "quickstart": "The whole way on the sample that ships with od, offline, in minutes.",
    "init": "Make a workspace with a README of the next commands.",
    "prepare": "Turn labelled images into TFRecords and a label map.",
    "inspect": "Show what is in records: counts, sizes, classes, samples.",
    "finetune": "Train a detector on records, from a pretrained checkpoint.",
    "evaluate": "Measure a trained detector: mAP, curves, worst images.",
    "export": "Turn a trained run into what a runtime loads.",
    "detect": "Find objects in images, videos or a camera's picture.",
    "benchmark": "Measure how quick a model's exports are on this machine.",
    "models": "List the models that can be fine-tuned.",
    "doctor": "Say what is installed, what is missing, and what to do about it.",
}


class _Commands(click.Group):
    """Imports commands lazily and shows an OdError as ``Error:`` and ``Hint:`` lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"od.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            advice = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OdError as error:
            hint = f"\nHint: {error.hint}" if error.hint else ""
            raise click.ClickException(f"{error}{hint}") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="od-finetune", prog_name="od")
def cli() -> None:
    """From labelled photographs to an object detector on a Neural Compute Stick.

    Labels in Pascal VOC XML and their images go in; a detector comes out.  Begin with:

        od quickstart
    """


def _quieten_tensorflow() -> None:
    """Keep notices about deprecations and drivers from burying what a user should read."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.filterwarnings(
            "ignore", module=r"(tf_keras|tensorflow|object_detection|official)\b"
        )


def main() -> None:
    """Run the command line; the entry point of the script ``od``."""
    _quieten_tensorflow()
    try:
        cli(prog_name="od")
    except BrokenPipeError:  # `od models | head`: the reader has gone, nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
