"""Tables: ruled on a terminal, never cut off when they go into a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

_PIPE_WIDTH = 200  # characters; nobody's terminal limits what is read by a program


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    fold: bool = False,
    err: bool = False,
) -> None:
    """Print a table; its first column is not wrapped, so that names can be copied.

    Args:
        head: The columns' titles.
        rows: Plain text; rich's markup in it is shown as it is.
        left: Places of the columns that hold text; the others are numbers, at the right.
        fold: Fold the first column too, where its names are longer than half a line.
        err: Print on stderr.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, title in enumerate(head):
        justify = "left" if place in left else "right"
        if place == 0 and not fold:
            table.add_column(escape(title), no_wrap=True, justify="left")
        else:
            table.add_column(escape(title), overflow="fold", justify=justify)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    Console(file=stream, width=width, highlight=False).print(table)
