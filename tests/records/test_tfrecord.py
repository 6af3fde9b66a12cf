import pytest
from hypothesis import given
from hypothesis import strategies as st

from od.errors import RecordError
from od.records.tfrecord import RecordWriter, count_records, framed, read_records


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_what_is_written_is_read(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("records") / "a.tfrecord"
    with RecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    assert list(read_records(path)) == records
    assert count_records(path) == len(records)


def test_the_frame_is_the_one_that_tensorflow_writes():
    # tf.io.TFRecordWriter, TensorFlow 2.20, for the record b"cat"
    assert framed(b"cat").hex() == "0300000000000000b099490e63617486fdd16f"


def test_every_flipped_byte_is_noticed_with_file_and_record_number(tmp_path):
    records = [b"first record", b"", b"the third"]
    whole = b"".join(map(framed, records))
    starts = [0, 28, 44]
    path = tmp_path / "val.tfrecord"
    for at in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            path.write_bytes(whole[:at] + bytes((whole[at] ^ flip,)) + whole[at + 1 :])
            number = sum(start <= at for start in starts) - 1
            with pytest.raises(RecordError, match=rf"val\.tfrecord: record {number}:"):
                list(read_records(path))


def test_every_truncation_within_a_record_is_noticed(tmp_path):
    whole = framed(b"first") + framed(b"second")
    path = tmp_path / "val.tfrecord"
    for length in set(range(1, len(whole))) - {len(framed(b"first"))}:
        path.write_bytes(whole[:length])
        number = int(length > len(framed(b"first")))
        with pytest.raises(RecordError, match=rf"val\.tfrecord: record {number}:"):
            list(read_records(path))
        with pytest.raises(RecordError, match=rf"val\.tfrecord: record {number}:"):
            count_records(path)


def test_a_length_beyond_the_file_is_not_believed(tmp_path):
    # A sound checksum of an absurd length: nothing may be allocated for it.
    import struct

    from od.records.tfrecord import masked_crc32c

    length = struct.pack("<Q", 1 << 60)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(length + struct.pack("<I", masked_crc32c(length)) + bytes(20))
    with pytest.raises(RecordError, match="record 0: the file ends after 20 of"):
        list(read_records(path))


def test_a_missing_file_is_told_by_its_path(tmp_path):
    with pytest.raises(RecordError, match=r"none\.tfrecord: cannot be read") as error:
        list(read_records(tmp_path / "none.tfrecord"))
    assert error.value.hint
