"""The page about records: how much of what, how large, and sixteen images to look at."""

from __future__ import annotations

from collections.abc import Iterable

from od.drawing import DrawnBox, class_color, drawn_jpeg
from od.errors import ImageError
from od.images import decode_image
from od.report import charts
from od.report.page import (
    gallery,
    heading,
    numbers,
    page,
    paragraph,
    picture,
    side_by_side,
    table,
)
from od.structures.records_overview import (
    RecordsOverview,
    SampleImage,
    pixel_labels,
    share_labels,
)

_SIZES_SHOWN = 10


def records_page(overview: RecordsOverview) -> str:
    """Return the page as one HTML document."""
    body = [
        numbers(
            [
                (str(overview.images), "images"),
                (str(overview.objects), "objects"),
                (str(len(overview.classes)), "classes"),
                (str(sum(part.background for part in overview.parts)), "images without object"),
            ]
        ),
        paragraph("Every checksum was verified.", soft=True),
        *(paragraph(f"Look at this: {finding}.") for finding in overview.findings),
        heading("Parts"),
        _part_table(overview),
        heading("Classes"),
        _class_table(overview),
        heading("Size of the boxes"),
        paragraph("The square root of a box's area: the side of a square as large.", soft=True),
        side_by_side(
            [
                charts.bars("In pixels", overview.box_pixels, pixel_labels(), x_title="pixels"),
                charts.bars(
                    "As a share of the image",
                    overview.box_shares,
                    share_labels(),
                    x_title="share of the image's side",
                ),
            ]
        ),
        heading("Size of the images"),
        _size_table(overview),
        heading("Samples"),
        gallery(_samples(overview)),
    ]
    return page("What is in the records", overview.source, body)


def _part_table(overview: RecordsOverview) -> str:
    return table(
        ["part", "images", "without object", "objects", "files", "MB"],
        [
            [
                part.name,
                str(part.images),
                str(part.background),
                str(part.objects),
                str(part.files),
                f"{part.bytes / 1e6:.1f}",
            ]
            for part in overview.parts
        ],
    )


def _class_table(overview: RecordsOverview) -> str:
    names = [part.name for part in overview.parts]
    return table(
        ["class", "id", *names, "objects", "images"],
        [
            [
                known.name or "(no name)",
                str(known.class_id),
                *(str(known.objects.get(name, 0)) for name in names),
                str(known.total),
                str(known.images),
            ]
            for known in overview.classes
        ],
    )


def _size_table(overview: RecordsOverview) -> str:
    shown = overview.image_sizes[:_SIZES_SHOWN]
    rows = [[f"{width} x {height}", str(count)] for (width, height), count in shown]
    others = overview.image_sizes[_SIZES_SHOWN:]
    if others:
        rows.append([f"{len(others)} other sizes", str(sum(count for _, count in others))])
    return table(["width x height", "images"], rows)


def _samples(overview: RecordsOverview) -> Iterable[str]:
    names = {known.class_id: known.name for known in overview.classes}
    for sample in overview.samples:
        title = sample.name or sample.where
        try:
            pixels = decode_image(sample.encoded, name=sample.where)
        except ImageError as error:
            yield paragraph(f"{title}: {error}")
            continue
        boxes = _boxes(sample, names)
        yield picture(drawn_jpeg(pixels, boxes), f"{title} ({len(boxes)} objects)")


def _boxes(sample: SampleImage, names: dict[int, str]) -> list[DrawnBox]:
    return [
        DrawnBox(
            annotation.corners,
            annotation.class_name or names.get(class_id) or f"class {class_id}",
            class_color(class_id),
        )
        for annotation, class_id in zip(sample.annotations, sample.class_ids, strict=True)
    ]
