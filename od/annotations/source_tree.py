"""The files below a folder of labels and images, and the image that a label file means.

Names are compared without regard to case and to how accents and Hangul are composed:
label files travel between systems that treat both differently.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from od.errors import AnnotationError
from od.structures.dataset import IMAGE_EXTENSIONS

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")


def name_key(name: str) -> str:
    """Return what two spellings of one file name have in common.

    Example:
        >>> name_key("IMG_1.JPG") == name_key("img_1.jpg")
        True
    """
    return unicodedata.normalize("NFC", name).casefold()


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


@dataclass
class SourceTree:
    """Every file below ``root``: hidden ones are left out, links to folders not followed.

    Args:
        root: The folder that was given.
        labels: The label files' paths relative to ``root``, sorted.
        images: The image files' paths relative to ``root``, sorted.
    """

    root: Path
    labels: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    _by_path: dict[str, list[str]] = field(default_factory=dict)
    _by_name: dict[str, list[str]] = field(default_factory=dict)
    _by_stem: dict[str, list[str]] = field(default_factory=dict)
    _links: set[str] = field(default_factory=set)

    def image_for(self, label: str, filename: str, folder: str) -> str | None:
        """Find the image of a label file: by ``filename``, else by the label file's stem.

        Args:
            label: The label file's path relative to ``root``.
            filename: The name it states, "" for none.
            folder: The folder it states, which helps among images of one name.

        Returns:
            The image's path relative to ``root``, None when there is none.

        Raises:
            AnnotationError: The name leads outside ``root``, or fits several images.
        """
        name = self._inside(label, filename) if filename else ""
        stem = _stem(name)
        tried = (
            (self._by_path, name),
            (self._by_name, name_key(os.path.basename(name))),
            (self._by_stem, name_key(os.path.basename(name))),
            (self._by_stem, name_key(stem)),
        )
        found = next((index[key] for index, key in tried if key and key in index), None)
        found = found or self._by_stem.get(name_key(_stem(label)))
        return self._checked(label, self._nearest(label, folder, found)) if found else None

    def image_of_stem(self, label: str) -> str | None:
        """Return the image whose name without extension is the label file's, if there is one."""
        found = self._by_stem.get(name_key(_stem(label)))
        return self._checked(label, self._nearest(label, "", found)) if found else None

    def _inside(self, label: str, filename: str) -> str:
        """Return ``filename`` relative to ``root``; it may be relative to the label's folder."""
        name = filename.replace("\\", "/")
        if "/" not in name and not _WINDOWS_DRIVE.match(name) and name not in (".", ".."):
            return os.path.join(os.path.dirname(label), name)
        root = os.path.abspath(self.root)
        absolute = os.path.normpath(os.path.join(root, os.path.dirname(label), name))
        if _WINDOWS_DRIVE.match(name) or not absolute.startswith(root + os.sep):
            raise AnnotationError(
                f"{self.root / label}: its <filename> '{filename}' leads outside {self.root}, "
                "expected the name of an image in that folder",
                hint="write the image's name alone, and put the image below that folder",
            )
        return os.path.relpath(absolute, root)

    def _nearest(self, label: str, folder: str, found: list[str]) -> str:
        """Choose the image with the longest way in common, then the one in ``folder``."""
        if len(found) == 1:
            return found[0]
        parts = label.split(os.sep)[:-1]

        def rank(path: str) -> tuple[int, bool, bool]:
            ancestors = path.split(os.sep)[:-1]
            pairs = takewhile(lambda pair: pair[0] == pair[1], zip(parts, ancestors, strict=False))
            common = len(list(pairs))
            same_stem = name_key(_stem(path)) == name_key(_stem(label))
            return common, ancestors[-1:] == [folder], same_stem

        best = max(rank(path) for path in found)
        nearest = [path for path in found if rank(path) == best]
        if len(nearest) > 1:
            raise AnnotationError(
                f"{self.root / label}: fits {len(nearest)} images: {', '.join(nearest[:3])}; "
                "expected one",
                hint="give the images names of their own, or put each beside its label file",
            )
        return nearest[0]

    def _checked(self, label: str, image: str) -> str:
        """Refuse a link that leads outside ``root``."""
        if image in self._links:
            real = (self.root / image).resolve()
            if not real.is_relative_to(self.root.resolve()):
                raise AnnotationError(
                    f"{self.root / label}: its image {image} is a link that leads outside "
                    f"{self.root}, to {real}",
                    hint="copy the image there, or give the folder that holds both",
                )
        return image


def read_source_tree(root: Path, label_extension: str) -> SourceTree:
    """List the files below a folder.

    Raises:
        AnnotationError: The folder does not exist or cannot be read.
    """
    tree = SourceTree(root)
    for path, is_link in _walk(root, ""):
        extension = os.path.splitext(path)[1].lower()
        if extension == label_extension:
            tree.labels.append(path)
        elif extension in IMAGE_EXTENSIONS:
            tree.images.append(path)
            if is_link:
                tree._links.add(path)
    tree.labels.sort()
    tree.images.sort()
    for path in tree.images:
        name = os.path.basename(path)
        tree._by_path[path] = [path]
        tree._by_name.setdefault(name_key(name), []).append(path)
        tree._by_stem.setdefault(name_key(_stem(name)), []).append(path)
    return tree


def _walk(root: Path, folder: str) -> Iterable[tuple[str, bool]]:
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(root, path)
                elif entry.is_file():
                    yield path, entry.is_symlink()
    except OSError as error:
        raise AnnotationError(
            f"{root / folder}: cannot be read: {error.strerror}",
            hint="give the folder that holds the labels and the images",
        ) from error
