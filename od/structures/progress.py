"""How a step says how far it is, without printing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by a step with ``done`` of ``total`` and a short note; total 0 means unknown."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None: ...


def silent(done: int, total: int, note: str = "", /) -> None:
    """Say nothing."""
