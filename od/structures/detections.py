"""What a detector found in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """Boxes, scores and classes of one image, best score first.

    Args:
        boxes: float32 ``(N, 4)``, ``(xmin, ymin, xmax, ymax)`` in absolute pixels of the
            upright original image, on pixel edges.
        scores: float32 ``(N,)`` in [0, 1].
        class_ids: int32 ``(N,)``, 1-based as in the label map.

    Raises:
        ValueError: The three do not have those shapes.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.class_ids.shape != (n,):
            raise ValueError(
                f"boxes {self.boxes.shape}, scores {self.scores.shape} and class ids "
                f"{self.class_ids.shape} are not (N, 4), (N,) and (N,)"
            )

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, threshold: float) -> Detections:
        """Return those with a score of at least ``threshold``."""
        keep = self.scores >= threshold
        return Detections(self.boxes[keep], self.scores[keep], self.class_ids[keep])
