"""od: from labelled photographs to an object detector on a Neural Compute Stick.

The public names are imported when they are first used, so ``import od`` costs nothing.

Example:
    >>> import od
    >>> od.BoundingBox(0, 0, 4, 3).area
    12
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from od.detect import load_detector
    from od.errors import OdError
    from od.evaluate import evaluate_detector
    from od.export import export_detector
    from od.finetune import finetune_detector, plan_finetuning, plan_resuming
    from od.prepare import prepare_dataset
    from od.structures.artifacts import (
        Detector,
        ExportedDetector,
        FinetunedDetector,
        InputSpec,
        PreparedDataset,
    )
    from od.structures.boxes import BoundingBox, iou
    from od.structures.dataset import AnnotatedImage, Annotation, Dataset
    from od.structures.detections import Detections
    from od.structures.label_map import LabelMap
    from od.workspace import Workspace

_HOMES = {
    "AnnotatedImage": "od.structures.dataset",
    "Annotation": "od.structures.dataset",
    "BoundingBox": "od.structures.boxes",
    "Dataset": "od.structures.dataset",
    "Detections": "od.structures.detections",
    "Detector": "od.structures.artifacts",
    "ExportedDetector": "od.structures.artifacts",
    "FinetunedDetector": "od.structures.artifacts",
    "InputSpec": "od.structures.artifacts",
    "LabelMap": "od.structures.label_map",
    "OdError": "od.errors",
    "PreparedDataset": "od.structures.artifacts",
    "Workspace": "od.workspace",
    "evaluate_detector": "od.evaluate",
    "export_detector": "od.export",
    "finetune_detector": "od.finetune",
    "iou": "od.structures.boxes",
    "load_detector": "od.detect",
    "plan_finetuning": "od.finetune",
    "plan_resuming": "od.finetune",
    "prepare_dataset": "od.prepare",
}

__all__ = [
    "AnnotatedImage",
    "Annotation",
    "BoundingBox",
    "Dataset",
    "Detections",
    "Detector",
    "ExportedDetector",
    "FinetunedDetector",
    "InputSpec",
    "LabelMap",
    "OdError",
    "PreparedDataset",
    "Workspace",
    "evaluate_detector",
    "export_detector",
    "finetune_detector",
    "iou",
    "load_detector",
    "plan_finetuning",
    "plan_resuming",
    "prepare_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'od' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
