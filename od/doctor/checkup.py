"""The doctor's round: one look after the other, none of which can stop the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.doctor import machine, software, sticks
from od.doctor.finding import MISSING, NOTE, Finding
from od.structures.progress import Progress, silent

TIMEOUT = 180.0  # seconds for TensorFlow to start; 12 are usual, a cold disk takes a minute


@dataclass(frozen=True)
class Examination:
    """Everything that was looked at.

    Args:
        findings: In the order in which they are shown.
    """

    findings: tuple[Finding, ...]

    @property
    def fit(self) -> bool:
        """Nothing is missing for the way from labels to an exported detector."""
        return all(finding.status != MISSING for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {"fit": self.fit, "findings": [finding.to_json() for finding in self.findings]}


def examine(
    *,
    root: Path = Path("/"),
    folder: Path = Path(),
    timeout: float = TIMEOUT,
    progress: Progress = silent,
) -> Examination:
    """Look at the installation and the machine; raises nothing, whatever is broken.

    Args:
        root: Holds ``proc``, ``sys`` and ``dev``.
        folder: The workspace; the free space of its disk is told.
        timeout: Seconds for each library to start.
        progress: Told after each look.
    """
    looks: list[tuple[str, Callable[[], Finding | Iterable[Finding]]]] = [
        ("Python", software.python_finding),
        ("packages", software.package_findings),
        ("TensorFlow", lambda: software.tensorflow_findings(root, timeout)),
        ("OpenVINO", lambda: software.openvino_finding(timeout)),
        ("CPU", lambda: machine.cpu_finding(root)),
        ("memory", lambda: machine.memory_finding(root)),
        ("free disk", lambda: machine.disk_finding(folder.absolute())),
        ("machine", lambda: machine.machine_finding(root)),
        ("stick", lambda: sticks.stick_findings(root)),
        ("Myriad toolchain", sticks.toolchain_finding),
    ]
    findings: list[Finding] = []
    for done, (subject, look) in enumerate(looks):
        progress(done, len(looks), subject)
        try:
            found = look()
            findings += [found] if isinstance(found, Finding) else found
        except Exception as error:  # the doctor's promise: whatever is broken, it goes on
            findings.append(
                Finding(NOTE, subject, f"cannot be looked at: {type(error).__name__}: {error}")
            )
    progress(len(looks), len(looks))
    return Examination(tuple(findings))
