"""Luxonis' own library opens what is made for OAK cameras, where it is installed.

depthai is no dependency of ours: pip install depthai (3) or depthai==2.33.0.0 (2) to run this.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from od.export.stick.companions import write_stick_companions
from od.myriad.blob import read_blob_header
from od.myriad.toolchain import find_toolchain
from od.myriad.worker import ToolchainWorker
from stick_exports import NAMES, STRETCH, write_squares_ir

depthai = pytest.importorskip("depthai", reason="depthai is not installed: pip install depthai")
LABELS = ["background", *(name for _, name in NAMES.items)]


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    toolchain = find_toolchain()
    if toolchain is None:
        pytest.skip("OpenVINO 2021.4.2 is not set up: od doctor --setup-myriad")
    folder = tmp_path_factory.mktemp("myriad")
    blob = folder / "model.myriadx.blob"
    with ToolchainWorker(toolchain) as worker:
        worker.compile_blob(write_squares_ir(folder), blob, chip="myriadx", shaves=6)
    write_stick_companions(
        folder,
        names=LABELS,
        spec=STRETCH,
        rows=40,
        threshold=0.5,
        title="squares",
        blobs={"myriadx": blob},
    )
    return folder


def tensors(blob):
    """Name -> dimensions (innermost first) and type, of inputs and outputs."""
    return {
        name: (list(tensor.dims), tensor.dataType.name)
        for side in (blob.networkInputs, blob.networkOutputs)
        for name, tensor in side.items()
    }


def test_the_blob_has_the_input_and_output_that_we_say(export):
    blob = depthai.OpenVINO.Blob(str(export / "model.myriadx.blob"))
    (source, image), (_, rows) = tensors(blob).items()

    assert (source, image) == ("input", ([96, 64, 3, 1], "U8F"))
    assert rows == ([7, 40, 1, 1], "FP16")
    assert blob.numShaves == read_blob_header(export / "model.myriadx.blob").shaves == 6


@pytest.mark.skipif(not hasattr(depthai, "NNArchive"), reason="depthai 2 has no NNArchive")
def test_the_archive_says_the_same_as_the_blob_in_it(export):
    archive = depthai.NNArchive(str(export / "model.tar.xz"))
    model = archive.getConfig().model

    assert model.inputs[0].shape == [1, 3, 64, 96]
    assert model.outputs[0].shape == [1, 1, 40, 7]
    assert model.heads[0].metadata.classes == LABELS
    assert archive.getInputSize() == (96, 64)
    blob = depthai.OpenVINO.Blob(str(export / "model.myriadx.blob"))
    assert tensors(archive.getBlob()) == tensors(blob)


@pytest.mark.skipif(not hasattr(depthai, "NNArchive"), reason="depthai 2 has no NNArchive")
def test_depthai_takes_it_for_a_mobilenet_ssd(export):
    with depthai.Pipeline(False) as pipeline:
        parser = pipeline.create(depthai.node.DetectionParser)
        parser.setNNArchive(depthai.NNArchive(str(export / "model.tar.xz")))

        assert parser.getNNFamily().name == "MOBILENET"
        assert parser.getNumClasses() == len(LABELS)
