"""What a checkpoint holds, whether it fits a model, and putting it in.

Keys are those of TensorFlow's object-based checkpoints without their common ending:
``model/_feature_extractor/...``.  The zoo's checkpoints and the OD API's ``train_loop``
use the same tree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import CheckpointError
from od.odapi.checkpoint_index import read_checkpoint_index

_LEAST_SHARE = 0.5  # of a model's variables that a checkpoint must fill
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
# Parts of a detection model that depend on the classes or are told apart in messages.
_PARTS = (
    (re.compile(r"class|Class"), "the class head"),
    (
        re.compile(r"box_predictor|mask_rcnn|rpn|first_stage|BoxPredictor|prediction"),
        "the box head",
    ),
    (re.compile(r"feature_extractor|FeatureExtractor"), "the feature extractor"),
)


@dataclass(frozen=True)
class CheckpointMatch:
    """Which of a model's variables a checkpoint fills.

    Args:
        restored: Keys with the same shape on both sides.
        fresh: Keys of the model that the checkpoint lacks or holds in another shape,
            with what differs, by key.
        unused: Keys of the checkpoint that the model lacks.
        classes_before: Number of classes of the checkpoint, None when it shows none.
        classes_now: Number of classes of the model.
    """

    restored: tuple[str, ...]
    fresh: Mapping[str, str]
    unused: tuple[str, ...]
    classes_before: int | None = None
    classes_now: int | None = None

    @property
    def summary(self) -> str:
        """One sentence, as "314 restored, 12 start fresh (the class head: ...)"."""
        text = f"{len(self.restored)} restored, {len(self.fresh)} start fresh"
        if not self.fresh:
            return text
        parts = Counter(_part_of(key) for key in self.fresh)
        words = ", ".join(part for part, _ in parts.most_common())
        if self.classes_before and self.classes_now and "the class head" in parts:
            words += f": {self.classes_before} classes before, {self.classes_now} now"
        return f"{text} ({words})"

    @property
    def share(self) -> float:
        """Restored keys as a share of the model's, in [0, 1]."""
        return len(self.restored) / max(1, len(self.restored) + len(self.fresh))


def _part_of(key: str) -> str:
    for pattern, name in _PARTS:
        if pattern.search(key):
            return name
    return "other layers"


def _escape(name: str) -> str:
    # tensorflow/python/trackable/trackable_utils.py, escape_local_name
    return name.replace(".", "..").replace("/", ".S")


def model_variables(root: Any) -> dict[str, Any]:
    """Return every variable below a trackable object, by its checkpoint key (shortest path)."""
    import tensorflow as tf

    view = tf.train.TrackableView(root)
    found: dict[str, Any] = {}
    queue: list[tuple[str, Any]] = [("", root)]
    seen = {id(root)}
    while queue:
        following: list[tuple[str, Any]] = []
        for path, node in queue:
            if isinstance(node, tf.Variable):
                found[path] = node
            for name, child in view.children(node).items():
                if id(child) not in seen:
                    seen.add(id(child))
                    following.append((f"{path}/{_escape(name)}" if path else _escape(name), child))
        queue = following
    return found


