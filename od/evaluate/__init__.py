"""STEP evaluate_detector: a detector and records -> metrics, curves and every image's result."""

from od.evaluate.step import check_evaluable, evaluate_detector

__all__ = ["check_evaluable", "evaluate_detector"]
