"""Ctrl-C and SIGTERM ask a command to save what it has and stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def stop_on_signals(
    answer: str = "saving a checkpoint and stopping ...",
) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether a stop was asked for; a second signal ends at once.

    Args:
        answer: Said when a stop is asked for.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        click.echo(f"{answer} (again to stop at once)", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
