"""The step from labelled images to records."""

from od.prepare.step import PrepareOptions, prepare_dataset

__all__ = ["PrepareOptions", "prepare_dataset"]
