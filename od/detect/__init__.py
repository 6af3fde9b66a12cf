"""Exported files -> Detections: one file per runtime, and where images come from."""

from od.detect.exports import load_detector
from od.detect.sources import find_sources, find_streams
from od.detect.step import CocoResults, ImageDetections, detect_in_images

__all__ = [
    "CocoResults",
    "ImageDetections",
    "detect_in_images",
    "find_sources",
    "find_streams",
    "load_detector",
]
