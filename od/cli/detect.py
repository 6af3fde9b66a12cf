"""``od detect``: find objects in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress
from od.cli.tables import print_table

if TYPE_CHECKING:
    from od.errors import ImageError
    from od.workflows.detection import FoundInImage

_SHOWN = 10  # broken images named on the terminal


@click.command(short_help="Find objects in images with an exported detector.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("source", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Leave out what has a lower score.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the images with boxes drawn, and detections.json.",
)
@click.option(
    "--device", default="CPU", show_default=True, help="CPU, GPU or AUTO, as the runtime names it."
)
@json_option
def command(
    model: Path,
    source: tuple[Path, ...],
    threshold: float,
    save: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Find objects in images with an exported detector.

    MODEL is a folder that od export made (a run works too, it takes longer to start); SOURCE
    are images and folders of images.  Boxes are xmin, ymin, xmax, ymax in pixels of the
    upright image.  --json prints images, annotations (bbox is x, y, width, height) and
    categories as COCO has them.

    \b
    Example:
        od detect runs/ssd/export/openvino photos/ --save drawn
        od detect runs/ssd/export/openvino street.jpg --threshold 0.3 --json
    """
    from od.workflows.detection import find_objects

    with shown_progress("detect") as progress:
        found = find_objects(
            model, source, threshold=threshold, save=save, device=device, progress=progress
        )
    if as_json:
        print_json(found.coco)
    elif found.images:
        _print_objects(found.images, threshold)
    if save is not None and not as_json:
        click.echo(f"{save}  {len(found.images)} images, detections.json")
    _report(found.errors, len(found.images) + len(found.errors))


def _print_objects(images: tuple[FoundInImage, ...], threshold: float) -> None:
    rows: list[list[str]] = []
    for image in images:
        for name, score, corners in image.objects:
            box = " ".join(f"{value:.0f}" for value in corners)
            rows.append([str(image.path), name, f"{score:.2f}", box])
        if not image.objects:
            rows.append([str(image.path), "-", "-", f"nothing from {threshold:g} up"])
    print_table(["image", "class", "score", "box"], rows, left=(0, 1, 3))
    objects = sum(len(image.objects) for image in images)
    click.echo(f"\n{objects} objects in {len(images)} images")


def _report(errors: tuple[ImageError, ...], images: int) -> None:
    """End with status 1 when an image could not be read, and name each."""
    if not errors:
        return
    from od.errors import ImageError

    if len(errors) == 1:
        raise errors[0]
    for error in errors[:_SHOWN]:
        click.echo(str(error), err=True)
    if len(errors) > _SHOWN:
        click.echo(f"... and {len(errors) - _SHOWN} more", err=True)
    raise ImageError(
        f"{len(errors)} of {images} images could not be read",
        hint="replace them by intact copies; the others are done",
    )
