"""The proof that the OD API reads what od writes: its own decoder on our records."""

import numpy as np
import pytest

from conftest import encode, make_pixels
from od.odapi.shims import prepare_imports
from od.prepare import PrepareOptions, prepare_dataset
from od.records.parts import part_files
from od.records.tfrecord import framed, read_records


@pytest.fixture(scope="module")
def tf():
    prepare_imports()
    import tensorflow

    return tensorflow


def test_the_od_api_decoder_reads_every_field(tf, write_voc, tmp_path):
    from object_detection.data_decoders.tf_example_decoder import TfExampleDecoder

    objects = (("cat", (8, 8, 40, 32)), ("빨간 'dog'", (0, 0, 64, 48)))
    write_voc("a", objects)
    write_voc("b", objects, data=encode(make_pixels(64, 48, seed=3), "PNG"), extension=".png")
    write_voc("c", (), data=encode(make_pixels(64, 48, seed=4)[..., 0]))  # grey, background
    prepared = prepare_dataset(
        tmp_path / "photos", tmp_path / "records", options=PrepareOptions(val_fraction=0.4)
    )
    label_map = tmp_path / "records" / "label_map.pbtxt"
    decoder = TfExampleDecoder(label_map_proto_file=str(label_map))
    decoded = {}
    for part in prepared.parts:
        for file in part_files(prepared.folder, part):
            for record in tf.data.TFRecordDataset(str(file)):
                fields = {name: value.numpy() for name, value in decoder.decode(record).items()}
                decoded[fields["filename"].decode()] = fields
    assert decoded.keys() == {"a.jpg", "b.png", "c.jpg"}
    for name in ("a.jpg", "b.png"):
        fields = decoded[name]
        assert fields["image"].shape == (48, 64, 3)
        assert fields["source_id"].decode() == name
        np.testing.assert_allclose(
            fields["groundtruth_boxes"],
            [[8 / 48, 8 / 64, 32 / 48, 40 / 64], [0, 0, 1, 1]],
            rtol=1e-6,
        )
        ids = [prepared.label_map.id_of(class_name) for class_name, _ in objects]
        assert fields["groundtruth_classes"].tolist() == ids
        assert not fields["groundtruth_difficult"].any()
        assert len(fields["key"]) == 64
    np.testing.assert_array_equal(decoded["b.png"]["image"], make_pixels(64, 48, seed=3))
    assert decoded["c.jpg"]["image"].shape == (48, 64, 3)
    assert decoded["c.jpg"]["groundtruth_boxes"].shape == (0, 4)


def test_tensorflow_and_od_write_and_read_the_same_files(tf, tmp_path):
    records = [b"", b"cat", bytes(range(256)) * 40]
    path = tmp_path / "theirs.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    assert path.read_bytes() == b"".join(map(framed, records))
    assert list(read_records(path)) == records


def test_an_example_of_tensorflow_is_read(tf):
    from od.records.tf_example import decode_example

    def ints(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def floats(*values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    feature = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x"])),
        "image/width": ints(100),
        "image/height": ints(50),
        "image/object/class/label": ints(7),
        "image/object/bbox/xmin": floats(0.1),
        "image/object/bbox/ymin": floats(0.2),
        "image/object/bbox/xmax": floats(0.3),
        "image/object/bbox/ymax": floats(0.4),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    image = decode_example(example.SerializeToString())
    assert image.annotations[0].corners == (10, 10, 30, 20)
    assert image.class_ids == (7,)
