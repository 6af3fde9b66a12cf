import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_pixels
from od.detect import preparation
from od.detect.preparation import (
    content_size,
    prepare_frame,
    resize_bilinear,
    resize_with_numpy,
    to_detections7,
)
from od.structures.artifacts import InputSpec

STRETCH = InputSpec(300, 300, "NCHW", "bgr", "uint8", "stretch")
PAD = InputSpec(512, 512, "NCHW", "rgb", "uint8", "pad", (10, 20, 30))
sides = st.integers(1, 900)


@pytest.mark.parametrize("size", [(640, 480), (77, 123), (600, 600), (301, 300), (1920, 1080)])
def test_images_are_resized_as_the_od_api_does_within_rounding(size):
    from od.odapi.shims import prepare_imports

    prepare_imports()
    import tensorflow as tf
    from object_detection.core import preprocessor

    image = make_pixels(*size)
    pixels = tf.constant(image, tf.float32)
    stretched = preprocessor.resize_image(pixels, new_height=300, new_width=300)[0].numpy()
    padded = preprocessor.resize_to_range(
        pixels,
        min_dimension=512,
        max_dimension=512,
        pad_to_max_dimension=True,
        per_channel_pad_value=(10, 20, 30),
    )[0].numpy()

    bgr = prepare_frame(image, STRETCH)[0].transpose(1, 2, 0).astype(np.float32)
    rgb = prepare_frame(image, PAD)[0].transpose(1, 2, 0).astype(np.float32)

    assert np.abs(bgr[:, :, ::-1] - stretched).max() <= 0.501
    assert np.abs(rgb - padded).max() <= 0.501


def test_an_image_of_the_right_size_is_handed_over_as_it_is():
    image = make_pixels(300, 300)

    frame = prepare_frame(image, STRETCH)

    assert frame.shape == (1, 3, 300, 300)
    assert frame.flags.c_contiguous
    np.testing.assert_array_equal(frame[0, 0], image[:, :, 2])
    np.testing.assert_array_equal(frame[0, 2], image[:, :, 0])


def test_the_frame_can_be_last_in_channels_too():
    spec = InputSpec(20, 30, "NHWC", "rgb", "uint8", "stretch")

    assert prepare_frame(make_pixels(), spec).shape == (1, 20, 30, 3)


@given(sides, sides)
def test_a_padded_image_keeps_its_shape_and_fills_one_side(width, height):
    down, across = content_size(PAD, height=height, width=width)

    assert max(down, across) == 512
    exact = 512 * min(height, width) / max(height, width)
    assert abs(min(down, across) - max(1, exact)) <= 0.501


@given(st.sampled_from([STRETCH, PAD]), sides, sides, st.data())
def test_a_box_comes_back_to_where_it_was(spec, width, height, data):
    """Boxes go through the resizing as its pixels do, and through its inverse."""
    x0, x1 = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2), label="x"))
    y0, y1 = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2), label="y"))
    down, across = content_size(spec, height=height, width=width)
    shares = [
        x0 / width * across / spec.width,
        y0 / height * down / spec.height,
        x1 / width * across / spec.width,
        y1 / height * down / spec.height,
    ]
    row = np.array([[0, 3, 0.5, *shares]], np.float32)

    found = to_detections7(row, spec, height=height, width=width)

    if x1 - x0 > 0.01 and y1 - y0 > 0.01:
        np.testing.assert_allclose(found.boxes[0], [x0, y0, x1, y1], atol=1e-3)
        assert found.class_ids.tolist() == [3]


def test_rows_are_clipped_sorted_and_end_at_the_first_empty_one():
    rows = np.array(
        [
            [0, 1, 0.2, 0.1, 0.1, 0.2, 0.2],
            [0, 2, 0.8, 0.1, 0.6, 0.5, 1.5],  # in the padding of a wide image
            [0, 1, 0.9, 0.0, 0.0, 1.0, 1.0],
            [-1, 0, 0, 0, 0, 0, 0],
            [0, 7, 1.0, 0.0, 0.0, 1.0, 1.0],  # what an earlier image left behind
        ],
        np.float32,
    )

    found = to_detections7(rows[None, None], PAD, height=100, width=200)

    assert found.class_ids.tolist() == [1, 1]
    np.testing.assert_allclose(found.scores, [0.9, 0.2])
    np.testing.assert_allclose(found.boxes, [[0, 0, 200, 100], [20, 20, 40, 40]], atol=1e-4)


def test_nothing_found_is_no_error():
    empty = np.full((1, 1, 100, 7), -1, np.float32)

    assert len(to_detections7(empty, STRETCH, height=10, width=10)) == 0
    assert len(to_detections7(np.zeros((0, 7), np.float32), STRETCH, height=10, width=10)) == 0


@settings(max_examples=40)
@given(sides, sides, sides, st.integers(1, 400))
def test_both_ways_of_resizing_give_the_same(width, height, new_width, new_height):
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)

    ours = resize_with_numpy(image, new_height, new_width).astype(int)
    quick = resize_bilinear(image, new_height, new_width)

    assert quick.shape == (new_height, new_width, 3)
    assert np.abs(ours - quick).max() <= 1  # places are rounded otherwise, in their last bit
    assert (ours != quick).mean() < 0.02


def test_without_opencv_the_result_is_the_same(monkeypatch):
    image = make_pixels()
    quick = resize_bilinear(image, 50, 50)
    monkeypatch.setattr(preparation, "_exact_opencv", lambda: None)

    np.testing.assert_array_equal(resize_bilinear(image, 50, 50), quick)


def test_a_shrunk_image_is_not_averaged():
    """Every second pixel is what TensorFlow 1 takes when it halves an image."""
    image = make_pixels(60, 40)

    np.testing.assert_array_equal(resize_bilinear(image, 20, 30), image[::2, ::2])
