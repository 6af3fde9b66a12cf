"""Options that several commands share, spelled once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

records_option = click.option(
    "--records",
    type=click.Path(path_type=Path),
    default=Path("records"),
    show_default=True,
    help="Folder that od prepare made.",
)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout; paths become strings."""
    click.echo(json.dumps(content, ensure_ascii=False, default=str))
