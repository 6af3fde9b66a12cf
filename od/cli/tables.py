"""Tables on stdout: ruled on a terminal, never cut off when they go into a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

_PIPE_WIDTH = 200  # characters; nobody's terminal limits what is read by a program


def print_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = (0,)
) -> None:
    """Print a table; its first column is never wrapped, so that names can be copied.

    Args:
        head: The columns' titles.
        rows: Plain text; rich's markup in it is shown as it is.
        left: Places of the columns that hold text; the others are numbers, at the right.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, title in enumerate(head):
        justify = "left" if place in left else "right"
        if place == 0:
            table.add_column(escape(title), no_wrap=True, justify="left")
        else:
            table.add_column(escape(title), overflow="fold", justify=justify)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, highlight=False).print(table)
