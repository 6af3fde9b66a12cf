"""Write ``pretrained/variables/<template>.csv``: ``python -m od.odapi.list_variables``.

Each template is built twice with tensorflow, with its own classes and with one more, which
shows the dimensions that depend on the classes. Needed only when a template changes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from od.odapi.checkpoint import model_variables
from od.odapi.model import build_model
from od.odapi.protos import copy_message
from od.odapi.variables import Dimension, format_variables
from od.pipeline_config import read_pipeline_config
from od.shipped import shipped


def list_variables(model_config: Any) -> dict[str, tuple[Dimension, ...]]:
    """Return the keys and shapes of a model's variables, in terms of its number of classes.

    Args:
        model_config: A ``DetectionModel`` message.
    """
    more_config = copy_message(model_config)
    more_model = getattr(more_config, more_config.WhichOneof("model"))
    more_model.num_classes += 1
    classes = more_model.num_classes - 1
    some, more = (_shapes(config) for config in (model_config, more_config))
    return {
        key: tuple(
            Dimension(per_class=y - x, fixed=x - (y - x) * classes)
            for x, y in zip(shape, more[key], strict=True)
        )
        for key, shape in sorted(some.items())
    }


def _shapes(model_config: Any) -> dict[str, tuple[int, ...]]:
    model = build_model(model_config, is_training=True)
    return {f"model/{key}": tuple(v.shape) for key, v in model_variables(model).items()}


def main(names: list[str]) -> None:
    """Write the lists of the templates of these names, of all without names."""
    folder = shipped("pretrained") / "variables"
    folder.mkdir(exist_ok=True)
    for template in sorted(shipped("pipeline_configs").glob("*.config")):
        if not names or template.stem in names:
            config = read_pipeline_config(template)
            path = folder / f"{template.stem}.csv"
            path.write_text(format_variables(list_variables(config.model)), encoding="utf-8")


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
