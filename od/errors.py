"""Every error that od raises on purpose.

OdError                     anything a user can put right
├── AnnotationError         a label file cannot be read or contradicts its image
├── ImageError              an image is missing, broken or of an unknown kind
├── LabelMapError           a class name or id is unknown, repeated or out of order
├── RecordError             a record file is missing, broken or holds something unexpected
├── PipelineConfigError     a pipeline.config does not fit the step it is given to
├── CheckpointError         a checkpoint is missing or fits another model
├── TrainingError           training cannot start or cannot go on
├── ExportError             a model cannot be turned into what the target runs
├── DeviceError             a stick, camera, window or voice cannot be used
│   ├── DeviceBusyError     it is there but takes nothing now
│   └── DeviceGoneError     it was there and is no longer
├── OutputError             an output cannot be written: no space, no permission, in the way
└── MissingDependencyError  a library is not installed or does not work

The command line prints these as two lines and exits with status 1.  Any other
exception is a bug in od and keeps its traceback.
"""

from __future__ import annotations


class OdError(Exception):
    """A problem the user can put right.

    Args:
        problem: What is wrong and where, in one sentence: the file first, then
            the value found, then the value expected.
        hint: What to do about it, in one sentence.
    """

    def __init__(self, problem: str, *, hint: str | None = None) -> None:
        super().__init__(problem)
        self.hint = hint


class AnnotationError(OdError):
    """A label file cannot be read or contradicts its image."""


class ImageError(OdError):
    """An image is missing, broken or of an unknown kind."""


class LabelMapError(OdError):
    """A class name or id is unknown, repeated or out of order."""


class RecordError(OdError):
    """A record file is missing, broken or holds something unexpected."""


class PipelineConfigError(OdError):
    """A pipeline.config does not fit the step it is given to."""


class CheckpointError(OdError):
    """A checkpoint is missing or fits another model."""


class TrainingError(OdError):
    """Training cannot start or cannot go on."""


class ExportError(OdError):
    """A model cannot be turned into what the target runs."""


class DeviceError(OdError):
    """A stick, camera, window or voice is not there or cannot be used."""


class DeviceBusyError(DeviceError):
    """A device is there but takes nothing now."""


class DeviceGoneError(DeviceError):
    """A device that was at work has been unplugged or no longer answers."""


class OutputError(OdError):
    """An output cannot be written: no space, no permission, something in the way."""


class MissingDependencyError(OdError):
    """A library is not installed or does not work."""
