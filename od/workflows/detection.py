"""Find objects in images with an export or a run, draw them, and write it all down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.detect import CocoResults, ImageDetections, detect_in_images, find_sources
from od.detect.sharing import Say, say_nothing
from od.detect.speech import Speaker
from od.errors import DeviceGoneError, ImageError
from od.outputs import refuse_foreign, whole_folder, write_od_json
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent
from od.workflows.opening import at_work, check_model, open_model

KIND = "detections"


@dataclass(frozen=True)
class Found:
    """What was found in all images.

    Args:
        label_map: Names the class ids.
        images: One for each image that could be read; without its pixels.
        errors: One for each that could not.
        coco: All of it in COCO's format.
        ended: The error that ended it before its time; what was found before is here.
    """

    label_map: LabelMap
    images: tuple[FoundInImage, ...]
    errors: tuple[ImageError, ...]
    coco: dict[str, Any]
    ended: DeviceGoneError | None = None


@dataclass(frozen=True)
class FoundInImage:
    """One image's detections as ``(class name, score, corners)``, best first."""

    path: Path
    objects: tuple[tuple[str, float, tuple[float, float, float, float]], ...]


def find_objects(
    model: Path,
    sources: Sequence[Path],
    *,
    threshold: float = 0.5,
    save: Path | None = None,
    device: str = "CPU",
    speaker: Speaker | None = None,
    say: Say = say_nothing,
    progress: Progress = silent,
) -> Found:
    """Run a model over images.

    Args:
        model: A folder that ``od export`` or ``od finetune`` made.
        sources: Images and folders of them.
        threshold: Detections with a lower score are left out.
        save: Folder for the drawn images and ``detections.json``; appears when all is done,
            replaces an earlier one.
        device: See ``open_model``.
        speaker: Speaks the names of what is in each image.
        say: Told of sticks that work or go.
        progress: Told after each image.

    Raises:
        ImageError: A source does not exist, or a folder holds no image. An image that is
            broken is no such error: it is in the result's ``errors``.
        ExportError: The model cannot be loaded.
        DeviceError: There is no stick.
        OutputError: ``save`` holds something else, or cannot be written.
    """
    check_model(model)
    images = find_sources(sources)
    if save is not None:
        refuse_foreign(save, KIND)
    detector, label_map = open_model(model, device=device)
    with ExitStack() as stack:
        stack.enter_context(at_work(detector, model, device, say))
        results = detect_in_images(
            detector, images, threshold=threshold, progress=progress, say=say
        )
        folder = stack.enter_context(whole_folder(save)) if save is not None else None
        found = _collect(results, label_map, folder, speaker)
        if folder is not None:
            text = json.dumps(found.coco, indent=1, ensure_ascii=False)
            (folder / "detections.json").write_text(text + "\n", encoding="utf-8")
            write_od_json(folder, KIND, {"model": str(model), "threshold": threshold})
    return found


def _collect(
    results: Iterable[ImageDetections | ImageError],
    label_map: LabelMap,
    folder: Path | None,
    speaker: Speaker | None,
) -> Found:
    names = dict(label_map.items)
    coco = CocoResults(label_map)
    images: list[FoundInImage] = []
    errors: list[ImageError] = []
    ended: DeviceGoneError | None = None
    taken: set[str] = {"detections.json", "od.json"}
    try:
        for result in results:
            if isinstance(result, ImageError):
                errors.append(result)
                continue
            coco.add(result)
            images.append(FoundInImage(result.path, tuple(_objects(result, names))))
            if folder is not None:
                _draw(result, label_map, folder / _free_name(result.path, taken))
            if speaker is not None:
                _speak(images[-1], speaker)
    except DeviceGoneError as error:  # the last stick: what was found before is kept
        ended = error
    return Found(label_map, tuple(images), tuple(errors), coco.to_json(), ended)


def _speak(image: FoundInImage, speaker: Speaker) -> None:
    for name, count in Counter(name for name, _, _ in image.objects).items():
        speaker.say(name if count == 1 else f"{count} {name}", 0.0)


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
