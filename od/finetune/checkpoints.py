"""Checkpoints that appear whole or not at all, in the layout of the OD API's ``train_loop``.

``checkpoint/ckpt-<step>.index`` and ``.data-00000-of-00001`` hold step, model and
optimizer; ``checkpoint/checkpoint`` names the newest for TensorFlow's own tools.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from od.errors import CheckpointError, OutputError
from od.odapi.checkpoint import newest_checkpoint
from od.outputs import output_error, sync, whole_file

KEEP = 3  # newest checkpoints that stay


def save_checkpoint(tracked: Any, folder: Path, step: int) -> Path:
    """Write ``ckpt-<step>`` into ``folder`` and remove those older than the newest three.

    Written aside, flushed, and renamed with the index last: a checkpoint without an
    index is not taken for one.

    Args:
        tracked: A ``tf.train.Checkpoint`` of step, model and optimizer.

    Returns:
        The checkpoint's prefix.

    Raises:
        OutputError: It cannot be written; the checkpoints before it are untouched.
    """
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    aside = folder / f".ckpt-{step}.od-tmp-{os.getpid()}"
    prefix = folder / f"ckpt-{step}"
    try:
        aside.mkdir()
        tracked.write(str(aside / prefix.name))
        files = sorted(aside.glob(f"{prefix.name}.*"), key=lambda path: path.suffix == ".index")
        for file in files:
            sync(file)
        for file in files:
            os.replace(file, folder / file.name)
        sync(folder)
        with whole_file(folder / "checkpoint") as state:
            state.write_text(f'model_checkpoint_path: "{prefix.name}"\n', encoding="utf-8")
    except OSError as error:
        raise output_error(prefix, error) from error
    except tf.errors.OpError as error:
        raise OutputError(
            f"{prefix}: cannot be written: {error.message.splitlines()[0]}",
            hint="free some space on that disk, then go on with --resume",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _prune(folder)
    return prefix


def _remove_leftovers(folder: Path) -> None:
    for entry in folder.glob(".ckpt-*.od-tmp-*"):
        shutil.rmtree(entry, ignore_errors=True)


def _prune(folder: Path) -> None:
    steps = sorted(
        int(path.stem.removeprefix("ckpt-"))
        for path in folder.glob("ckpt-*.index")
        if path.stem.removeprefix("ckpt-").isdigit()
    )
    for step in steps[:-KEEP]:
        # The index goes first, so that no checkpoint is left with a part of its values.
        for file in sorted(folder.glob(f"ckpt-{step}.*"), key=lambda path: path.suffix != ".index"):
            with suppress(OSError):
                file.unlink()


def resume_checkpoint(tracked: Any, folder: Path) -> Path | None:
    """Restore the newest whole checkpoint, the optimizer's state included.

    Returns:
        Its prefix, None when there is none yet.

    Raises:
        CheckpointError: It is broken or of another model.
    """
    import tensorflow as tf

    prefix = newest_checkpoint(folder)
    if prefix is None:
        return None
    try:
        # Slots of the optimizer are made at its first step and filled then.
        tracked.read(str(prefix)).assert_existing_objects_matched()
    except (tf.errors.OpError, AssertionError, ValueError) as error:
        raise CheckpointError(
            f"{prefix}: cannot be restored: {str(error).splitlines()[0]}",
            hint=f"remove {prefix.name}.* to go on at the checkpoint before it",
        ) from error
    return prefix
