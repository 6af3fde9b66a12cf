"""Pascal VOC XML, as LabelImg, the VOC sets and many other tools write it.

The layouts people have: XML beside images, ``Annotations/`` and ``JPEGImages/``, any other
folders.  An image is found anywhere below the source by ``<filename>``, then by the label
file's own name.  The owner of lxml.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from od.annotations.source_tree import SourceTree, read_source_tree
from od.errors import AnnotationError, MissingDependencyError, OdError
from od.structures.dataset import AnnotatedImage, Annotation, Dataset

_MAX_BYTES = 16 << 20  # 16 MB: over 50,000 objects
_CHUNK = 64  # files read at a time: enough work to be worth sending to another process
_MEND = "mend the file, or remove it together with its image"
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")
_TRUE = frozenset({"1", "true", "yes"})

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class _VocFile:
    """What one XML file states."""

    filename: str
    folder: str
    size: tuple[int, int] | None
    annotations: tuple[Annotation, ...]


@functools.cache
def _lxml() -> Any:
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingDependencyError(
            f"lxml does not work: {error}", hint="pip install lxml"
        ) from error
    return etree


@functools.cache
def _parser() -> Any:
    return _lxml().XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _root(path: Path) -> Any:
    """Parse a file to its ``<annotation>`` element; any DTD is refused, never read."""
    try:
        if (size := os.stat(path).st_size) > _MAX_BYTES:
            raise AnnotationError(
                f"{path}: has {size:,} bytes, expected at most {_MAX_BYTES:,}", hint=_MEND
            )
        data = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}", hint=_MEND) from error
    # Before the parser sees it: entities in a DTD may multiply or name other files.  The
    # second look, at the parsed document, is for encodings in which these bytes differ.
    forbidden = b"<!DOCTYPE" in data or b"<!ENTITY" in data
    root = None if forbidden else _parsed(path, data)
    if root is None:
        raise AnnotationError(
            f"{path}: has a document type declaration (DTD); such files are refused because "
            "their entities may expand without end or name other files",
            hint="remove the <!DOCTYPE ...> part if you trust the file",
        )
    if root.tag != "annotation":
        raise AnnotationError(
            f"{path}: its outermost element is <{root.tag}>, expected <annotation>",
            hint="keep only label files in Pascal VOC format in this folder",
        )
    return root


def _parsed(path: Path, data: bytes) -> Any:
    """Return the outermost element, None when the document has a DTD after all."""
    if _is_utf8(data):
        # In UTF-8 the bytes of a DTD cannot hide. Half again as fast as lxml, which reads
        # all encodings (a Korean label file may be in EUC-KR).
        try:
            return ElementTree.fromstring(data)
        except ElementTree.ParseError as error:
            raise AnnotationError(f"{path}: is not well-formed XML: {error}", hint=_MEND) from error
    try:
        root = _lxml().fromstring(data, _parser())
    except (_lxml().LxmlError, ValueError) as error:
        raise AnnotationError(f"{path}: is not well-formed XML: {error}", hint=_MEND) from error
    return None if root.getroottree().docinfo.doctype else root


def _is_utf8(data: bytes) -> bool:
    """Tell whether a document is UTF-8 by its bytes and by what it declares."""
    declared = _ENCODING.match(data)
    if declared is not None and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data[:4]


def _text(element: Any) -> str:
    return element.text or "" if element is not None else ""


def _stated_size(root: Any) -> tuple[int, int] | None:
    size = root.find("size")
    try:
        width, height = (int(float(size.findtext(side))) for side in ("width", "height"))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _corners(path: Path, number: int, name: str, box: Any) -> tuple[float, float, float, float]:
    texts = {child.tag: child.text or "" for child in box}
    try:
        corners = (
            float(texts["xmin"]),
            float(texts["ymin"]),
            float(texts["xmax"]),
            float(texts["ymax"]),
        )
    except (KeyError, ValueError) as error:
        what = f"has no <{error.args[0]}>" if isinstance(error, KeyError) else str(error)
        raise AnnotationError(
            f"{path}: object {number} '{name}': its <bndbox> {what}; expected four numbers",
            hint=_MEND,
        ) from error
    if not all(map(math.isfinite, corners)):
        raise AnnotationError(
            f"{path}: object {number} '{name}': its box {corners} is not finite", hint=_MEND
        )
    return corners


def _annotation(path: Path, number: int, element: Any) -> Annotation:
    # Direct children only: VOC's <part> elements have names and boxes of their own.
    children = {child.tag: child for child in element}
    name = _text(children.get("name"))
    if not name.strip():
        raise AnnotationError(f"{path}: object {number} has no <name>", hint=_MEND)
    box = children.get("bndbox")
    if box is None:
        raise AnnotationError(
            f"{path}: object {number} '{name}' has no <bndbox>",
            hint="draw a rectangle around it in the labelling tool, or remove the object",
        )
    return Annotation(
        class_name=name,
        corners=_corners(path, number, name, box),
        difficult=_text(children.get("difficult")).strip().lower() in _TRUE,
        truncated=_text(children.get("truncated")).strip().lower() in _TRUE,
        view=_text(children.get("pose")).strip(),
    )


def _read_file(path: Path) -> _VocFile:
    root = _root(path)
    objects = (child for child in root if child.tag == "object")
    return _VocFile(
        filename=_text(root.find("filename")).strip(),
        folder=_text(root.find("folder")).strip(),
        size=_stated_size(root),
        annotations=tuple(_annotation(path, n, e) for n, e in enumerate(objects, start=1)),
    )


def _read_chunk(paths: tuple[str, ...]) -> list[_VocFile | AnnotationError]:
    """Read some files; what is wrong with one takes its place, so that all get listed."""
    results: list[_VocFile | AnnotationError] = []
    for path in paths:
        try:
            results.append(_read_file(Path(path)))
        except AnnotationError as error:
            results.append(error)
    return results


def _image_for(tree: SourceTree, label: str, file: _VocFile) -> str:
    image = tree.image_for(label, file.filename, file.folder)
    if image is None:
        named = f"'{file.filename}'" if file.filename else "that it labels"
        raise AnnotationError(
            f"{tree.root / label}: its image {named} is nowhere below {tree.root}, nor "
            f"is one called '{Path(label).stem}'",
            hint="put the image beside its label file, or remove the label file",
        )
    return image


def _read_files(
    tree: SourceTree, problems: list[OdError], spread: Spread
) -> Iterator[tuple[str, _VocFile, str]]:
    """Yield each readable label file with its content and its image."""
    paths = [os.path.join(tree.root, label) for label in tree.labels]
    chunks = [tuple(paths[i : i + _CHUNK]) for i in range(0, len(paths), _CHUNK)]
    results = chain.from_iterable(spread(_read_chunk, chunks))
    for label, result in zip(tree.labels, results, strict=True):
        if isinstance(result, AnnotationError):
            problems.append(result)
            continue
        try:
            yield label, result, _image_for(tree, label, result)
        except AnnotationError as error:
            problems.append(error)


def _one_label_file_each(
    tree: SourceTree, files: list[tuple[str, _VocFile, str]], problems: list[OdError]
) -> Iterator[tuple[str, _VocFile, str]]:
    """Settle which label file an image belongs to when several name it.

    A copied or renamed label file often keeps the old ``<filename>``; then the image of
    its own name is meant.
    """
    users: dict[str, list[str]] = {}
    for label, _, image in files:
        users.setdefault(image, []).append(label)
    settled: dict[str, str] = {}
    for label, file, image in files:
        if len(users[image]) > 1:
            own = tree.image_of_stem(label)
            image = own if own is not None and own not in users else image
        if image in settled:
            problems.append(
                AnnotationError(
                    f"{tree.root / label}: labels the image {image}, which "
                    f"{settled[image]} labels too",
                    hint="keep one label file for each image",
                )
            )
            continue
        settled[image] = label
        yield label, file, image


def read_pascal_voc(
    source: Path, *, problems: list[OdError] | None = None, spread: Spread = map
) -> Dataset:
    """Read every ``*.xml`` below a folder, in the order of their paths.

    An XML without ``<object>`` is kept: it is a background image.

    Args:
        source: Holds the XML files and the images they name, at any depth.
        problems: Collects what is wrong with single files, which are then left out;
            without it the first one is raised.
        spread: Calls a function for each of many arguments, perhaps in several processes,
            and gives the results in the order of the arguments.

    Returns:
        The dataset; boxes as the files state them.

    Raises:
        AnnotationError: There is no XML; or one is malformed, has a DTD, names an image
            that does not exist, that lies outside ``source`` or that another one names too.
    """
    if not source.is_dir():
        raise AnnotationError(
            f"{source}: no such folder", hint="give the folder that holds the labels and images"
        )
    tree = read_source_tree(source, ".xml")
    if not tree.labels:
        raise AnnotationError(
            f"{source}: no .xml file here",
            hint="save the labels in Pascal VOC format into this folder",
        )
    found: list[OdError] = []
    files = list(_read_files(tree, found, spread))
    images = tuple(
        AnnotatedImage(
            path=source / image,
            annotations=file.annotations,
            source=source / label,
            name=file.filename or os.path.basename(image),
            stated_size=file.size,
        )
        for label, file, image in _one_label_file_each(tree, files, found)
    )
    if found and problems is None:
        raise found[0]
    if problems is not None:
        problems.extend(found)
    return Dataset(images)
