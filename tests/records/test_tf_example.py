import contextlib
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from od.errors import RecordError
from od.records import wire
from od.records.tf_example import RecordedImage, decode_example, encode_example
from od.structures.dataset import Annotation
from od.structures.label_map import LabelMap

WIDTH, HEIGHT = 640, 427
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def annotations(draw: st.DrawFn) -> Annotation:
    xmin, ymin = draw(st.integers(0, WIDTH - 2)), draw(st.integers(0, HEIGHT - 2))
    return Annotation(
        class_name=draw(texts.filter(bool)),
        corners=(
            xmin,
            ymin,
            draw(st.integers(xmin + 1, WIDTH)),
            draw(st.integers(ymin + 1, HEIGHT)),
        ),
        difficult=draw(st.booleans()),
        truncated=draw(st.booleans()),
        view=draw(texts),
    )


def _image(objects: tuple[Annotation, ...] = (), **changes: object) -> RecordedImage:
    image = RecordedImage(
        encoded=b"\xff\xd8 not really",
        format="jpeg",
        filename="고양이 1.jpg",
        source_id="images/고양이 1.jpg",
        height=HEIGHT,
        width=WIDTH,
        annotations=objects,
        class_ids=tuple(range(1, len(objects) + 1)),
    )
    return dataclasses.replace(image, **changes)  # type: ignore[arg-type]


def _features(**features: bytes) -> bytes:
    return wire.encode_features(
        {f"image/{name.replace('__', '/')}": value for name, value in features.items()}
    )


@given(st.lists(annotations(), max_size=4))
def test_what_is_encoded_is_decoded(objects):
    image = _image(tuple(objects))
    assert decode_example(encode_example(image)) == image


def test_a_box_of_the_whole_image_stays_within_it():
    whole = Annotation("cat", (0, 0, WIDTH, HEIGHT))
    data = wire.decode_features(encode_example(_image((whole,))))
    assert data["image/object/bbox/xmax"] == [1.0]
    assert data["image/object/bbox/ymax"] == [1.0]


def test_fields_that_others_leave_out_are_filled_in():
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40)).save(buffer, "JPEG")
    data = _features(
        encoded=wire.bytes_feature([buffer.getvalue()]),
        object__bbox__xmin=wire.float_feature([0.5]),
        object__bbox__ymin=wire.float_feature([0.25]),
        object__bbox__xmax=wire.float_feature([1.0]),
        object__bbox__ymax=wire.float_feature([0.75]),
        object__class__label=wire.int64_feature([2]),
    )
    image = decode_example(data, label_map=LabelMap.from_names(["cat", "dog"]))
    assert (image.width, image.height, image.format) == (50, 40, "jpeg")
    assert image.annotations == (Annotation("dog", (25, 10, 50, 30)),)
    assert image.class_ids == (2,)


def test_names_alone_give_the_ids_of_the_label_map():
    sides = {
        f"object__bbox__{side}": wire.float_feature([value])
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), (0.0, 0.0, 0.5, 0.5), strict=True)
    }
    data = _features(
        encoded=wire.bytes_feature([b"x"]),
        width=wire.int64_feature([10]),
        height=wire.int64_feature([10]),
        object__class__text=wire.bytes_feature([b"dog"]),
        **sides,
    )
    assert decode_example(data, label_map=LabelMap.from_names(["cat", "dog"])).class_ids == (2,)
    with pytest.raises(RecordError, match="has boxes but no 'image/object/class/label'"):
        decode_example(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "holds no 'image/encoded'", id="empty"),
        pytest.param(b"\xff\xff\xff", "not a TF Example", id="noise"),
        pytest.param(
            _features(encoded=wire.bytes_feature([b"no image"])), "0 x 0 pixels", id="no size"
        ),
        pytest.param(
            _features(encoded=wire.int64_feature([3])), "holds int, expected bytes", id="kind"
        ),
        pytest.param(
            _features(
                encoded=wire.bytes_feature([b"x"]),
                width=wire.int64_feature([1]),
                height=wire.int64_feature([1]),
                object__bbox__xmin=wire.float_feature([0.0]),
            ),
            "have 1, 0, 0, 0 values",
            id="three sides missing",
        ),
    ],
)
def test_refuses_what_is_no_labelled_image(data, sentence):
    with pytest.raises(RecordError, match=sentence) as error:
        decode_example(data)
    assert error.value.hint


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_crash(data):
    with contextlib.suppress(RecordError):
        decode_example(data)


@given(st.data())
def test_a_damaged_example_is_read_or_refused_but_never_crashes(data):
    good = encode_example(_image((Annotation("cat", (1, 2, 30, 40), view="Left"),)))
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + bytes((data.draw(st.integers(0, 255)),)) + good[at + 1 :]
    with contextlib.suppress(RecordError):
        decode_example(damaged)


def test_unpacked_lists_and_negative_numbers_are_read():
    # Field 1, wire type 0 (one varint each): how old writers store integers.
    unpacked = bytes([0x1A, 13, 0x08, 5, 0x08, *([0xFF] * 9), 0x01])
    data = wire.encode_features({"a": unpacked})
    assert wire.decode_features(data)["a"] == [5, -1]
    assert wire.decode_features(wire.encode_features({"a": wire.int64_feature([5, -1])}))["a"] == [
        5,
        -1,
    ]
