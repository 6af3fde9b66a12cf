"""The step from labelled images to records."""

from od.prepare.plan import PrepareOptions
from od.prepare.step import prepare_dataset

__all__ = ["PrepareOptions", "prepare_dataset"]
