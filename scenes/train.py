"""Train the checkpoint that ships with od, on scenes of ``scenes.pretraining``.

    python -m scenes.pretraining /tmp/scenes --count 24000 --seed 1
    python -m scenes.train /tmp/scenes pretrained/ssd_mobilenet_v2_small_256x256

Trains the small SSD from random weights at 192 x 192 pixels, where a step costs half of one at
256 (the weights do not depend on the size), with Adam and batches of 16, and writes the model's
variables without the optimizer's.  Interrupted, it goes on where it stopped.  ``--start`` begins
another cycle of the cosine schedule from a checkpoint of an earlier one.

The checkpoint that ships was trained so in two cycles, of 4,200 and of 6,000 steps, the second
with ``--start`` from the first.  The first 1,533 steps ran on a schedule of 6,000 steps, which was
then shortened to 4,200.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

MODEL = "ssd_mobilenet_v2_small_256x256"
SIDE = 192


def overrides(steps: int) -> tuple[str, ...]:
    """Return what differs from the template that users fine-tune."""
    resizer = "model.ssd.image_resizer.fixed_shape_resizer"
    rate = (
        f"cosine_decay_learning_rate {{ learning_rate_base: 0.001 total_steps: {steps}"
        f" warmup_learning_rate: 0.0001 warmup_steps: 200 }}"
    )
    adam = f"adam_optimizer {{ learning_rate {{ {rate} }} epsilon: 1e-7 }}"
    optimizer = f"{{ {adam} use_moving_average: false }}"
    return (
        f"{resizer}.height={SIDE}",
        f"{resizer}.width={SIDE}",
        f"train_config.optimizer={optimizer}",
    )


def train(records: Path, run: Path, steps: int, start: Path | None) -> None:
    """Train, or go on with, the run."""
    from od.finetune import finetune_detector, plan_finetuning, plan_resuming
    from od.pipeline_config import Wishes, find_template
    from od.workspace import Workspace

    if (run / "od.json").is_file():
        plan = plan_resuming(run)
    else:
        plan = plan_finetuning(
            find_template(MODEL, Workspace(Path())),
            model=MODEL,
            run=run,
            records=records,
            checkpoint=start,
            wishes=Wishes(steps=steps, batch_size=16),
            overrides=overrides(steps),
        )
    started = time.monotonic()

    def show(done: int, total: int, note: str = "", /) -> None:
        if done % 50 == 0 or done == total:
            print(f"{done}/{total} {note} {time.monotonic() - started:.0f} s", flush=True)

    finetune_detector(plan, progress=show, say=print)


def ship(run: Path, target: Path) -> None:
    """Write the run's model, at the size that users fine-tune it, without the optimizer."""
    from od.odapi.model import load_model
    from od.odapi.protos import format_message
    from od.outputs import versions, whole_folder
    from od.pipeline_config import find_template, read_pipeline_config
    from od.records.label_map_file import read_label_map, write_label_map
    from od.workspace import Workspace

    label_map = read_label_map(run / "label_map.pbtxt")
    model = load_model(run)
    import tensorflow as tf

    config = read_pipeline_config(find_template(MODEL, Workspace(Path())))
    config.model.ssd.num_classes = label_map.max_id
    with whole_folder(target) as folder:
        (folder / "checkpoint").mkdir()
        tf.train.Checkpoint(model=model).write(str(folder / "checkpoint" / "ckpt-0"))
        (folder / "pipeline.config").write_text(format_message(config), encoding="utf-8")
        write_label_map(folder / "label_map.pbtxt", label_map)
        facts = {"model": MODEL, "trained_at": f"{SIDE}x{SIDE}", "versions": versions()}
        (folder / "od.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train and ship."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--run", type=Path, default=Path("runs/pretraining"))
    parser.add_argument("--steps", type=int, default=4200)
    parser.add_argument("--start", type=Path, help="the prefix of a checkpoint to go on from")
    options = parser.parse_args()
    if not _is_finished(options.run):
        train(options.records, options.run, options.steps, options.start)
    ship(options.run, options.target)
    print(options.target)


def _is_finished(run: Path) -> bool:
    from od.outputs import read_od_json

    if not (run / "od.json").is_file():
        return False
    facts = read_od_json(run)
    return bool(facts["step"] >= facts["steps"])


if __name__ == "__main__":
    main()
