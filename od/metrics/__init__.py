"""Truth and detections -> COCO metrics, precision-recall curves, confusion matrix."""
