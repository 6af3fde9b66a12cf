"""Boxes drawn onto an image, to be looked at by a person.

Line width and letters grow with the image, every class id has a colour of its own that
is the same in every picture, and a name is written in a font that has its letters
(Hangul included) or else in escapes: never in empty rectangles.
"""

from __future__ import annotations

import colorsys
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from od.structures.detections import Detections
from od.structures.label_map import LabelMap

Color = tuple[int, int, int]
Corners = tuple[float, float, float, float]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

TRUTH_COLOR: Color = (0, 230, 64)  # green is kept for the truth; no class has it

# Told apart at a glance, also on photographs and by most colour-blind people: Okabe and Ito's
# palette without its greens (https://jfly.uni-koeln.de/color/), brightened, then some more.
_CLASS_COLORS: tuple[Color, ...] = (
    (230, 85, 13),
    (56, 160, 255),
    (255, 210, 30),
    (214, 80, 190),
    (140, 145, 155),
    (150, 90, 255),
    (255, 130, 150),
    (0, 205, 205),
    (190, 130, 70),
    (200, 30, 50),
)
_GOLDEN_RATIO = 0.618033988749895

# Where the systems keep fonts that have Hangul as well as Latin letters.
_FONT_FILES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    "/usr/share/fonts/truetype/unfonts-core/UnDotum.ttf",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "C:/Windows/Fonts/malgun.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/arial.ttf",
)


@dataclass(frozen=True)
class DrawnBox:
    """One box to draw.

    Args:
        corners: ``(xmin, ymin, xmax, ymax)`` in pixels; parts outside the image are cut off.
        text: Written above it; "" for none.
        color: RGB, each 0 to 255.
        dashed: A dashed line instead of a whole one.
    """

    corners: Corners
    text: str
    color: Color
    dashed: bool = False

    def scaled(self, factor: float) -> DrawnBox:
        """Return the box of an image resized by ``factor``."""
        x0, y0, x1, y1 = self.corners
        return replace(self, corners=(x0 * factor, y0 * factor, x1 * factor, y1 * factor))


def class_color(class_id: int) -> Color:
    """Return the RGB colour of a class id, the same in every picture.

    Example:
        >>> class_color(1)
        (230, 85, 13)
    """
    if 1 <= class_id <= len(_CLASS_COLORS):
        return _CLASS_COLORS[class_id - 1]
    hue = (class_id * _GOLDEN_RATIO) % 1.0
    hue = 0.45 + hue * 0.8  # from cyan over blue and red to yellow: everything but green
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_boxes(image: NDArray[np.uint8], boxes: Sequence[DrawnBox]) -> NDArray[np.uint8]:
    """Return a copy of an image with boxes drawn on it; the first ones lie on top.

    Args:
        image: RGB ``(H, W, 3)``.
        boxes: Those without an area inside the image are left out.
    """
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    side = max(canvas.size)
    line = max(2, round(side / 240))
    visible = [
        (box, corners)
        for box in reversed(boxes)
        if (corners := _inside(box.corners, canvas.width, canvas.height)) is not None
    ]
    for box, corners in visible:
        _outline(draw, corners, box.color, line, dashed=box.dashed)
    for box, corners in visible:  # after all lines: no line crosses a name
        if box.text:
            _label(draw, corners, box, size=max(11, round(side / 42)), canvas=canvas.size)
    return np.asarray(canvas)


def detection_boxes(
    detections: Detections, label_map: LabelMap, *, threshold: float = 0.0
) -> list[DrawnBox]:
    """Return the boxes of detections, each with its class's name, score and colour."""
    names = dict(label_map.items)
    kept = detections.above(threshold)
    return [
        DrawnBox(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            f"{names.get(int(class_id), f'class {class_id}')} {score:.0%}",
            class_color(int(class_id)),
        )
        for box, score, class_id in zip(kept.boxes, kept.scores, kept.class_ids, strict=True)
    ]


def draw_detections(
    image: NDArray[np.uint8],
    detections: Detections,
    label_map: LabelMap,
    *,
    threshold: float = 0.0,
) -> NDArray[np.uint8]:
    """Return a copy of an image with its detections drawn: name and score above each box.

    Args:
        image: RGB ``(H, W, 3)``.
        detections: In the pixels of that image.
        label_map: Names the class ids.
        threshold: Detections with a lower score are left out.
    """
    return draw_boxes(image, detection_boxes(detections, label_map, threshold=threshold))


