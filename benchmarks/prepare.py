"""od prepare against the OD API's way of making records: time, memory, linearity.

The OD API's way is what its ``create_pascal_tf_record`` script does for each label file,
written out in ``convert_as_the_od_api_does``: it imports TensorFlow, parses the XML, reads
the image without decoding it, and writes a ``tf.train.Example``.  od decodes every image in
full besides.  Both sides run one after the other in one call, as commands of their own.

    python benchmarks/prepare.py                            a set that it makes itself
    python benchmarks/prepare.py --source VOC_FOLDER        another one
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_SIZES = (2_500, 5_000, 10_000)


def _as_dict(element: Any) -> Any:
    """Turn an XML element into nested dicts; ``object`` becomes a list."""
    if not len(element):
        return element.text
    fields: dict[str, Any] = {}
    for child in element:
        value = _as_dict(child)
        if child.tag == "object":
            fields.setdefault("object", []).append(value)
        else:
            fields[child.tag] = value
    return fields


def convert_as_the_od_api_does(source: Path, output: Path) -> None:
    """Write one record file; print how many images a second the loop made."""
    import tensorflow as tf
    from lxml import etree
    from PIL import Image

    def ints(values: list[int]) -> Any:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def floats(values: list[float]) -> Any:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    def texts(values: list[bytes]) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    labels = sorted(source.rglob("*.xml"))
    images = {path.name: path for path in source.rglob("*.jpg")}
    ids: dict[str, int] = {}
    start = time.perf_counter()
    with tf.io.TFRecordWriter(str(output)) as writer:
        for label in labels:
            with tf.io.gfile.GFile(str(label), "rb") as file:
                data = _as_dict(etree.fromstring(file.read()))
            with tf.io.gfile.GFile(str(images[data["filename"]]), "rb") as file:
                encoded = file.read()
            if Image.open(io.BytesIO(encoded)).format != "JPEG":
                raise ValueError("Image format not JPEG")
            width, height = int(data["size"]["width"]), int(data["size"]["height"])
            objects = data.get("object", [])
            sides = {
                side: [float(o["bndbox"][side]) / size for o in objects]
                for side, size in (
                    ("xmin", width),
                    ("ymin", height),
                    ("xmax", width),
                    ("ymax", height),
                )
            }
            name = data["filename"].encode()
            feature = {
                "image/height": ints([height]),
                "image/width": ints([width]),
                "image/filename": texts([name]),
                "image/source_id": texts([name]),
                "image/key/sha256": texts([hashlib.sha256(encoded).hexdigest().encode()]),
                "image/encoded": texts([encoded]),
                "image/format": texts([b"jpeg"]),
                **{f"image/object/bbox/{side}": floats(values) for side, values in sides.items()},
                "image/object/class/text": texts([o["name"].encode() for o in objects]),
                "image/object/class/label": ints(
                    [ids.setdefault(o["name"], len(ids) + 1) for o in objects]
                ),
                "image/object/difficult": ints([int(o.get("difficult") or 0) for o in objects]),
                "image/object/truncated": ints([int(o.get("truncated") or 0) for o in objects]),
                "image/object/view": texts([(o.get("pose") or "").encode() for o in objects]),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    print(len(labels) / (time.perf_counter() - start))


def make_source(folder: Path, count: int = 364) -> None:
    """Make images of 640 x 480 with about 13 boxes each, as many as BCCD has."""
    import numpy as np
    from PIL import Image

    rng, chance = np.random.default_rng(0), random.Random(0)
    folder.mkdir()
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC))
        pixels = (smooth + rng.normal(0, 3, (480, 640, 1))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05d}.jpg", quality=75)
        boxes = "".join(
            f"<object><name>class {chance.randint(1, 3)}</name><pose>Unspecified</pose>"
            f"<truncated>0</truncated><difficult>0</difficult><bndbox><xmin>{x}</xmin>"
            f"<ymin>{y}</ymin><xmax>{x + 90}</xmax><ymax>{y + 80}</ymax></bndbox></object>"
            for x, y in ((chance.randint(0, 549), chance.randint(0, 399)) for _ in range(13))
        )
        (folder / f"{i:05d}.xml").write_text(
            f"<annotation><filename>{i:05d}.jpg</filename><size><width>640</width>"
            f"<height>480</height><depth>3</depth></size>{boxes}</annotation>"
        )


def repeat_source(source: Path, folder: Path, count: int) -> None:
    """Fill ``folder`` with ``count`` images: those of ``source`` again and again."""
    images = {path.name: path for path in source.rglob("*.jpg")}
    labels = [path.read_text() for path in sorted(source.rglob("*.xml"))]
    folder.mkdir()
    for i in range(count):
        text = labels[i % len(labels)]
        name = re.search("<filename>(.*?)</filename>", text)[1]  # type: ignore[index]
        os.link(images[name], folder / f"{i:05d}.jpg")
        (folder / f"{i:05d}.xml").write_text(text.replace(name, f"{i:05d}.jpg"))


def _memory_of_tree(pid: int) -> int:
    """Proportional set size of a process and its children, in kB."""
    total = 0
    for process in (str(pid), *_children(pid)):
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
        except (OSError, TypeError):
            continue
    return total


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def timed(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return seconds, peak memory in MB and its output."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, _memory_of_tree(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with status {process.returncode}")
    return seconds, peak / 1024, output


def compare(source: Path, scratch: Path) -> None:
    """Run both sides on the set as it is, then od on larger and larger ones."""
    od = [sys.executable, "-m", "od", "prepare"]
    theirs = [sys.executable, __file__, "--convert"]
    labels = len(list(source.rglob("*.xml")))
    print(f"{labels} images, {len(os.sched_getaffinity(0))} cores")
    ours, _, _ = timed([*od, str(source), "--output", str(scratch / "records")])
    api, _, output = timed([*theirs, str(source), str(scratch / "api.tfrecord")])
    print(f"whole command: od {ours:.2f} s, OD API's way {api:.2f} s: 1/{api / ours:.1f}")
    seconds = {}
    for count in _SIZES:
        folder = scratch / f"images_{count}"
        repeat_source(source, folder, count)
        seconds[count], memory, _ = timed([*od, str(folder), "--output", str(scratch / "records")])
        print(f"od, {count} images: {seconds[count]:.2f} s, at most {memory:.0f} MB")
    rate = (_SIZES[-1] - _SIZES[0]) / (seconds[_SIZES[-1]] - seconds[_SIZES[0]])
    _, _, output = timed([*theirs, str(scratch / f"images_{_SIZES[0]}"), str(scratch / "api")])
    print(
        f"steady state: od {rate:.0f} images/s, OD API's way {float(output):.0f} images/s: "
        f"{rate / float(output):.1f}x"
    )
    later = (seconds[_SIZES[2]] - seconds[_SIZES[1]]) / (_SIZES[2] - _SIZES[1])
    earlier = (seconds[_SIZES[1]] - seconds[_SIZES[0]]) / (_SIZES[1] - _SIZES[0])
    print(f"seconds per image from 5,000 to 10,000 against 2,500 to 5,000: {later / earlier:.2f}")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="a folder of Pascal VOC XML and JPEGs")
    parser.add_argument("--convert", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.convert:
        convert_as_the_od_api_does(*arguments.convert)
        return
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as scratch:
        source = arguments.source
        if source is None:
            source = Path(scratch, "source")
            make_source(source)
        else:
            copied = Path(scratch, "source")
            copied.mkdir()
            for path in source.rglob("*"):
                if path.suffix in (".xml", ".jpg"):
                    (copied / path.name).write_bytes(path.read_bytes())
            source = copied
        compare(source, Path(scratch))


if __name__ == "__main__":
    main()
