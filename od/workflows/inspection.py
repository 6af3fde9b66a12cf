"""Look into records and write the page about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from od.inspect_records import inspect_records
from od.outputs import refuse_foreign, whole_folder, write_od_json
from od.structures.progress import Progress, silent
from od.structures.records_overview import RecordsOverview

KIND = "inspection"


def inspect_to_page(
    sources: Sequence[Path], folder: Path, *, progress: Progress = silent
) -> tuple[RecordsOverview, tuple[Path, ...]]:
    """Count what is in records and write ``report.html`` and ``overview.json``.

    Args:
        sources: One folder of records, or record files of any name; they stay untouched.
        folder: Is replaced as a whole if an earlier inspection stands there.
        progress: Told after each image.

    Returns:
        What was counted, and the files written.

    Raises:
        RecordError: There are no records, or one is damaged: nothing is written.
        OutputError: ``folder`` holds something else, or cannot be written.
    """
    from od.report.records_page import records_page

    refuse_foreign(folder, KIND)
    overview = inspect_records(sources, progress=progress)
    text = records_page(overview)
    with whole_folder(folder) as new:
        (new / "report.html").write_text(text, encoding="utf-8")
        content = json.dumps(overview.to_json(), indent=2, ensure_ascii=False)
        (new / "overview.json").write_text(content + "\n", encoding="utf-8")
        write_od_json(new, KIND, {"sources": [str(source) for source in sources]})
    return overview, (folder / "report.html", folder / "overview.json")
