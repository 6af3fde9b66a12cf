"""Is the shipped checkpoint worth having?  Fine-tunes from it and from random weights.

    python -m benchmarks.pretraining records/bccd records/raccoon --steps 300 --seeds 0 1 2

For each folder of records and each seed: a run from random weights of ``--steps`` steps, and one
from the shipped checkpoint of half as many, the same template, batch and learning rate.
Both are measured on the val part (mAP@0.5) every tenth of the steps.  Prints, for each pair, the
best of the run from random weights, the step at which the other reached it, and the ratio of
steps; writes both curves as CSV and PNG into ``--output``.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Curve = list[tuple[int, float]]
MODEL = "ssd_mobilenet_v2_small_256x256"


def evaluator(config: Any, records: Path) -> Callable[[Path], float]:
    """Return a function that gives a checkpoint's mAP@0.5 on the val part."""
    from od.evaluate import evaluate_detector
    from od.odapi.checkpoint import restore_exactly
    from od.odapi.model import build_model, detector_of
    from od.records.label_map_file import read_label_map

    label_map = read_label_map(records / "label_map.pbtxt")
    model = build_model(config.model, is_training=False)
    detector = detector_of(model)

    def measure(checkpoint: Path) -> float:
        restore_exactly(model, checkpoint)
        evaluation = evaluate_detector(detector, records, "val", label_map=label_map)
        return float(evaluation.metrics.map50 or 0.0)

    return measure


def train(records: Path, *, pretrained: bool, steps: int, every: int, seed: int) -> Curve:
    """Train once; returns ``(step, mAP@0.5)`` every ``every`` steps."""
    from od.finetune import finetune_detector, plan_finetuning
    from od.pipeline_config import Wishes, find_template
    from od.pretrained import checkpoint_for
    from od.workspace import Workspace

    curve: Curve = []
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_finetuning(
            find_template(MODEL, Workspace(Path(folder))),
            model=MODEL,
            run=Path(folder, "run"),
            records=records,
            checkpoint=checkpoint_for("auto" if pretrained else "none", MODEL, Workspace(Path())),
            wishes=Wishes(steps=steps),
            seed=seed,
        )
        measure: Callable[[Path], float] | None = None

        def note(checkpoint: Path) -> None:
            nonlocal measure
            step = int(checkpoint.name.removeprefix("ckpt-"))
            if curve and curve[-1][0] == step:
                return
            measure = measure or evaluator(plan.config, records)
            curve.append((step, measure(checkpoint)))

        finetune_detector(plan, checkpoint_steps=every, checkpoint_seconds=1e9, saved=note)
    return curve


def compare(records: Path, *, steps: int, seed: int) -> tuple[Curve, Curve]:
    """Train both ways and print how they compare."""
    every = max(1, steps // 10)
    curves = []
    for pretrained, length in ((False, steps), (True, steps // 2)):
        started = time.monotonic()
        curve = train(records, pretrained=pretrained, steps=length, every=every, seed=seed)
        curves.append(curve)
        name = "shipped checkpoint" if pretrained else "random weights"
        text = " ".join(f"{step}:{value:.3f}" for step, value in curve)
        print(f"{records.name} seed {seed} {name}: {text}  ({time.monotonic() - started:.0f} s)")
    best = max(value for _, value in curves[0])
    reached = next((step for step, value in curves[1] if value >= best), None)
    ratio = f"{reached / steps:.2f} of the steps" if reached else "not reached"
    print(
        f"{records.name} seed {seed}: best from random weights {best:.3f},"
        f" reached at {reached}: {ratio}",
        flush=True,
    )
    return curves[0], curves[1]


def draw(results: dict[tuple[str, int], tuple[Curve, Curve]], path: Path) -> None:
    """Draw all curves, one field for each folder of records."""
    from matplotlib.figure import Figure

    names = sorted({name for name, _ in results})
    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    for i, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), i + 1)
        for (other, _), pair in results.items():
            if other != name:
                continue
            for curve, colour in zip(pair, ("tab:gray", "tab:blue"), strict=True):
                axes.plot(*zip(*curve, strict=True), color=colour, marker=".")
        axes.set(title=name, xlabel="step", ylabel="mAP@0.5 on val", ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.plot([], [], color="tab:gray", label="random weights")
        axes.plot([], [], color="tab:blue", label="shipped checkpoint, half the steps")
        axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Parse, train, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    results: dict[tuple[str, int], tuple[Curve, Curve]] = {}
    with (options.output / "pretraining.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["records", "seed", "start", "step", "map50"])
        for seed in options.seeds:
            for records in options.records:
                pair = compare(records, steps=options.steps, seed=seed)
                results[records.name, seed] = pair
                for start, curve in zip(("random", "shipped"), pair, strict=True):
                    table.writerows([records.name, seed, start, *point] for point in curve)
                file.flush()
                draw(results, options.output / "pretraining.png")


if __name__ == "__main__":
    main()
