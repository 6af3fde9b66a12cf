"""Record files for tests, written with od's own writer: small textured images and boxes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from od.records.label_map_file import write_label_map
from od.records.tf_example import RecordedImage, encode_example
from od.records.tfrecord import RecordWriter
from od.structures.dataset import Annotation
from od.structures.label_map import LabelMap

CLASSES = LabelMap(((1, "cat"), (2, "a <b>dog</b> & 'co'"), (3, "고양이")))
Object = tuple[int, tuple[float, float, float, float]]


def recorded(
    objects: Sequence[Object],
    *,
    name: str = "image.png",
    size: tuple[int, int] = (120, 90),
    difficult: Sequence[int] = (),
    names: LabelMap | None = CLASSES,
) -> RecordedImage:
    """Return one image: ``objects`` are ``(class id, (xmin, ymin, xmax, ymax))``."""
    width, height = size
    shade = sum(name.encode()) % 256  # images of different names differ
    pixels = np.full((height, width, 3), shade, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    known = dict(names.items) if names else {}
    return RecordedImage(
        encoded=buffer.getvalue(),
        format="png",
        filename=name,
        source_id=name,
        height=height,
        width=width,
        annotations=tuple(
            Annotation(known.get(class_id, f"class {class_id}"), box, difficult=i in difficult)
            for i, (class_id, box) in enumerate(objects)
        ),
        class_ids=tuple(class_id for class_id, _ in objects),
    )


def write_part(
    folder: Path,
    part: str,
    images: Sequence[RecordedImage],
    *,
    label_map: LabelMap | None = CLASSES,
) -> Path:
    """Write one file of records, and the label map beside it; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{part}-00000-of-00001.tfrecord"
    write_file(file, images)
    if label_map is not None:
        write_label_map(folder / "label_map.pbtxt", label_map)
    return file


def write_file(file: Path, images: Sequence[RecordedImage]) -> None:
    """Write a record file of any name."""
    with RecordWriter(file) as writer:
        for image in images:
            writer.write(encode_example(image))


A, B = (10.0, 10.0, 50.0, 60.0), (60.0, 20.0, 110.0, 80.0)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with two train and three val images; the last val image is background."""
    folder = tmp_path / "records"
    write_part(folder, "train", [recorded([(1, A)], name=f"t{i}.png") for i in range(2)])
    val = [
        recorded([(1, A), (2, B)], name="v0.png"),
        recorded([(3, B)], name="v<1>.png"),
        recorded([], name="v2.png"),
    ]
    write_part(folder, "val", val)
    return folder
