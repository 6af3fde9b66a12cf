"""``report.csv``: what was done to the labels, or why nothing could be made of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from od.checks import Finding
from od.errors import AnnotationError, OdError, OutputError
from od.outputs import whole_file

REPORT_FILE = "report.csv"
_COLUMNS = ("file", "object", "what", "why")
_SHOWN = 10


def write_report(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of file, object, what and why as CSV.

    Raises:
        OSError: From the disk; ``od.outputs`` turns it into an OutputError.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)


def finding_rows(findings: Iterable[Finding]) -> list[tuple[str, str, str, str]]:
    """Return findings as rows of the report, by file and in the order of the objects."""
    rows = ((f.file, f.object, f.what, f.why) for f in findings)
    return sorted(rows, key=lambda row: row[0])  # stable: the objects keep their order


def problem_report_path(output: Path) -> Path:
    """Where the list of bad files goes when nothing else is written: beside the output."""
    return output.with_name(f"{output.name}.{REPORT_FILE}")


def problem_error(problems: Sequence[OdError], *, source: Path, output: Path) -> OdError:
    """Return one error for all bad files, and list them in a report when they are many.

    The first ten are shown; all of them stand in ``<output>.report.csv``.
    """
    if len(problems) == 1:
        return problems[0]
    problems = sorted(problems, key=str)
    report = problem_report_path(output)
    rows = []
    for problem in problems:
        file, _, what = str(problem).partition(": ")
        rows.append((file, "", "error", what))
    try:
        with whole_file(report) as temporary:
            write_report(temporary, rows)
        where = f"all of them are listed in {report}"
    except OutputError as error:
        where = f"the list of all of them could not be written ({error})"
    shown = [f"  {problem}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        shown.append(f"  ... and {len(problems) - _SHOWN} more")
    lines = "\n".join(shown)
    hints = {problem.hint for problem in problems}
    hint = hints.pop() if len(hints) == 1 else "mend or remove these files"
    return AnnotationError(
        f"{source}: {len(problems)} problems, nothing was prepared; {where}:\n{lines}",
        hint=f"{hint}, then run the command again",
    )
