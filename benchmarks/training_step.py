"""Seconds of one training step, and what splitting the batch into two towers brings.

    python -m benchmarks.training_step ssd --batch-size 8
    python -m benchmarks.training_step faster_rcnn --batch-size 1 --side 320 --towers 1

Each number of towers is measured in a process of its own (tensorflow's threads are set once),
on random images with three boxes each, in turn; the median of the steps after the first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def measure(options: argparse.Namespace, towers: int) -> None:
    """Print "first median" in seconds for this process's number of towers."""
    from od.odapi.model import build_model, input_size
    from od.odapi.training import build_optimizer, choose_towers, training_step
    from od.pipeline_config import architecture, find_template, read_pipeline_config
    from od.workspace import Workspace

    config = read_pipeline_config(find_template(options.model, Workspace(Path())))
    config.train_config.batch_size = batch = options.batch_size
    model_config = getattr(config.model, architecture(config))
    if options.side and architecture(config) == "faster_rcnn":
        resizer = model_config.image_resizer.keep_aspect_ratio_resizer
        resizer.min_dimension = resizer.max_dimension = options.side
    if towers > 1 and choose_towers(config) != towers:
        raise SystemExit("this machine or model does not take two towers")
    model = build_model(config.model, is_training=True)
    import tensorflow as tf

    side = input_size(config.model)[0] or options.side or 640
    boxes = tf.constant([[[0.1, 0.1, 0.4, 0.4]] * 100] * batch)
    classes = tf.one_hot(tf.ones((batch, 100), tf.int32), model_config.num_classes)
    features = {
        "image": tf.random.uniform((batch, side, side, 3), -1, 1),
        "true_image_shape": tf.constant([[side, side, 3]] * batch),
    }
    labels = {
        "num_groundtruth_boxes": tf.constant([3] * batch),
        "groundtruth_boxes": boxes,
        "groundtruth_classes": classes,
        "groundtruth_weights": tf.ones((batch, 100)),
    }
    step = tf.Variable(0, dtype=tf.int64, trainable=False)
    optimizer, _ = build_optimizer(config, model, step)
    one_step = training_step(config, model, optimizer, step, towers=towers)
    seconds = []
    for _ in range(options.steps + 1):
        started = time.perf_counter()
        float(one_step(features, labels)["Loss/total_loss"])
        seconds.append(time.perf_counter() - started)
    print(seconds[0], statistics.median(seconds[1:]))


def main() -> None:
    """Measure each number of towers and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--side", type=int, default=0, help="of the images, for faster_rcnn")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--towers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--measure", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options, options.measure)
        return
    medians = {}
    for towers in options.towers:
        command = [sys.executable, "-m", "benchmarks.training_step", *sys.argv[1:]]
        done = subprocess.run(
            [*command, "--measure", str(towers)], stdout=subprocess.PIPE, text=True, check=True
        )
        first, median = map(float, done.stdout.split()[-2:])
        medians[towers] = median
        print(f"{options.model} batch {options.batch_size}, {towers} tower(s):", end=" ")
        print(f"first step {first:.1f} s, then {median:.3f} s a step", flush=True)
    if len(medians) == 2:
        one, two = medians.values()
        print(f"ratio {one / two:.2f}")


if __name__ == "__main__":
    main()
