"""Where the images to look at come from: files and folders, videos and cameras."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from od.detect.video import camera_number, is_stream
from od.errors import ImageError
from od.images import find_images

_HINT = "give images, or folders with .jpg or .png files in them"
_HINT_VIDEO = "give videos, images, folders of them, or camera:0"


def find_sources(sources: Iterable[Path]) -> list[Path]:
    """Return the images that the sources name, each once, in the order given.

    Args:
        sources: Files, taken as they are, and folders, searched to any depth.

    Raises:
        ImageError: A source does not exist, or a folder holds no image.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if source.is_dir():
            images = find_images(source)
            if not images:
                raise ImageError(f"{source}: no image in this folder", hint=_HINT)
            found.update(dict.fromkeys(images))
        elif source.exists():
            found[source] = None
        else:
            raise ImageError(f"{source}: does not exist", hint=_HINT)
    return list(found)


def find_streams(sources: Iterable[Path]) -> list[Path]:
    """Return the sources if they are videos or cameras, an empty list if they are images.

    Args:
        sources: Files, folders, and "camera:0". A folder without images counts as the videos
            in it.

    Raises:
        ImageError: A video does not exist, or there are images among videos.
    """
    found: list[Path] = []
    others: list[Path] = []
    for source in sources:
        if source.is_dir() and not find_images(source):
            videos = sorted(path for path in source.iterdir() if is_stream(path))
            (found if videos else others).extend(videos or [source])
        else:
            is_one = is_stream(source) and not source.is_dir()
            (found if is_one else others).append(source)
    if found and others:
        raise ImageError(
            f"{others[0]}: is no video, and {found[0]} is none of the images",
            hint="look at images and at videos in two commands",
        )
    missing = [path for path in found if camera_number(path) is None and not path.is_file()]
    if missing:
        raise ImageError(f"{missing[0]}: does not exist", hint=_HINT_VIDEO)
    return found
