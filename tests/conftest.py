"""Fixtures that several rooms share: labelled images made on the spot."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# Whichever test imports tensorflow first, it has to be with Keras 2 (od/odapi/shims.py).
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# Machines are shared: how long an example takes says nothing about the code.
settings.register_profile("od", deadline=None)
settings.load_profile("od")

VocObject = tuple[str, tuple[float, float, float, float]]

_VOC = """<annotation>
  <folder>images</folder>
  <filename>{filename}</filename>
  <path>C:\\Users\\somebody\\images\\{filename}</path>
  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>
{objects}</annotation>
"""
_OBJECT = """  <object>
    <name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>
  </object>
"""


def make_pixels(width: int = 64, height: int = 48, *, seed: int = 0) -> np.ndarray:
    """RGB uint8 ``(height, width, 3)``: soft shapes and noise, as in a photograph."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (5, 7, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = smooth + rng.normal(0, 6, (height, width, 1))
    return noisy.clip(0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    """Encode pixels with Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def voc_xml(
    filename: str, objects: Sequence[VocObject] = (), size: tuple[int, int] = (64, 48)
) -> str:
    """The text of a Pascal VOC XML file."""
    boxes = "".join(_OBJECT.format(*box, name=escape(name)) for name, box in objects)
    return _VOC.format(filename=escape(filename), width=size[0], height=size[1], objects=boxes)


def tree_hash(folder: Path) -> str:
    """One hash of all names and contents below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        if path.is_file():
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


WriteVoc = Callable[..., Path]


@pytest.fixture
def write_voc(tmp_path: Path) -> WriteVoc:
    """Write one image and its XML; returns the XML's path.

    Takes ``name`` (the stem), ``objects`` as ``(class, box)`` pairs, ``size`` (the image's),
    ``stated`` (the XML's, if different), ``filename``, ``data`` (the image's bytes),
    ``folder`` (default: ``photos`` in tmp_path), ``labels`` and ``images`` (folders in it).
    """

    def write(
        name: str = "a",
        objects: Sequence[VocObject] = (("cat", (8, 8, 40, 32)),),
        *,
        size: tuple[int, int] = (64, 48),
        stated: tuple[int, int] | None = None,
        filename: str | None = None,
        data: bytes | None = None,
        folder: Path | None = None,
        labels: str = "",
        images: str = "",
        extension: str = ".jpg",
    ) -> Path:
        root = folder or tmp_path / "photos"
        for sub in (labels, images):
            (root / sub).mkdir(parents=True, exist_ok=True)
        seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
        (root / images / f"{name}{extension}").write_bytes(
            encode(make_pixels(*size, seed=seed)) if data is None else data
        )
        xml = root / labels / f"{name}.xml"
        stated_name = f"{name}{extension}" if filename is None else filename
        xml.write_text(voc_xml(stated_name, objects, stated or size), encoding="utf-8")
        return xml

    return write


@pytest.fixture
def voc_folder(write_voc: WriteVoc, tmp_path: Path) -> Path:
    """A small set: 12 images of cats, dogs and both, one of them background."""
    for i in range(12):
        objects: list[VocObject] = []
        if i % 4 != 3:
            objects.append(("cat" if i % 2 else "dog", (4 + i, 5, 40 + i, 35)))
        if i % 5 == 0:
            objects.append(("red cat", (1, 2, 20.5, 30.25)))
        write_voc(f"img_{i:02d}", objects)
    return tmp_path / "photos"


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without taking the interpreter apart once tensorflow has been in it.

    With tensorflow, the OD API and OpenVINO loaded into one process, the last garbage
    collection of a finished test session ends in a segmentation fault (seen with tensorflow
    2.20 on Python 3.11); the commands of od, a process each, end as they should.
    """
    status = getattr(config, "od_exit_status", None)
    if "tensorflow" in sys.modules and status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember the exit status for ``pytest_unconfigure``."""
    session.config.od_exit_status = int(exitstatus)  # type: ignore[attr-defined]
