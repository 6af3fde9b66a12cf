"""The variables of the shipped templates' models, without tensorflow.

``pretrained/variables/<template>.csv`` lists each variable's checkpoint key and shape, as
``3 3 64 6c+6``: c stands for the number of classes. ``od.odapi.list_variables`` writes it.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Any

from od.odapi.protos import copy_message, parse_pipeline
from od.shipped import shipped

# Fields of Ssd and of FasterRcnn that create no variables; any other difference counts.
_WITHOUT_VARIABLES = re.compile(
    r"num_classes|image_resizer|(second_stage_)?post_processing|loss|hard_example_miner|normalize_.*"
    r"|.*_loss_weight|second_stage_classification_loss"
)
_DIMENSION = re.compile(r"(?:(\d+)c)?([+-]?\d+)?")


@dataclass(frozen=True)
class Dimension:
    """One dimension of a variable's shape: ``per_class * classes + fixed``."""

    per_class: int
    fixed: int

    def __str__(self) -> str:
        if not self.per_class:
            return str(self.fixed)
        return f"{self.per_class}c{self.fixed:+d}" if self.fixed else f"{self.per_class}c"

    def size(self, classes: int) -> int:
        """Return the dimension with so many classes."""
        return self.per_class * classes + self.fixed


def format_variables(variables: dict[str, tuple[Dimension, ...]]) -> str:
    """Return the content of a list of variables."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("key", "shape"))
    writer.writerows((key, " ".join(map(str, shape))) for key, shape in variables.items())
    return text.getvalue()


def parse_variables(text: str) -> dict[str, tuple[Dimension, ...]]:
    """Parse what ``format_variables`` made.

    Example:
        >>> parse_variables("key,shape\\nmodel/head,64 6c+6\\n")["model/head"][1].size(3)
        24
    """
    return {
        row["key"]: tuple(_dimension(word) for word in row["shape"].split())
        for row in csv.DictReader(io.StringIO(text))
    }


def _dimension(word: str) -> Dimension:
    match = _DIMENSION.fullmatch(word)
    if match is None:
        raise ValueError(f"{word}: is no dimension, such as 64 or 6c+6")
    return Dimension(per_class=int(match[1] or 0), fixed=int(match[2] or 0))


def known_variables(model_config: Any) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes of a model's variables by key, None where only building it tells.

    Known are the models of the shipped templates, with any number of classes, size of input,
    losses and post-processing.

    Args:
        model_config: A ``DetectionModel`` message.
    """
    for template in sorted(shipped("pipeline_configs").glob("*.config")):
        path = shipped("pretrained") / "variables" / f"{template.stem}.csv"
        if not path.is_file():
            continue
        config = parse_pipeline(template.read_text(encoding="utf-8"), name=str(template))
        if _architecture(config.model) == _architecture(model_config):
            classes = number_of_classes(model_config)
            listed = parse_variables(path.read_text(encoding="utf-8"))
            return {key: tuple(d.size(classes) for d in shape) for key, shape in listed.items()}
    return None


def number_of_classes(model_config: Any) -> int:
    """Return the number of classes of a ``DetectionModel`` message, 0 for an empty one."""
    which = model_config.WhichOneof("model")
    return int(getattr(getattr(model_config, which), "num_classes", 0)) if which else 0


def _architecture(model_config: Any) -> Any:
    """Return a copy without what creates no variables."""
    copy = copy_message(model_config)
    which = copy.WhichOneof("model")
    if which in ("ssd", "faster_rcnn"):
        inner = getattr(copy, which)
        for field in inner.DESCRIPTOR.fields:
            if _WITHOUT_VARIABLES.fullmatch(field.name):
                inner.ClearField(field.name)
    return copy
