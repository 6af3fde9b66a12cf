"""One line of what the doctor found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

OK, NOTE, MISSING = "ok", "note", "missing"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        status: "ok", "note" (worth knowing, nothing stops) or "missing" (needed for the
            way from labels to an exported detector).
        subject: What was looked at.
        found: What it is like, in a few words.
        mend: The command or the steps that put it right, None where there is nothing to do.
    """

    status: str
    subject: str
    found: str
    mend: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)
