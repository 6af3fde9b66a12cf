"""Records -> batches, and one training step, out of the OD API's public parts.

The step is traced without autograph, which the OD API's code does not need: it takes
half the time to trace, and the input a tenth.
"""

from __future__ import annotations

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


def build_optimizer(config: Any, step: Any) -> tuple[Any, Callable[[], float]]:
    """Return the optimizer and a function that tells its learning rate now.

    Args:
        config: A filled-in ``TrainEvalPipelineConfig``.
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
    return optimizer, lambda: float(tf.convert_to_tensor(rate() if callable(rate) else rate))


def training_step(config: Any, model: Any, optimizer: Any, step: Any) -> Step:
    """Return a compiled function ``(features, labels) -> losses`` that trains on one batch.

    The losses are scalar tensors under the OD API's names; ``Loss/total_loss`` is their sum.
    """
    import tensorflow as tf
    from object_detection import model_lib_v2

    train = config.train_config
    clip = train.gradient_clipping_by_norm if train.gradient_clipping_by_norm > 0 else None

    @tf.function(autograph=False)
    def one_step(features: Any, labels: Any) -> dict[str, Any]:
        losses = model_lib_v2.eager_train_step(
            model,
            features,
            labels,
            train.unpad_groundtruth_tensors,
            optimizer,
            training_step=step,
            add_regularization_loss=train.add_regularization_loss,
            clip_gradients_value=clip,
        )
        step.assign_add(1)
        return dict(losses)

    return one_step  # type: ignore[no-any-return]
