"""The folders of a workspace, spelled once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from od.errors import OdError


@dataclass(frozen=True)
class Workspace:
    """A folder in which the commands of od run.

    Example:
        >>> Workspace(Path("birds")).run("ssd").as_posix()
        'birds/runs/ssd'
    """

    root: Path

    @property
    def annotations(self) -> Path:
        """Labels and images, by hand."""
        return self.root / "annotations"

    @property
    def records(self) -> Path:
        """What ``od prepare`` makes."""
        return self.root / "records"

    @property
    def pipeline_configs(self) -> Path:
        """The user's own templates; they come before the shipped ones."""
        return self.root / "pipeline_configs"

    @property
    def pretrained(self) -> Path:
        """Checkpoints that the user put here; they come before the shipped one."""
        return self.root / "pretrained"

    @property
    def runs(self) -> Path:
        """One folder for each training."""
        return self.root / "runs"

    def run(self, name: str) -> Path:
        """The folder of the run ``name``."""
        return self.runs / name

    def newest_run(self) -> Path:
        """Return the run whose ``od.json`` was written last.

        Raises:
            OdError: There is no run yet.
        """
        runs = [folder for folder in self.runs.glob("*") if (folder / "od.json").is_file()]
        if not runs:
            raise OdError(f"{self.runs}: no run here yet", hint="train one: od finetune ssd")
        return max(runs, key=lambda folder: ((folder / "od.json").stat().st_mtime_ns, folder.name))