def checkpoint_shapes(prefix: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable of a checkpoint, by key; optimizer slots left out.

    Reads the index alone, without tensorflow: the values may be missing.

    Raises:
        CheckpointError: There is none, it is broken, or it is from TensorFlow 1.
    """
    entries = read_checkpoint_index(prefix)
    if "_CHECKPOINTABLE_OBJECT_GRAPH" not in entries:
        raise CheckpointError(
            f"{prefix}: is a TensorFlow 1 checkpoint; the models here are TensorFlow 2",
            hint="take the model from the TF2 zoo (its archive holds checkpoint/ckpt-0.index)",
        )
    return {
        key.removesuffix(_ENDING): entry.shape
        for key, entry in entries.items()
        if key.endswith(_ENDING) and ".OPTIMIZER_SLOT" not in key
    }


def _reader(prefix: Path) -> Any:
    import tensorflow as tf

    try:
        return tf.train.load_checkpoint(str(prefix))
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{prefix}: cannot be read as a checkpoint: {str(error).splitlines()[0]}",
            hint="give the prefix before .index, as .../checkpoint/ckpt-0",
        ) from error


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the prefix of the whole checkpoint with the highest number, None without one.

    A checkpoint counts only with its index and all of its data files, so one whose
    copying was cut short is passed over.
    """
    best: tuple[int, Path] | None = None
    for index in folder.glob("ckpt-*.index"):
        number = index.stem.removeprefix("ckpt-")
        shards = sorted(folder.glob(f"{index.stem}.data-?????-of-?????"))
        if not number.isdigit() or not shards:
            continue
        if len(shards) == int(shards[0].name[-5:]) and (best is None or int(number) > best[0]):
            best = (int(number), index.with_suffix(""))
    return best[1] if best else None


def match_checkpoint(model: Any, prefix: Path) -> CheckpointMatch:
    """Compare names and shapes of a model's variables with a checkpoint's.

    Raises:
        CheckpointError: The checkpoint cannot be read.
    """
    wanted = {f"model/{key}": tuple(v.shape) for key, v in model_variables(model).items()}
    return match_shapes(wanted, prefix, classes=model.num_classes)


def match_shapes(
    wanted: Mapping[str, tuple[int, ...]], prefix: Path, *, classes: int
) -> CheckpointMatch:
    """Compare the names and shapes of a model's variables with a checkpoint's.

    Does without tensorflow.

    Args:
        wanted: Shapes of the model's variables, by checkpoint key.
        prefix: The checkpoint.
        classes: The model's number of classes.

    Raises:
        CheckpointError: The checkpoint cannot be read.
    """
    given = checkpoint_shapes(prefix)
    fresh = {
        key: f"has {given[key]} there, {shape} here" if key in given else "is missing there"
        for key, shape in wanted.items()
        if given.get(key) != shape
    }
    return CheckpointMatch(
        restored=tuple(sorted(set(wanted) - set(fresh))),
        fresh=fresh,
        unused=tuple(
            sorted(key for key in given if key.startswith("model/") and key not in wanted)
        ),
        classes_before=_classes_before(given, wanted, classes),
        classes_now=classes,
    )


def require_fit(prefix: Path, match: CheckpointMatch) -> None:
    """Refuse a checkpoint that fills less than half of a model's variables.

    Raises:
        CheckpointError: It does; the first variable that differs is named.
    """
    if match.share < _LEAST_SHARE:
        key = next(iter(match.fresh), "")
        raise CheckpointError(
            f"{prefix}: is of another model: {match.summary}; {key} {match.fresh.get(key, '')}",
            hint="give this model's own checkpoint, or --checkpoint none",
        )


def _classes_before(
    given: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], classes: int
) -> int | None:
    """Work the checkpoint's number of classes out of a class head's last dimension."""
    for key, shape in wanted.items():
        there = given.get(key)
        if there and there != shape and len(there) == 1 and _part_of(key) == "the class head":
            for background in (1, 0):
                per_anchor, rest = divmod(shape[-1], classes + background)
                if rest == 0 and there[-1] % per_anchor == 0:
                    return there[-1] // per_anchor - background
    return None


def restore_matching(model: Any, prefix: Path, match: CheckpointMatch) -> None:
    """Put the values of the matching keys into the model; the others stay as they are."""
    reader = _reader(prefix)
    variables = model_variables(model)
    for key in match.restored:
        variables[key.removeprefix("model/")].assign(_value(reader, prefix, key))


def restore_exactly(model: Any, prefix: Path) -> None:
    """Put every variable of the model from a checkpoint of the same model.

    Raises:
        CheckpointError: A variable is missing there or has another shape.
    """
    match = match_checkpoint(model, prefix)
    if match.fresh:
        key, what = next(iter(match.fresh.items()))
        raise CheckpointError(
            f"{prefix}: is of another model: {len(match.fresh)} of its variables do not fit,"
            f" such as {key}, which {what}",
            hint="pipeline.config and checkpoint must come from the same training",
        )
    restore_matching(model, prefix, match)


def _value(reader: Any, prefix: Path, key: str) -> Any:
    import tensorflow as tf

    try:
        return reader.get_tensor(key + _ENDING)
    except tf.errors.OpError as error:
        raise CheckpointError(
            f"{prefix}: the values of {key} cannot be read: {str(error).splitlines()[0]}",
            hint="the .data file is missing or broken: fetch or train the checkpoint again",
        ) from error
