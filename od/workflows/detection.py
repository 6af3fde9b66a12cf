"""Find objects in images with an export or a run, draw them, and write it all down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.detect import CocoResults, ImageDetections, detect_in_images, find_sources, load_detector
from od.errors import ExportError, ImageError
from od.outputs import read_od_json, refuse_foreign, whole_folder, write_od_json
from od.records.label_map_file import read_label_map
from od.structures.artifacts import Detector
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent

KIND = "detections"


@dataclass(frozen=True)
class Found:
    """What was found in all images.

    Args:
        label_map: Names the class ids.
        images: One for each image that could be read; without its pixels.
        errors: One for each that could not.
        coco: All of it in COCO's format.
    """

    label_map: LabelMap
    images: tuple[FoundInImage, ...]
    errors: tuple[ImageError, ...]
    coco: dict[str, Any]


@dataclass(frozen=True)
class FoundInImage:
    """One image's detections as ``(class name, score, corners)``, best first."""

    path: Path
    objects: tuple[tuple[str, float, tuple[float, float, float, float]], ...]


def open_model(folder: Path, *, device: str = "CPU") -> tuple[Detector, LabelMap]:
    """Open an export, or a run (which takes tensorflow and the OD API).

    Raises:
        ExportError: The folder is neither, or the runtime cannot load it on ``device``.
        OdError: The run's model does not load.
    """
    _check_model(folder)
    if (folder / "od.json").is_file() and read_od_json(folder).get("kind") == "run":
        from od.odapi.model import load_run_detector

        label_map = read_label_map(folder / "label_map.pbtxt")
        return load_run_detector(folder), label_map
    detector = load_detector(folder, device=device)
    return detector, read_label_map(folder / "label_map.pbtxt")


def _check_model(folder: Path) -> None:
    if not folder.is_dir():
        raise ExportError(
            f"{folder}: no such folder",
            hint="give a folder that od export made, as runs/<name>/export/openvino",
        )


def find_objects(
    model: Path,
    sources: Sequence[Path],
    *,
    threshold: float = 0.5,
    save: Path | None = None,
    device: str = "CPU",
    progress: Progress = silent,
) -> Found:
    """Run a model over images.

    Args:
        model: A folder that ``od export`` or ``od finetune`` made.
        sources: Images and folders of them.
        threshold: Detections with a lower score are left out.
        save: Folder for the drawn images and ``detections.json``; appears when all is done,
            replaces an earlier one.
        device: As the export's runtime names it.
        progress: Told after each image.

    Raises:
        ImageError: A source does not exist, or a folder holds no image. An image that is
            broken is no such error: it is in the result's ``errors``.
        ExportError: The model cannot be loaded.
        OutputError: ``save`` holds something else, or cannot be written.
    """
    _check_model(model)
    images = find_sources(sources)
    if save is not None:
        refuse_foreign(save, KIND)
    detector, label_map = open_model(model, device=device)
    results = detect_in_images(detector, images, threshold=threshold, progress=progress)
    with ExitStack() as stack:
        folder = stack.enter_context(whole_folder(save)) if save is not None else None
        found = _collect(results, label_map, folder)
        if folder is not None:
            text = json.dumps(found.coco, indent=1, ensure_ascii=False)
            (folder / "detections.json").write_text(text + "\n", encoding="utf-8")
            write_od_json(folder, KIND, {"model": str(model), "threshold": threshold})
    return found


def _collect(
    results: Iterable[ImageDetections | ImageError], label_map: LabelMap, folder: Path | None
) -> Found:
    names = dict(label_map.items)
    coco = CocoResults(label_map)
    images: list[FoundInImage] = []
    errors: list[ImageError] = []
    taken: set[str] = {"detections.json", "od.json"}
    for result in results:
        if isinstance(result, ImageError):
            errors.append(result)
            continue
        coco.add(result)
        images.append(FoundInImage(result.path, tuple(_objects(result, names))))
        if folder is not None:
            _draw(result, label_map, folder / _free_name(result.path, taken))
    return Found(label_map, tuple(images), tuple(errors), coco.to_json())


def _objects(
    result: ImageDetections, names: dict[int, str]
) -> Iterator[tuple[str, float, tuple[float, float, float, float]]]:
    found = result.detections
    for box, score, class_id in zip(found.boxes, found.scores, found.class_ids, strict=True):
        xmin, ymin, xmax, ymax = box.tolist()
        name = names.get(int(class_id), f"class {class_id}")
        yield name, float(score), (xmin, ymin, xmax, ymax)


def _draw(result: ImageDetections, label_map: LabelMap, path: Path) -> None:
    from od.drawing import draw_detections
    from od.images import encode_jpeg, encode_png

    drawn = draw_detections(result.pixels, result.detections, label_map)
    encoded = encode_png(drawn) if path.suffix.lower() == ".png" else encode_jpeg(drawn)
    path.write_bytes(encoded)


def _free_name(path: Path, taken: set[str]) -> str:
    """Return the image's own name, numbered where two have the same in different folders.

    What is neither PNG nor JPEG is drawn as JPEG and named so.
    """
    ending = path.suffix if path.suffix.lower() in (".png", ".jpg", ".jpeg") else ".jpg"
    name, number = f"{path.stem}{ending}", 1
    while name.casefold() in taken:  # some file systems do not tell cases apart
        number += 1
        name = f"{path.stem}-{number}{ending}"
    taken.add(name.casefold())
    return name
