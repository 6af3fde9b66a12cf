"""What is in a set of records, in numbers and a few samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from od.structures.dataset import Annotation

# Upper edges of the histograms' bars. Pixels: 32 and 96 are COCO's small and medium.
PIXEL_EDGES = (16, 32, 64, 96, 128, 256, 512)
SHARE_EDGES = (0.05, 0.1, 0.2, 0.4, 0.7)


@dataclass(frozen=True)
class PartOverview:
    """One part of the records.

    Args:
        name: "train", "val", "test", or the name of a file.
        files: How many files it has.
        bytes: Their size together.
        images: Images in it.
        background: Those of them without an object.
        objects: Labelled objects in it.
    """

    name: str
    files: int
    bytes: int
    images: int
    background: int
    objects: int


@dataclass(frozen=True)
class ClassOverview:
    """One class.

    Args:
        class_id: As the records state it.
        name: As the records or their label map state it, "" where neither does.
        objects: By part.
        images: Images that show it.
    """

    class_id: int
    name: str
    objects: Mapping[str, int]
    images: int

    @property
    def total(self) -> int:
        """Objects in all parts."""
        return sum(self.objects.values())


@dataclass(frozen=True)
class SampleImage:
    """One image drawn at random, as it lies in the record.

    Args:
        where: File and number of the record.
        name: The image's file name as the record states it.
        encoded: The bytes of the image file.
        annotations: Its objects.
        class_ids: One for each annotation.
    """

    where: str
    name: str
    encoded: bytes
    annotations: tuple[Annotation, ...]
    class_ids: tuple[int, ...]


@dataclass(frozen=True)
class RecordsOverview:
    """What is in a set of records; every checksum was verified while it was counted.

    Args:
        source: What was looked into, in words.
        parts: In the order train, val, test, others.
        classes: By class id.
        difficult, truncated: Objects marked so.
        box_pixels: Objects by the square root of their area in pixels: below 16, 32, 64, 96,
            128, 256, 512, and above (``PIXEL_EDGES``).
        box_shares: Objects by the same as a share of the image's: ``SHARE_EDGES`` and above.
        image_sizes: Images by ``(width, height)`` in pixels, the most frequent first.
        findings: What is odd, in words; empty when nothing is.
        samples: Images drawn at random, in the order of the records.
    """

    source: str
    parts: tuple[PartOverview, ...]
    classes: tuple[ClassOverview, ...]
    difficult: int
    truncated: int
    box_pixels: tuple[int, ...]
    box_shares: tuple[int, ...]
    image_sizes: tuple[tuple[tuple[int, int], int], ...]
    findings: tuple[str, ...]
    samples: tuple[SampleImage, ...]

    @property
    def images(self) -> int:
        """Images in all parts."""
        return sum(part.images for part in self.parts)

    @property
    def objects(self) -> int:
        """Objects in all parts."""
        return sum(part.objects for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the samples' pixels as a JSON object."""
        return {
            "source": self.source,
            "images": self.images,
            "objects": self.objects,
            "difficult": self.difficult,
            "truncated": self.truncated,
            "parts": [vars(part) for part in self.parts],
            "classes": [
                {"id": c.class_id, "name": c.name, "objects": dict(c.objects), "images": c.images}
                for c in self.classes
            ],
            "box_sides_in_pixels": dict(zip(pixel_labels(), self.box_pixels, strict=True)),
            "box_sides_as_share": dict(zip(share_labels(), self.box_shares, strict=True)),
            "image_sizes": [
                {"width": width, "height": height, "images": count}
                for (width, height), count in self.image_sizes
            ],
            "findings": list(self.findings),
            "samples": [{"where": s.where, "name": s.name} for s in self.samples],
        }


def pixel_labels() -> tuple[str, ...]:
    """Return the names of the bars of ``box_pixels``.

    Example:
        >>> pixel_labels()[-2:]
        ('<512', '512+')
    """
    return (*(f"<{edge}" for edge in PIXEL_EDGES), f"{PIXEL_EDGES[-1]}+")


def share_labels() -> tuple[str, ...]:
    """Return the names of the bars of ``box_shares``.

    Example:
        >>> share_labels()[:2]
        ('<5%', '<10%')
    """
    return (*(f"<{edge:.0%}" for edge in SHARE_EDGES), f"{SHARE_EDGES[-1]:.0%}+")
