"""The step that trains: records + a pretrained checkpoint -> a run.

plan.py          everything that can be known and refused before tensorflow starts
loop.py          finetune_detector: the training loop
checkpoints.py   saving whole, resuming exactly
"""

from od.finetune.loop import finetune_detector
from od.finetune.plan import FinetunePlan, plan_finetuning, plan_resuming

__all__ = ["FinetunePlan", "finetune_detector", "plan_finetuning", "plan_resuming"]
