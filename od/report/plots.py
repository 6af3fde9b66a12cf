"""The same charts as PNG files, for papers and slides (matplotlib's owner).

Figures are made through the object API with the Agg canvas: matplotlib's global state and
the caller's backend stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from od.drawing import class_color, font_file, legible
from od.errors import MissingDependencyError
from od.metrics.confusion import ConfusionMatrix
from od.metrics.evaluation import Evaluation

_DPI = 130


def plot_precision_recall(evaluation: Evaluation, path: Path) -> None:
    """Write the precision-recall curve of each class at IoU 0.5 as a PNG.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = _figure(6.4, 5.2)
    axes = figure.subplots()
    for curve, known in zip(evaluation.curves, evaluation.metrics.per_class, strict=True):
        if len(curve.recall):
            color = tuple(part / 255 for part in class_color(curve.class_id or 0))
            label = f"{_plain(curve.name)} ({known.ap50:.3f})" if known.ap50 is not None else ""
            axes.plot(curve.recall, curve.precision, color=color, linewidth=2, label=label)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01), xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall at IoU 0.5 (AP)")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="lower left", prop=_font([c.name for c in evaluation.curves]))
    figure.savefig(path, dpi=_DPI, format="png")


def plot_confusion(confusion: ConfusionMatrix, path: Path) -> None:
    """Write the confusion matrix as a PNG, tinted by its shares.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    names = [*(_plain(name) for name in confusion.names), "(background)"]
    side = min(3.5 + 0.5 * len(names), 24)
    figure = _figure(side + 1, side)
    axes = figure.subplots()
    counts = confusion.counts
    shares = confusion.shares()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(names)):
        for column in range(len(names)):
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.6 else "black",
            )
    font = _font(list(confusion.names))
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontproperties=font)
    axes.set_yticks(range(len(names)), names, fontproperties=font)
    axes.set(xlabel="detection", ylabel="truth")
    axes.set_title(f"Score at least {confusion.threshold:.2f}, IoU at least {confusion.iou:.1f}")
    figure.savefig(path, dpi=_DPI, format="png")


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "matplotlib is not installed", hint="pip install matplotlib"
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _font(names: list[str]) -> Any:
    """Return a font that has the letters of the names, matplotlib's own for plain ones."""
    from matplotlib.font_manager import FontProperties

    text = "".join(names)
    found = None if text.isascii() else font_file(text)
    return FontProperties(fname=str(found)) if found else FontProperties()


def _plain(name: str) -> str:
    return legible(name).replace("$", r"\$")  # a dollar sign starts a formula in matplotlib
