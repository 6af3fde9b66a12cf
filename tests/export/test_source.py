import pytest

from od.errors import CheckpointError, ExportError, LabelMapError, PipelineConfigError
from od.export import read_source
from od.outputs import sha256, write_od_json
from od.records.label_map_file import write_label_map
from od.structures.label_map import LabelMap
from tiny_model import TEMPLATE

NAMES = LabelMap(((1, "cat"), (2, "dog")))


@pytest.fixture
def model_dir(tmp_path):
    """As the OD API leaves it; the checkpoint's content does not matter here."""
    folder = tmp_path / "model"
    folder.mkdir()
    two_classes = TEMPLATE.read_text().replace("num_classes: 20", "num_classes: 2")
    (folder / "pipeline.config").write_text(two_classes)
    (folder / "ckpt-3.index").write_bytes(b"index")
    (folder / "ckpt-3.data-00000-of-00001").write_bytes(b"data")
    write_label_map(folder / "label_map.pbtxt", NAMES)
    return folder


def test_a_plain_model_dir_is_read_with_its_checkpoint_directly_inside(model_dir):
    source = read_source(model_dir)

    assert source.architecture == "ssd"
    assert (source.checkpoint, source.step) == (model_dir / "ckpt-3", 3)
    assert source.label_map == NAMES
    assert source.records is None
    assert source.hashes["ckpt-3.index"] == sha256(model_dir / "ckpt-3.index")
    assert set(source.hashes) == {
        "pipeline.config",
        "label_map.pbtxt",
        "ckpt-3.index",
        "ckpt-3.data-00000-of-00001",
    }


def test_a_checkpoint_folder_comes_before_files_beside_it(model_dir):
    (model_dir / "checkpoint").mkdir()
    for ending in ("index", "data-00000-of-00001"):
        (model_dir / f"checkpoint/ckpt-0.{ending}").write_bytes(b"other")

    assert read_source(model_dir).checkpoint == model_dir / "checkpoint/ckpt-0"


def test_a_given_label_map_comes_before_the_folders_own(model_dir, tmp_path):
    other = LabelMap(((1, "고양이"), (2, "개")))
    write_label_map(tmp_path / "other.pbtxt", other)

    assert read_source(model_dir, label_map=tmp_path / "other.pbtxt").label_map == other


def test_the_records_of_a_run_are_taken_only_while_they_stand(model_dir, tmp_path):
    write_od_json(model_dir, "run", {"records": str(tmp_path / "gone")})
    assert read_source(model_dir).records is None

    write_od_json(model_dir, "run", {"records": str(tmp_path)})
    assert read_source(model_dir).records == tmp_path


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        pytest.param(
            lambda folder: (folder / "label_map.pbtxt").unlink(),
            ExportError,
            "holds no label_map.pbtxt",
            id="no label map",
        ),
        pytest.param(
            lambda folder: (folder / "pipeline.config").unlink(),
            PipelineConfigError,
            "pipeline.config: cannot be read",
            id="no config",
        ),
        pytest.param(
            lambda folder: (folder / "ckpt-3.data-00000-of-00001").unlink(),
            CheckpointError,
            "holds no whole checkpoint",
            id="half a checkpoint",
        ),
        pytest.param(
            lambda folder: write_label_map(
                folder / "label_map.pbtxt", LabelMap(((1, "cat"), (21, "dog")))
            ),
            LabelMapError,
            "its classes go up to id 21, the model has 2",
            id="too many classes",
        ),
        pytest.param(
            lambda folder: write_label_map(folder / "label_map.pbtxt", LabelMap(((1, "cat"),))),
            LabelMapError,
            "its classes go up to id 1, the model has 2",
            id="too few classes",
        ),
    ],
)
def test_what_is_missing_is_named_with_a_way_out(model_dir, spoil, error, message):
    spoil(model_dir)

    with pytest.raises(error, match=message) as caught:
        read_source(model_dir)

    assert str(caught.value).startswith(str(model_dir))
    assert caught.value.hint


def test_a_folder_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ExportError, match="no such folder"):
        read_source(tmp_path / "nothing")


def test_a_saved_model_without_its_checkpoint_is_told_from_a_model_dir(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model/saved_model.pb").write_bytes(b"graph")
    for folder in (tmp_path, tmp_path / "saved_model"):
        with pytest.raises(ExportError, match="is a SavedModel without its checkpoint") as caught:
            read_source(folder)
        assert "pipeline.config and checkpoint/" in caught.value.hint


@pytest.mark.parametrize("inside", [False, True])
def test_a_frozen_graph_of_tensorflow_1_is_told_so(tmp_path, inside):
    graph = tmp_path / "frozen_inference_graph.pb"
    graph.write_bytes(b"graph")

    with pytest.raises(ExportError, match="is a frozen graph of TensorFlow 1") as caught:
        read_source(tmp_path if inside else graph)
    assert str(caught.value).startswith(str(graph))


def test_a_run_that_was_stopped_early_is_taken_only_when_asked(model_dir):
    write_od_json(model_dir, "run", {"step": 3, "steps": 10})

    with pytest.raises(ExportError, match="its training stands at step 3 of 10") as caught:
        read_source(model_dir)
    assert "--resume" in caught.value.hint
    assert read_source(model_dir, unfinished=True).step == 3
