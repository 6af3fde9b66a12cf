"""pipeline.config -> a detection model with its variables, and images -> Detections.

``object_detection`` and tensorflow are imported inside the functions: importing them
takes about ten seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import CheckpointError, PipelineConfigError
from od.odapi.checkpoint import newest_checkpoint, restore_exactly
from od.odapi.protos import parse_pipeline
from od.odapi.shims import prepare_imports
from od.structures.artifacts import Detector
from od.structures.detections import Detections


def build_model(model_config: Any, *, is_training: bool) -> Any:
    """Build the OD API's ``DetectionModel`` with all its variables created.

    Args:
        model_config: A ``DetectionModel`` message.
        is_training: Whether batch normalisation and sampling behave as in training.

    Raises:
        PipelineConfigError: The OD API cannot build this model; its words are quoted.
    """
    prepare_imports()
    import tensorflow as tf
    from object_detection.builders import model_builder

    try:
        model = model_builder.build(model_config, is_training=is_training)
    except (ValueError, KeyError, AttributeError) as error:
        raise PipelineConfigError(
            f"pipeline.config: the Object Detection API cannot build this model: {error}",
            hint="compare its model section with a file in pipeline_configs/",
        ) from error
    height, width = input_size(model_config)
    image = np.zeros((1, height or 320, width or 320, 3), np.float32)

    def predict(image: Any) -> Any:
        preprocessed, shapes = model.preprocess(image)
        return model.predict(preprocessed, shapes)

    # Running once creates every variable; predicting as in inference needs no groundtruth.
    model._is_training = False
    tf.keras.backend.set_learning_phase(False)
    tf.function(predict, autograph=False)(image)
    model._is_training = is_training
    tf.keras.backend.set_learning_phase(is_training)
    return model


def input_size(model_config: Any) -> tuple[int | None, int | None]:
    """Return ``(height, width)`` in pixels of a fixed-shape resizer, Nones for other resizers."""
    which = model_config.WhichOneof("model")
    resizer = getattr(model_config, which).image_resizer if which else None
    if resizer is None or resizer.WhichOneof("image_resizer_oneof") != "fixed_shape_resizer":
        return None, None
    return resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width


def resized_as_input(model: Any, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize an image as the model does to its input, rounded to bytes, without padding.

    Resizing the result once more changes nothing, so a model sees of it what an export sees
    that takes bytes.

    Args:
        model: As ``build_model`` returns it.
        image: RGB ``(H, W, 3)``.
    """
    import tensorflow as tf

    resized, *_, shape = model._image_resizer_fn(tf.cast(image, tf.float32))
    height, width = (int(side) for side in np.asarray(shape)[:2])
    rounded: NDArray[np.uint8] = np.rint(np.asarray(resized)[:height, :width]).astype(np.uint8)
    return rounded


def inference_function(model: Any) -> Any:
    """Return a traceable function: uint8 images ``(1, H, W, 3)`` -> the OD API's detections.

    Its result is a dict of tensors with a leading batch dimension, as the exporter's
    ``detect`` gives: ``detection_boxes`` (1, N, 4) normalised yxyx, ``detection_scores``,
    ``detection_classes`` (0-based), ``num_detections`` and the raw ones.
    """
    import tensorflow as tf

    def detect(images: Any) -> dict[str, Any]:
        preprocessed, shapes = model.preprocess(tf.cast(images, tf.float32))
        return dict(model.postprocess(model.predict(preprocessed, shapes), shapes))

    return detect


def to_detections(outputs: dict[str, Any], *, height: int, width: int) -> Detections:
    """Turn one image's outputs of ``inference_function`` into pixels and 1-based class ids."""
    count = int(np.asarray(outputs["num_detections"])[0])
    yxyx = np.asarray(outputs["detection_boxes"])[0][:count]
    scale = np.array([width, height, width, height], np.float32)
    return Detections(
        boxes=(yxyx[:, [1, 0, 3, 2]] * scale).astype(np.float32),
        scores=np.asarray(outputs["detection_scores"])[0][:count].astype(np.float32),
        class_ids=np.asarray(outputs["detection_classes"])[0][:count].astype(np.int32) + 1,
    )


def read_run_config(run: Path) -> Any:
    """Read ``pipeline.config`` of a run or of an OD API ``model_dir``.

    Raises:
        PipelineConfigError: There is none, or it cannot be parsed.
    """
    path = run / "pipeline.config"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PipelineConfigError(
            f"{path}: cannot be read: {error.strerror}",
            hint="give the folder of a run, as runs/<name>",
        ) from error
    return parse_pipeline(text, name=str(path))


def load_model(run: Path, checkpoint: Path | None = None) -> Any:
    """Build a run's model for inference and restore its newest (or the given) checkpoint.

    Raises:
        PipelineConfigError: The run has no usable ``pipeline.config``.
        CheckpointError: There is no checkpoint, or it is another model's.
    """
    config = read_run_config(run)
    prefix = checkpoint or newest_checkpoint(run / "checkpoint")
    if prefix is None:
        raise CheckpointError(
            f"{run / 'checkpoint'}: holds no checkpoint",
            hint=f"train it first, or go on: od finetune --run {run.name} --resume",
        )
    model = build_model(config.model, is_training=False)
    restore_exactly(model, prefix)
    return model


def load_run_detector(run: Path, checkpoint: Path | None = None) -> Detector:
    """Return a detector that runs a run's model on tensorflow.

    Raises:
        PipelineConfigError: The run has no usable ``pipeline.config``.
        CheckpointError: There is no checkpoint, or it is another model's.
    """
    return detector_of(load_model(run, checkpoint))


def detector_of(model: Any) -> Detector:
    """Return a detector that runs a model built by ``build_model``."""
    import tensorflow as tf

    infer = tf.function(
        inference_function(model),
        autograph=False,
        input_signature=[tf.TensorSpec((1, None, None, 3), tf.uint8)],
    )

    def detect(image: NDArray[np.uint8], /) -> Detections:
        outputs = infer(image[None])
        return to_detections(outputs, height=image.shape[0], width=image.shape[1])

    return detect
