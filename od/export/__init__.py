"""STEP export_detector: a trained model -> what a runtime loads, one file per target."""

from od.export.myriad import CHIPS, MyriadOptions
from od.export.source import ExportSource, read_source
from od.export.step import (
    TARGETS,
    Export,
    check_exportable,
    default_output,
    export_detector,
)

__all__ = [
    "CHIPS",
    "TARGETS",
    "Export",
    "ExportSource",
    "MyriadOptions",
    "check_exportable",
    "default_output",
    "export_detector",
    "read_source",
]
