"""Where the images to look at come from: files and folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from od.errors import ImageError
from od.images import find_images

_HINT = "give images, or folders with .jpg or .png files in them"


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
