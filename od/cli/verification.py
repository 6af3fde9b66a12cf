"""How a verification is shown; ``od evaluate`` and ``od export --verify`` share it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import print_json
from od.cli.tables import print_table

if TYPE_CHECKING:
    from od.workflows.verification import Runtime, Verification


def verify_and_show(
    export: Path, *, records: Path | None, part: str, output: Path | None, as_json: bool
) -> None:
    """Measure an export for sticks on every runtime, write it down and print it."""
    from od.cli.progress import shown_progress
    from od.outputs import refuse_foreign
    from od.workflows.verification import KIND, verify_export, write_verification

    folder = output or export / "verify" / part
    refuse_foreign(folder, KIND)  # now, not after the minutes that measuring takes
    with shown_progress("verify") as progress:
        made = verify_export(export, records=records, part=part, progress=progress)
    files = write_verification(made, folder)
    if as_json:
        print_json({**made.to_json(), "files": [str(file) for file in files]})
        return
    _print(made)
    for file in files:
        click.echo(file)


def _print(made: Verification) -> None:
    first = made.runtimes[0]
    rows = [_row(runtime) for runtime in made.runtimes]
    headings = ["runtime", "mAP", "mAP@0.5", "box, px", "score", "exchanged", "missing"]
    print_table(headings, rows, left=(0,))
    click.echo()
    names = [known.name for known in first.evaluation.metrics.per_class]
    rows = [
        [
            name,
            *(_share(r.evaluation.metrics.per_class[i].ap50, digits=4) for r in made.runtimes),
        ]
        for i, name in enumerate(names)
    ]
    columns = [str(number) for number in range(1, len(made.runtimes) + 1)]
    print_table(["AP@0.5 in runtime", *columns], rows, left=(0,))
    click.echo(
        f"\nmAP differs by at most {made.map_difference:.4f}; differences of boxes and scores are"
        f" the largest of any image, for scores above 0.3, against 1, {first.name}"
    )
    for name, reason in made.left_out:
        click.echo(f"left out: {name}: {reason}", err=True)


def _row(runtime: Runtime) -> list[str]:
    metrics = runtime.evaluation.metrics
    row = [runtime.name, _share(metrics.map, digits=4), _share(metrics.map50, digits=4)]
    p = runtime.parity
    if p is None:
        return [*row, "-", "-", "-", "-"]
    exchanged, missing = (f"{n} of {p.compared}" for n in (p.exchanged, p.missing))
    return [*row, f"{p.max_pixels:.3f}", f"{p.max_score:.4f}", exchanged, missing]


def _share(value: float | None, *, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
