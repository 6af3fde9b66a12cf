"""The data folders that ship with od: annotations/, pipeline_configs/, pretrained/.

In a checkout they stand at the top level; in a wheel they travel as
``od/_shipped/<name>`` (mapped packages in pyproject.toml).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the folder of this name (annotations, pipeline_configs, pretrained) that ships."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