def drawn_jpeg(
    image: NDArray[np.uint8], boxes: Sequence[DrawnBox], *, max_side: int = 640, min_side: int = 360
) -> bytes:
    """Return a JPEG for a page: resized first and drawn on after, so that names stay legible.

    Args:
        image: RGB ``(H, W, 3)``.
        boxes: In the pixels of ``image``.
        max_side: The longer side is made no longer than this.
        min_side: The longer side is made no shorter than this.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    factor = min(max(longer, min_side), max_side) / longer
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = Image.fromarray(image)
    if factor != 1:
        resized = resized.resize(size, Image.Resampling.BILINEAR)
    drawn = draw_boxes(np.asarray(resized), [box.scaled(factor) for box in boxes])
    buffer = io.BytesIO()
    Image.fromarray(drawn).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def font_file(text: str) -> Path | None:
    """Return a font of this system that has every letter of ``text``, None if none has."""
    for name in _FONT_FILES:
        font = _font_of(name, 16)
        if font is not None and all(_has_letter(name, letter) for letter in set(text)):
            return Path(name)
    return None


def legible(text: str) -> str:
    r"""Return ``text``, with escapes for letters if no font of this system has them.

    Example:
        >>> legible("dog")
        'dog'
    """
    if text.isascii() or font_file(text) is not None:
        return text
    return text.encode("ascii", "backslashreplace").decode()


@lru_cache(maxsize=64)
def _font_of(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):  # not on this system; Pillow built without FreeType
        return None


@lru_cache(maxsize=4096)
def _has_letter(name: str, letter: str) -> bool:
    font = _font_of(name, 16)
    if font is None:
        return False
    if letter.isspace():
        return True
    # A font draws the same picture for every letter that it lacks; U+FFFF is none of any font.
    missing, drawn = font.getmask("\uffff"), font.getmask(letter)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


def _font_for(text: str, size: int) -> _Font:
    found = font_file(text)
    font = _font_of(str(found), size) if found else None
    return font or ImageFont.load_default(size)


def _inside(corners: Corners, width: int, height: int) -> Corners | None:
    if not all(math.isfinite(value) for value in corners):
        return None
    xmin, xmax = max(corners[0], 0), min(corners[2], width - 1)
    ymin, ymax = max(corners[1], 0), min(corners[3], height - 1)
    return (xmin, ymin, xmax, ymax) if xmin < xmax and ymin < ymax else None


def _outline(
    draw: ImageDraw.ImageDraw, corners: Corners, color: Color, line: int, *, dashed: bool
) -> None:
    if not dashed:
        draw.rectangle(corners, outline=color, width=line)
        return
    xmin, ymin, xmax, ymax = corners
    sides = (
        (xmin, ymin, xmax, ymin),
        (xmax, ymin, xmax, ymax),
        (xmax, ymax, xmin, ymax),
        (xmin, ymax, xmin, ymin),
    )
    for x0, y0, x1, y1 in sides:
        length = math.hypot(x1 - x0, y1 - y0)
        pieces = max(1, round(length / (line * 4)))
        for piece in range(pieces):
            start, end = piece / pieces, (piece + 0.55) / pieces
            draw.line(
                (
                    x0 + (x1 - x0) * start,
                    y0 + (y1 - y0) * start,
                    x0 + (x1 - x0) * end,
                    y0 + (y1 - y0) * end,
                ),
                fill=color,
                width=line,
            )


def _label(
    draw: ImageDraw.ImageDraw,
    corners: Corners,
    box: DrawnBox,
    *,
    size: int,
    canvas: tuple[int, int],
) -> None:
    text = " ".join(legible(box.text).split())
    font = _font_for(text, size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = max(2, size // 6)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = max(0.0, min(corners[0], canvas[0] - width))
    # Above the box (a dashed one: below it, so that truth and detection do not cover one
    # another's names), or just inside where there is no room.
    y = corners[3] if box.dashed else corners[1] - height
    if y < 0 or y + height > canvas[1]:
        y = corners[3] - height if box.dashed else corners[1]
    y = max(0.0, min(y, canvas[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=box.color)
    red, green, blue = box.color
    dark_letters = 0.299 * red + 0.587 * green + 0.114 * blue > 120  # luma of ITU-R BT.601
    draw.text(
        (x + pad - left, y + pad - top), text, fill="black" if dark_letters else "white", font=font
    )
