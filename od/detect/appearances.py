"""What appears in a stream of pictures, told once: counts per class, with hysteresis.

A detector flickers.  A thing counts as new when more of its class than before are seen with
the full score in several pictures on end, and as gone only after none was seen, not even
weakly, for a while.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from od.structures.detections import Detections

_PICTURES = 3  # on end until a thing is believed
_AWAY_SECONDS = 2.0  # unseen until it may appear again
_WEAK = 0.6  # of the threshold: enough for a thing to be still there


@dataclass
class _Known:
    """How many of one class are there, as far as was told, and what was seen lately."""

    told: int = 0
    strong: deque[int] = field(default_factory=lambda: deque(maxlen=_PICTURES))
    weak: deque[tuple[float, int]] = field(default_factory=deque)


class Appearances:
    """Follows one stream; nothing is there at its beginning.

    Args:
        threshold: The score from which a thing is believed, in [0, 1].
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._classes: dict[int, _Known] = {}

    @property
    def lowest_score(self) -> float:
        """Detections down to this score have a say."""
        return self._threshold * _WEAK

    def look(self, detections: Detections, seconds: float) -> tuple[tuple[int, int], ...]:
        """Take in one picture.

        Args:
            detections: Down to ``lowest_score``.
            seconds: When it was taken; never decreasing.

        Returns:
            ``(class id, how many)`` for each class of which more are there than before.
        """
        strong = Counter(detections.above(self._threshold).class_ids.tolist())
        weak = Counter(detections.above(self.lowest_score).class_ids.tolist())
        for class_id in weak:
            self._classes.setdefault(class_id, _Known())
        appeared = []
        for class_id, known in sorted(self._classes.items()):
            known.strong.append(strong[class_id])
            known.weak.append((seconds, weak[class_id]))
            while known.weak[0][0] < seconds - _AWAY_SECONDS:
                known.weak.popleft()
            known.told = min(known.told, max(count for _, count in known.weak))
            sure = min(known.strong) if len(known.strong) == _PICTURES else 0
            if sure > known.told:
                appeared.append((class_id, sure - known.told))
                known.told = sure
        return tuple(appeared)
