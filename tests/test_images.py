import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import encode, make_pixels
from od.errors import ImageError
from od.images import (
    MAX_PIXELS,
    decode_image,
    find_images,
    read_image,
    usable_image,
    write_image,
)

PIXELS = make_pixels(64, 48, seed=5)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _grey_16_bits() -> bytes:
    values = (PIXELS[..., 0].astype(np.uint16) << 8) | 0x37
    return _encoded(Image.fromarray(values), "PNG")


def _with_transparency() -> bytes:
    layer = Image.fromarray(PIXELS).convert("RGBA")
    layer.putalpha(
        Image.fromarray(np.where(np.arange(64) < 32, 0, 255).astype(np.uint8)[None].repeat(48, 0))
    )
    return _encoded(layer, "PNG")


UNTOUCHED = {
    "baseline": encode(PIXELS),
    "4:2:0": encode(PIXELS, subsampling=2),
    "progressive": encode(PIXELS, progressive=True),
    "grey": encode(PIXELS[..., 0]),
    "grey progressive": encode(PIXELS[..., 0], progressive=True),
    "restart markers": encode(PIXELS, restart_marker_blocks=2),
    "trailing bytes": encode(PIXELS) + b"a camera's own data" * 9,
    "comment": encode(PIXELS, comment=b"\xff\xd8 inside a segment"),
    "RGB PNG": encode(PIXELS, "PNG"),
    "grey PNG": encode(PIXELS[..., 0], "PNG"),
}


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_what_the_od_api_decodes_goes_through_untouched(kind):
    data = UNTOUCHED[kind]
    usable = usable_image(data, name=kind)
    assert usable.encoded is data
    assert (usable.width, usable.height, usable.changes) == (64, 48, ())
    assert usable.format == ("png" if kind.endswith("PNG") else "jpeg")


LOSSLESS = {
    "BMP": encode(PIXELS, "BMP"),
    "TIFF": encode(PIXELS, "TIFF"),
    "PPM": encode(PIXELS, "PPM"),
    "palette PNG": _encoded(Image.fromarray(PIXELS).quantize(16), "PNG"),
    "GIF": _encoded(Image.fromarray(PIXELS).quantize(16), "GIF"),
    "1-bit PNG": _encoded(Image.fromarray(PIXELS).convert("1"), "PNG"),
    "grey and alpha": _encoded(Image.fromarray(PIXELS).convert("LA"), "PNG"),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_become_png_with_the_same_pixels(kind):
    usable = usable_image(LOSSLESS[kind], name=kind)
    assert usable.format == "png"
    assert [what for what, _ in usable.changes] == ["image converted"]
    expected = np.asarray(Image.open(io.BytesIO(LOSSLESS[kind])).convert("RGB"))
    np.testing.assert_array_equal(decode_image(usable.encoded, name="x"), expected)


def test_sixteen_bits_become_the_upper_eight():
    usable = usable_image(_grey_16_bits(), name="deep.png")
    grey = decode_image(usable.encoded, name="x")
    np.testing.assert_array_equal(grey, np.repeat(PIXELS[..., :1], 3, axis=2))


def test_what_is_transparent_becomes_white():
    pixels = decode_image(usable_image(_with_transparency(), name="a.png").encoded, name="x")
    assert (pixels[:, :32] == 255).all()
    np.testing.assert_array_equal(pixels[:, 32:], PIXELS[:, 32:])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("CMYK", _encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG", quality=95)),
        ("WebP", encode(PIXELS, "WEBP", quality=95)),
    ],
)
def test_lossy_formats_become_jpeg_that_looks_the_same(kind, data):
    usable = usable_image(data, name=kind)
    assert usable.format == "jpeg"
    assert usable.changes
    assert usable_image(usable.encoded, name="again").encoded is usable.encoded
    pixels = decode_image(usable.encoded, name="x").astype(int)
    theirs = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(pixels - theirs).mean() < 3


