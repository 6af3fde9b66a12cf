import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from od.errors import LabelMapError
from od.odapi.protos import proto_module
from od.records.label_map_file import read_label_map, write_label_map
from od.structures.label_map import LabelMap

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.sets(texts, min_size=1, max_size=5))
def test_every_name_comes_back_exactly_also_through_protobuf(tmp_path_factory, names):
    from google.protobuf import text_format

    path = tmp_path_factory.mktemp("map") / "label_map.pbtxt"
    label_map = LabelMap.from_names(names)
    write_label_map(path, label_map)
    assert read_label_map(path) == label_map
    message = proto_module("string_int_label_map").StringIntLabelMap()
    text_format.Parse(path.read_text(encoding="utf-8"), message)
    assert [(item.id, item.name) for item in message.item] == list(label_map.items)


@given(st.sets(texts, min_size=1, max_size=4))
def test_what_protobuf_writes_is_read(tmp_path_factory, names):
    from google.protobuf import text_format

    path = tmp_path_factory.mktemp("map") / "label_map.pbtxt"
    label_map = LabelMap.from_names(names)
    message = proto_module("string_int_label_map").StringIntLabelMap()
    for class_id, name in label_map.items:
        message.item.add(id=class_id, name=name)
    path.write_text(text_format.MessageToString(message), encoding="utf-8")
    assert read_label_map(path) == label_map


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("item { id: 1 name: 'cat' }", ((1, "cat"),)),
        (
            "item {\n  name: \"cat\",\n  id: 1;\n}\n# a comment\nitem: < id: 3 name: 'd' 'og' >",
            ((1, "cat"), (3, "dog")),
        ),
        ("\ufeffitem{id:1 name:'it\\'s \\xea\\xb3\\xb0'}", ((1, "it's 곰"),)),
        (
            "item { name: '/m/01g317' id: 1 display_name: 'person' }\n"
            "item { name: '/m/0199g' id: 2 display_name: 'bicycle' }",
            ((1, "person"), (2, "bicycle")),
        ),
        (
            "item { name: 'a' id: 1 display_name: 'same' }"
            "item { name: 'b' id: 2 display_name: 'same' }",
            ((1, "a"), (2, "b")),
        ),
        (
            "item { id: 0 name: 'background' } item { id: 1 name: 'cat' keypoints { id: 1 "
            "label: 'nose' } ancestor_ids: [1, 2] frequency: FREQUENT }",
            ((1, "cat"),),
        ),
    ],
)
def test_label_maps_of_others_are_read(tmp_path, text, items):
    path = tmp_path / "map.pbtxt"
    path.write_text(text, encoding="utf-8")
    assert read_label_map(path).items == items


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lists no class"),
        ("cat\ndog", "line 1: found cat, expected item"),
        ("item { id: 1", "expected a field's name"),
        ("item { id 1 }", "line 1: found 1, expected :"),
        ("item {\n id: 'x' name: 'cat' }", "item 1 has the id 'x'"),
        ("item { name: 'cat' }", "item 1 has the id ''"),
        ("item { id: 1 name: 'cat }", "line 1: found '''"),
        ("item { id: 1 name: 'a' } item { id: 1 name: 'b' }", "id 1 occurs twice"),
        ("item { id: 1 }", "id 1 has no name"),
    ],
)
def test_a_broken_label_map_is_told_with_file_and_line(tmp_path, text, sentence):
    path = tmp_path / "map.pbtxt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelMapError, match=sentence) as error:
        read_label_map(path)
    assert str(path) in str(error.value)
    assert error.value.hint


def test_a_missing_label_map_is_told_by_its_path(tmp_path):
    with pytest.raises(LabelMapError, match=r"none\.pbtxt: cannot be read"):
        read_label_map(tmp_path / "none.pbtxt")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_but_never_crashes(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("map") / "map.pbtxt"
    path.write_text("item { id: 1 name: 'a' " + text, encoding="utf-8", errors="ignore")
    with contextlib.suppress(LabelMapError):
        read_label_map(path)
