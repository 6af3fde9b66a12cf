"""Record files, from tests/record_files.py."""

from record_files import records

__all__ = ["records"]