def test_of_an_animation_the_first_frame_is_taken_and_told():
    frames = [Image.fromarray(make_pixels(20, 10, seed=i)).quantize(8) for i in range(3)]
    data = _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    usable = usable_image(data, name="a.gif")
    assert ("first frame taken", "GIF with 3 frames") in usable.changes
    first = np.asarray(frames[0].convert("RGB"))
    np.testing.assert_array_equal(decode_image(usable.encoded, name="x"), first)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_applied_to_the_pixels(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(PIXELS, kind, exif=exif, **({} if kind == "PNG" else {"quality": 95}))
    usable = usable_image(data, name="turned")
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    pixels = decode_image(usable.encoded, name="x")
    assert pixels.shape == expected.shape == (usable.height, usable.width, 3)
    assert np.abs(pixels.astype(int) - expected).mean() < 3
    np.testing.assert_allclose(decode_image(data, name="x"), expected, atol=6)
    assert (usable.stored_width, usable.stored_height) == (64, 48)
    assert usable.orientation == orientation
    if orientation == 1 and kind != "WEBP":
        assert usable.encoded is data
    again = usable_image(usable.encoded, name="again")
    assert again.orientation == 1
    assert again.encoded is usable.encoded


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(PIXELS, exif=exif)
    assert usable_image(data, name="a").encoded is data


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [((640, 480), 320, (320, 240)), ((480, 640), 320, (240, 320)), ((900, 2), 30, (30, 1))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_max_side_shrinks_and_keeps_the_kind(size, max_side, expected, kind):
    usable = usable_image(encode(make_pixels(*size), kind), name="a", max_side=max_side)
    assert (usable.width, usable.height) == expected
    assert usable.format == kind.lower()
    assert decode_image(usable.encoded, name="x").shape[:2] == expected[::-1]
    assert [what for what, _ in usable.changes] == ["image shrunk"]


def test_an_image_that_is_small_enough_is_not_touched_by_max_side():
    data = encode(PIXELS)
    assert usable_image(data, name="a", max_side=64).encoded is data


def _broken() -> dict[str, bytes]:
    jpeg, png = encode(make_pixels(200, 150)), encode(make_pixels(200, 150), "PNG")
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 1
    progressive = encode(make_pixels(200, 150), progressive=True)
    bmp, gif = encode(PIXELS, "BMP"), LOSSLESS["GIF"]
    return {
        "half a JPEG": jpeg[: len(jpeg) // 2],
        "half a JPEG that ends well": jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "JPEG without its end": jpeg[:-2],
        "JPEG without its middle": jpeg[: len(jpeg) // 2] + jpeg[len(jpeg) // 2 + 200 :],
        "header of a JPEG": jpeg[:100],
        "three bytes of a JPEG": jpeg[:3],
        "progressive JPEG without its last scan": (
            progressive[: progressive.rindex(b"\xff\xda")] + b"\xff\xd9"
        ),
        "half a PNG": png[: len(png) // 2],
        "PNG without its end": png[:-12],
        "PNG with a flipped bit": bytes(flipped),
        "half a BMP": bmp[: len(bmp) // 2],
        "half a GIF": gif[: len(gif) // 2],
        "text": b"not an image",
        "HTML saved as JPEG": b"<!DOCTYPE html><html>404</html>",
    }


BROKEN = _broken()


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("function", [usable_image, decode_image])
def test_a_broken_image_is_refused_by_name(kind, function):
    with pytest.raises(ImageError, match=r"^photos/a\.jpg: is ") as error:
        function(BROKEN[kind], name="photos/a.jpg")
    assert error.value.hint


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(kind):
    data = bytearray(encode(PIXELS, kind))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = b"\xff\xff\xff\xff"
        with pytest.raises(ImageError, match=f"65535 x 65535 pixels, at most {MAX_PIXELS:,}"):
            usable_image(bytes(data), name="bomb")
    else:
        import struct
        import zlib

        data[16:24] = struct.pack(">II", 60000, 60000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        with pytest.raises(ImageError, match="bomb"):
            usable_image(bytes(data), name="bomb")


def test_floating_point_pixels_are_refused_with_a_way_out():
    data = _encoded(Image.fromarray(PIXELS[..., 0].astype(np.float32)), "TIFF")
    with pytest.raises(ImageError, match="floating-point pixels") as error:
        usable_image(data, name="a.tif")
    assert "8-bit PNG" in (error.value.hint or "")


def test_images_are_found_at_any_depth_in_any_case_and_sorted(tmp_path):
    for name in ("b/two.JPG", "a.png", "b/c/d/one.JpEg", "b/notes.txt", ".hidden/x.jpg", "._a.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.png", "b/c/d/one.JpEg", "b/two.JPG"]


def test_what_is_written_is_read(tmp_path):
    write_image(tmp_path / "a.png", PIXELS)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS)
    write_image(tmp_path / "a.jpg", PIXELS)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - PIXELS).mean() < 3


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_file_is_told_by_its_path(tmp_path, content):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.jpg: (cannot be read|is empty)"):
        read_image(path)


def test_encoding_anew_gives_the_same_bytes_every_time():
    data = LOSSLESS["BMP"]
    assert usable_image(data, name="a").encoded == usable_image(data, name="b").encoded
    cmyk = _encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG")
    assert usable_image(cmyk, name="a").encoded == usable_image(cmyk, name="b").encoded


def test_every_image_of_the_real_sets_goes_through_untouched():
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    images = [path for name in ("bccd", "raccoon") for path in find_images(data / name)]
    if not images:
        pytest.skip("the real sets are not here")
    assert len(images) == 564
    for path in images:
        content = path.read_bytes()
        assert usable_image(content, name=str(path)).encoded is content
