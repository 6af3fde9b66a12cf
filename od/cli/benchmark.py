"""``od benchmark``: how quick a model's exports are on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress
from od.cli.tables import print_table

if TYPE_CHECKING:
    from od.workflows.benchmark import Benchmark


@click.command(short_help="Measure how quick a model's exports are on this machine.")
@click.argument("model", metavar="RUN|EXPORT", type=click.Path(path_type=Path))
@click.option(
    "--requests",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1, 2, 4),
    show_default=True,
    help="Images in flight at once; may be given several times.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long to measure each.",
)
@json_option
def command(model: Path, requests: tuple[int, ...], seconds: float, as_json: bool) -> None:
    """Measure how quick a model's exports are on this machine.

    RUN is a folder that od finetune made, with the exports below it; EXPORT one that od export
    made.  Each is measured on every runtime that is here: TensorFlow, the current OpenVINO, the
    OpenVINO that sticks need, and all sticks.  Preparing an image is part of its time, reading
    its file is not.  CPU ms/image hardly depends on what else this machine does.

    \b
    Example:
        od benchmark runs/ssd
        od benchmark runs/ssd/export/myriad --requests 4 --json
    """
    from od.workflows.benchmark import benchmark_model

    with shown_progress("benchmark") as progress:
        made = benchmark_model(model, requests=requests, seconds=seconds, progress=progress)
    if as_json:
        print_json({**made.to_json(), "cores": _cores()})
        return
    _print_speeds(made)
    count, source = made.images
    click.echo(f"\n{_cores()} cores, {seconds:g} s each, {count} images: {source}")
    for runtime, reason in made.left_out:
        click.echo(f"left out: {runtime}: {reason}", err=True)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _print_speeds(made: Benchmark) -> None:
    several = len({measured.export for measured in made.measured}) > 1
    rows = []
    for measured in made.measured:
        speed, times = measured.speed, made.times_saved_model(measured)
        devices = f" x {len(measured.devices)}" if len(measured.devices) > 1 else ""
        rows.append(
            [
                f"{measured.runtime}{devices}",
                str(measured.requests),
                f"{speed.latency:.1f}",
                f"{speed.slow_latency:.1f}",
                f"{speed.processor:.1f}" if measured.in_process else "-",
                f"{speed.images_per_second:.1f}",
                *([f"{times:.1f}" if times else "-"] if several else []),
            ]
        )
    head = ["runtime", "in flight", "latency ms", "90 % below", "CPU ms/image", "images/s"]
    print_table([*head, *(["x SavedModel"] if several else [])], rows)
