"""Records -> batches, and one training step, out of the OD API's public parts.

The step is traced without autograph, which the OD API's code does not need: it takes
half the time to trace, and the input a tenth.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from od.errors import PipelineConfigError
from od.odapi.shims import prepare_imports

Step = Callable[[Any, Any], dict[str, Any]]


def training_input(config: Any, model: Any) -> Any:
    """Return the endless ``tf.data.Dataset`` of ``(features, labels)`` batches.

    Args:
        config: A filled-in ``TrainEvalPipelineConfig``.
        model: The model, for its resizing and normalisation.
    """
    prepare_imports()
    from object_detection import inputs
    from tensorflow.python.autograph.core import ag_ctx

    with ag_ctx.ControlStatusCtx(status=ag_ctx.Status.DISABLED):
        return inputs.train_input(
            config.train_config, config.train_input_reader, config.model, model=model
        )


def build_optimizer(config: Any, model: Any, step: Any) -> tuple[Any, Callable[[], float]]:
    """Return the optimizer and a function that tells its learning rate now.

    Args:
        config: A filled-in ``TrainEvalPipelineConfig``.
        model: What ``build_model`` gave; a moving average of its weights is kept beside it
            where the config asks for one.
        step: The ``tf.Variable`` (int64) that counts training steps; the schedule reads it.

    Raises:
        PipelineConfigError: The OD API cannot build this optimizer.
    """
    import tensorflow as tf
    from object_detection.builders import optimizer_builder

    try:
        optimizer, (rate,) = optimizer_builder.build(
            config.train_config.optimizer, global_step=step
        )
    except ValueError as error:
        raise PipelineConfigError(
            f"pipeline.config: train_config.optimizer cannot be built: {error}",
            hint="use momentum_optimizer, adam_optimizer or rms_prop_optimizer",
        ) from error
    if config.train_config.optimizer.use_moving_average:
        optimizer.shadow_copy(model)
    return optimizer, lambda: float(tf.convert_to_tensor(rate() if callable(rate) else rate))


def training_step(config: Any, model: Any, optimizer: Any, step: Any, *, towers: int = 1) -> Step:
    """Return a compiled function ``(features, labels) -> losses`` that trains on one batch.

    The losses are scalar tensors under the OD API's names; ``Loss/total_loss`` is their sum.

    Args:
        config: A filled-in ``TrainEvalPipelineConfig``.
        model: What ``build_model`` gave.
        optimizer: What ``build_optimizer`` gave.
        step: The variable that counts training steps.
        towers: Into how many equal parts a batch is split, computed side by side. Losses
            are means over the towers and batch normalisation is by tower, both as
            MirroredStrategy does on as many replicas.
    """
    import tensorflow as tf

    train = config.train_config
    clip = train.gradient_clipping_by_norm

    def one_step(features: Any, labels: Any) -> dict[str, Any]:
        model._is_training = True
        tf.keras.backend.set_learning_phase(True)
        with tf.GradientTape() as tape:
            each = [
                _losses(train, model, step, _tower(features, i, towers), _tower(labels, i, towers))
                for i in range(towers)
            ]
            losses = {name: tf.add_n([one[name] for one in each]) / towers for name in each[0]}
        variables = model.trainable_variables
        gradients = tape.gradient(losses["Loss/total_loss"], variables)
        if clip > 0:
            gradients, _ = tf.clip_by_global_norm(gradients, clip)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        step.assign_add(1)
        return losses

    return tf.function(one_step, autograph=False)  # type: ignore[no-any-return]


def _tower(tensors: Any, index: int, towers: int) -> Any:
    import tensorflow as tf

    return {name: tf.split(value, towers)[index] for name, value in tensors.items()}


def _losses(train: Any, model: Any, step: Any, features: Any, labels: Any) -> dict[str, Any]:
    from object_detection import model_lib, model_lib_v2

    unstacked = model_lib.unstack_batch(
        labels, unpad_groundtruth_tensors=train.unpad_groundtruth_tensors
    )
    losses, _ = model_lib_v2._compute_losses_and_predictions_dicts(
        model,
        features,
        unstacked,
        training_step=step,
        add_regularization_loss=train.add_regularization_loss,
    )
    return dict(losses)


def choose_towers(config: Any) -> int:
    """Return how many towers train fastest here, and set tensorflow's threads for them.

    One op seldom fills two cores: on exactly two, two towers on one thread each are
    faster (benchmarks/training_step.py). Must be called before tensorflow computes anything.
    """
    prepare_imports()
    import tensorflow as tf

    two_cores = len(os.sched_getaffinity(0)) == 2 if hasattr(os, "sched_getaffinity") else False
    if (
        config.model.WhichOneof("model") != "ssd"
        or config.train_config.batch_size % 2
        or not two_cores
        or tf.config.list_physical_devices("GPU")
    ):
        return 1
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(2)
    except RuntimeError:  # tensorflow has computed already: its threads stay
        return 1
    return 2
