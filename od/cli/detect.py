"""``od detect``: find objects in images, videos and what a camera sees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress
from od.cli.tables import print_table

if TYPE_CHECKING:
    from od.detect.live import Display
    from od.detect.speech import Speaker
    from od.errors import ImageError
    from od.workflows.detection import FoundInImage
    from od.workflows.watching import Watched

_SHOWN = 10  # broken images named on the terminal


@click.command(short_help="Find objects in images, videos or a camera's picture.")
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
    type=click.Path(path_type=Path),
    help="Folder for the images with boxes drawn, and detections.json; of a video or a camera"
    " also a video's name, as drawn.mp4.",
)
@click.option(
    "--device",
    default="CPU",
    show_default=True,
    help="CPU, MYRIAD (all sticks) or AUTO (sticks if there are any); GPU where there is one.",
)
@click.option("--show", is_flag=True, help="Show a video or a camera live, in a window or a page.")
@click.option("--speak", is_flag=True, help="Speak the names of what appears.")
@click.option(
    "--speak-to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Speak into a WAV file instead.",
)
@click.option("--language", help="To speak in, as en or ko.  [default: told from the names]")
@json_option
def command(
    model: Path,
    source: tuple[Path, ...],
    threshold: float,
    save: Path | None,
    device: str,
    show: bool,
    speak: bool,
    speak_to: Path | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Find objects in images, videos or a camera's picture.

    MODEL is a folder that od export made (a run works too, it takes longer to start); SOURCE
    are images and folders of images, or videos, or camera:0.  Boxes are xmin, ymin, xmax, ymax
    in pixels of the upright image.  --json prints images, annotations (bbox is x, y, width,
    height) and categories as COCO has them; of videos and cameras one JSON object a frame.
    Ctrl-C ends a video or a camera, and what was saved is whole.

    \b
    Example:
        od detect runs/ssd/export/openvino photos/ --save drawn
        od detect runs/ssd/export/openvino street.jpg --threshold 0.3 --json
        od detect runs/ssd/export/myriad street.mp4 --device MYRIAD --save drawn.mp4
        od detect runs/ssd/export/myriad camera:0 --device AUTO --show --speak
    """
    # OpenCV and its FFmpeg write to the terminal by themselves; od says what is wrong.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    from od.detect.sources import find_streams

    device = device.upper()
    streams = find_streams(source)
    if show and not streams:
        raise click.UsageError("--show is for videos and cameras; --save draws images")
    with _speaker(speak, speak_to, language) as speaker:
        if streams:
            _watch(model, streams, threshold, save, device, show, speaker, as_json=as_json)
        else:
            _detect(model, source, threshold, save, device, speaker, as_json=as_json)
    if speak_to is not None:
        click.echo(speak_to, err=as_json)


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _speaker(speak: bool, file: Path | None, language: str | None) -> Iterator[Speaker | None]:
    if not speak and file is None:
        yield None
        return
    from od.detect.speech import SpokenAloud, SpokenToFile, find_voice

    voice = find_voice(language=language)
    speaker = SpokenAloud(voice) if file is None else SpokenToFile(voice, file)
    try:
        yield speaker
    finally:
        speaker.close()


def _detect(
    model: Path,
    source: tuple[Path, ...],
    threshold: float,
    save: Path | None,
    device: str,
    speaker: Speaker | None,
    *,
    as_json: bool,
) -> None:
    from od.workflows.detection import find_objects

    with shown_progress("detect") as progress:
        found = find_objects(
            model,
            source,
            threshold=threshold,
            save=save,
            device=device,
            speaker=speaker,
            say=_say,
            progress=progress,
        )
    if as_json:
        print_json(found.coco)
    elif found.images:
        _print_objects(found.images, threshold)
    if save is not None and not as_json:
        click.echo(f"{save}  {len(found.images)} images, detections.json")
    if found.ended is not None:
        _say(f"{len(found.images)} images were done before")
        raise found.ended
    _report(found.errors, len(found.images) + len(found.errors))


def _watch(
    model: Path,
    streams: list[Path],
    threshold: float,
    save: Path | None,
    device: str,
    show: bool,
    speaker: Speaker | None,
    *,
    as_json: bool,
) -> None:
    from od.cli.signals import stop_on_signals
    from od.workflows.watching import Watching, watch_streams

    with (
        _display(show) as display,
        stop_on_signals("stopping ...") as stop,
        shown_progress("detect") as progress,
    ):
        how = Watching(
            threshold=threshold,
            save=save,
            display=display,
            speaker=speaker,
            tell=(lambda seen: print_json(seen.to_json())) if as_json else (lambda _: None),
            stop=stop,
        )
        watched = watch_streams(model, streams, how, device=device, say=_say, progress=progress)
    if not as_json:
        _print_streams(watched)
    if watched.ended is not None:
        raise watched.ended


@contextmanager
def _display(show: bool) -> Iterator[Display | None]:
    if not show:
        yield None
        return
    from od.detect.live import open_display

    display = open_display()
    _say(f"live: {display.where}")
    try:
        yield display
    finally:
        display.close()


def _print_streams(watched: Watched) -> None:
    rows = []
    for stream in watched.streams:
        for name, frames, most in stream.classes:
            rows.append([stream.name, name, f"{frames} of {stream.frames}", str(most)])
        if not stream.classes:
            rows.append([stream.name, "-", f"0 of {stream.frames}", "0"])
    print_table(["video", "class", "frames with it", "most at once"], rows, left=(0, 1))
    if watched.saved is not None:
        frames = sum(stream.frames for stream in watched.streams)
        click.echo(f"\n{watched.saved}  {frames} frames")


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
