"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from od.structures.progress import Progress

_PLAIN_SECONDS = 10.0  # between two plain lines


@contextmanager
def shown_progress(title: str) -> Iterator[Progress]:
    """Give a ``Progress`` that shows ``title``, how far the step is, and its last note."""
    if sys.stderr.isatty():
        with _bar(title) as progress:
            yield progress
    else:
        yield _plain(title)


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=False,
    )
    with bars:
        task = bars.add_task(title, total=None, note="")

        def show(done: int, total: int, note: str = "", /) -> None:
            bars.update(task, completed=done, total=total or None, note=note)

        yield show


def _plain(title: str) -> Progress:
    last = time.monotonic()
    first: tuple[int, float] | None = None  # a model's first image takes as long as many others

    def show(done: int, total: int, note: str = "", /) -> None:
        nonlocal first, last
        now = time.monotonic()
        first = first or (done, now)
        if now - last < _PLAIN_SECONDS and not (done == total and total):
            return
        last = now
        of = f"/{total}" if total else ""
        left = ""
        if first[0] < done < total:
            seconds = (now - first[1]) / (done - first[0]) * (total - done)
            left = f", {seconds:.0f} s left"
        click.echo(f"{title}: {done}{of} {note}{left}".rstrip(), err=True)

    return show
