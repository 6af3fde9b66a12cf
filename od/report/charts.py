"""Charts as SVG, drawn into the page itself: they follow its colours and its fonts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 460, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 26, 44


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _frame(title: str, x_title: str, y_title: str, inside: str) -> str:
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">'
        f'<text x="{_x(0)}" y="14" font-weight="600">{escape(title)}</text>{inside}'
        f'<line class="axis" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(0)}" y2="{_y(0)}"/>'
        f'<line class="axis" x1="{_x(0)}" x2="{_x(0)}" y1="{_y(0)}" y2="{_y(1)}"/>'
        f'<text x="{_x(0.5)}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_title)}</text>'
        f'<text transform="translate(12 {_y(0.5)}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text></svg>"
    )


def curves(
    title: str,
    lines: Sequence[tuple[tuple[int, int, int], NDArray[np.float64], NDArray[np.float64]]],
    *,
    x_title: str,
    y_title: str,
) -> str:
    """Return lines in the unit square.

    Args:
        title: Above the chart.
        lines: RGB colour, x in [0, 1], y in [0, 1] of each line.
        x_title, y_title: Below and beside the axes.
    """
    parts = []
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(
            f'<line class="grid" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(share)}" y2="{_y(share)}"/>'
            f'<line class="grid" x1="{_x(share)}" x2="{_x(share)}" y1="{_y(0)}" y2="{_y(1)}"/>'
            f'<text x="{_x(0) - 6}" y="{_y(share) + 4}" text-anchor="end">{share:.1f}</text>'
            f'<text x="{_x(share)}" y="{_y(0) + 16}" text-anchor="middle">{share:.1f}</text>'
        )
    for color, xs, ys in lines:
        kept = _thinned(xs, ys)
        points = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in kept)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="rgb{color}" stroke-width="2.5"/>'
        )
    return _frame(title, x_title, y_title, "".join(parts))


def bars(title: str, counts: Sequence[int], labels: Sequence[str], *, x_title: str) -> str:
    """Return a bar for each count.

    Args:
        title: Above the chart.
        counts: One for each bar, at least 0.
        labels: Below each bar.
        x_title: Below the axis.
    """
    top = max([*counts, 1])
    step = 1 / max(len(counts), 1)
    parts = []
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        left, right = _x(place * step + step * 0.08), _x((place + 1) * step - step * 0.08)
        middle, height = (left + right) / 2, _y(0) - _y(0.92 * count / top)
        parts.append(
            f'<rect class="bar" x="{left:.1f}" y="{_y(0) - height:.1f}" '
            f'width="{right - left:.1f}" height="{height:.1f}"/>'
            f'<text x="{middle:.1f}" y="{_y(0) - height - 4:.1f}" text-anchor="middle">'
            f"{count or ''}</text>"
            f'<text x="{middle:.1f}" y="{_y(0) + 16}" text-anchor="middle">{escape(label)}</text>'
        )
    return _frame(title, x_title, "count", "".join(parts))


def _thinned(
    xs: NDArray[np.float64], ys: NDArray[np.float64], points: int = 2000
) -> list[tuple[float, float]]:
    """Return at most about ``points`` of them: a page need not hold 100,000 detections."""
    if not len(xs):
        return []
    places = np.unique(np.linspace(0, len(xs) - 1, min(points, len(xs))).round().astype(int))
    return [(float(xs[p]), float(ys[p])) for p in places]
