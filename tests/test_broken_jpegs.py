"""JPEGs that break in the middle are found: 300 of 300 truncated, 300 of 300 spliced."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from conftest import encode, make_pixels
from od.errors import ImageError
from od.images import usable_image

SIZE = (600, 400)
TIMES = 3  # each of 100 images is broken in three ways


def _jpegs(*, progressive: bool) -> list[bytes]:
    """Photograph-like JPEGs of several qualities and subsamplings, whole."""
    chance = random.Random(1)
    return [
        encode(
            make_pixels(*SIZE, seed=i),
            quality=chance.randint(60, 95),
            progressive=progressive,
            subsampling=i % 3,
            optimize=i % 2 == 0,
        )
        for i in range(100)
    ]


@pytest.fixture(scope="module")
def baseline() -> list[bytes]:
    return _jpegs(progressive=False)


@pytest.fixture(scope="module")
def progressive() -> list[bytes]:
    return _jpegs(progressive=True)


def _refused(data: bytes) -> bool:
    try:
        usable_image(data, name="a.jpg")
    except ImageError as error:
        return str(error).startswith("a.jpg: is ")
    return False


def _refusals(jpegs: list[bytes], break_it: Callable[[bytes, random.Random], bytes]) -> int:
    chance = random.Random(2)
    return sum(_refused(break_it(data, chance)) for data in jpegs for _ in range(TIMES))


def _scan(data: bytes) -> int:
    return data.index(b"\xff\xda") + 14


def _truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(_scan(data), len(data) - 8)]


def _spliced(shortest: float, longest: float) -> Callable[[bytes, random.Random], bytes]:
    def splice(data: bytes, chance: random.Random) -> bytes:
        length = int(len(data) * chance.uniform(shortest, longest))
        start = chance.randrange(_scan(data), len(data) - length - 8)
        return data[:start] + data[start + length :]

    return splice


def test_every_whole_one_passes(baseline, progressive):
    assert not any(map(_refused, baseline + progressive))


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"], ids=["cut", "cut, with an end marker"])
def test_every_truncated_one_is_refused(request, kind, ending):
    jpegs = request.getfixturevalue(kind)
    assert _refusals(jpegs, lambda data, chance: _truncated(data, chance) + ending) == 300


@pytest.mark.parametrize("share", [(0.002, 0.02), (0.02, 0.15), (0.15, 0.5)])
def test_every_spliced_one_is_refused(baseline, share):
    assert _refusals(baseline, _spliced(*share)) == 300


def test_every_progressive_one_that_lacks_a_sixth_is_refused(progressive):
    # Of a hundredth missing, a quarter goes unnoticed: a run of empty blocks that is longer
    # than what is left of its scan is no error to libjpeg.
    assert _refusals(progressive, _spliced(0.17, 0.5)) == 300
    assert _refusals(progressive, _spliced(0.002, 0.02)) >= 200


def test_most_with_a_hole_of_zeros_are_refused(baseline):
    # Zeros are valid Huffman codes: some holes leave a stream that no decoder can doubt.
    def hole(data: bytes, chance: random.Random) -> bytes:
        start = chance.randrange(_scan(data), len(data) - 700)
        return data[:start] + bytes(512) + data[start + 512 :]

    assert _refusals(baseline, hole) >= 270
