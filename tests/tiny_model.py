"""A model small enough to train in seconds, and records for it."""

from __future__ import annotations

from pathlib import Path

from od.finetune.plan import FinetunePlan, plan_finetuning
from od.pipeline_config import Wishes
from od.shipped import shipped
from record_files import recorded, write_part

TEMPLATE = shipped("pipeline_configs") / "ssd_mobilenet_v2_small_256x256.config"
# 64 x 64 pixels and the narrowest layers: a step takes milliseconds, tracing some seconds.
TINY = (
    "model.ssd.image_resizer.fixed_shape_resizer.height=64",
    "model.ssd.image_resizer.fixed_shape_resizer.width=64",
    "model.ssd.feature_extractor.depth_multiplier=0.1",
    "model.ssd.feature_extractor.fpn.max_level=5",
    "model.ssd.anchor_generator.multiscale_anchor_generator.max_level=5",
    "model.ssd.feature_extractor.fpn.additional_layer_depth=8",
    "model.ssd.box_predictor.weight_shared_convolutional_box_predictor.depth=8",
    "model.ssd.box_predictor.weight_shared_convolutional_box_predictor.num_layers_before_predictor=1",
)


def write_tiny_records(folder: Path) -> Path:
    """Write eight training images with two boxes each, of three classes, and two to measure on."""
    images = [
        recorded([(1 + i % 3, (10, 10, 50, 60)), (1, (60, 20, 110, 80))], name=f"{i}.png")
        for i in range(8)
    ]
    write_part(folder, "train", images)
    write_part(folder, "val", images[:2])
    return folder


def plan_tiny(
    run: Path,
    records: Path,
    *,
    steps: int = 6,
    checkpoint: Path | None = None,
    overrides: tuple[str, ...] = (),
) -> FinetunePlan:
    """Plan a training of the tiny model."""
    return plan_finetuning(
        TEMPLATE,
        model="tiny",
        run=run,
        records=records,
        checkpoint=checkpoint,
        wishes=Wishes(steps=steps, batch_size=2),
        overrides=TINY + overrides,
    )
