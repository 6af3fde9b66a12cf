"""Train, validation and test: which image goes where, the same for the same seed.

Stratified after Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label
data" (ECML 2011): the rarest class is dealt out first, each image to the part that lacks
that class most.  Then images are moved until every class is in every part it can be in.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from od.errors import OdError

_MOVES = 2000  # of the search, and some more for each class; it seldom needs a dozen


def split_sizes(count: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Return how many of ``count`` images each part gets: the rest goes to train.

    Args:
        count: Images in all.
        fractions: Of "val" and "test"; a part of fraction 0 is left out.

    Raises:
        OdError: A part would be empty.

    Example:
        >>> split_sizes(10, {"val": 0.2, "test": 0})
        {'train': 8, 'val': 2}
    """
    sizes = {part: max(1, round(count * share)) for part, share in fractions.items() if share > 0}
    left = count - sum(sizes.values())
    if left < 1:
        shares = ", ".join(f"{part} {share:g}" for part, share in fractions.items() if share > 0)
        raise OdError(
            f"{count} image{'s' * (count != 1)} to split ({shares}): the part train would be empty",
            hint="label more images, or make the fractions smaller",
        )
    return {"train": left, **sizes}


def _order(names: Sequence[str], seed: int) -> list[int]:
    """Return the images in an order that chance and the seed give, not the file system."""

    def key(i: int) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}/{names[i]}".encode()).digest(), names[i]

    return sorted(range(len(names)), key=key)


def shuffled(names: Sequence[str], seed: int) -> list[int]:
    """Return the indices of ``names`` in an order that depends on the names and seed alone.

    Example:
        >>> sorted(shuffled(["a", "b", "c"], seed=0))
        [0, 1, 2]
    """
    return _order(names, seed)


class _Split:
    """Parts being filled, with the number of images of each class in each."""

    def __init__(self, classes: Sequence[AbstractSet[str]], sizes: Mapping[str, int]) -> None:
        self.classes = classes
        self.sizes = sizes
        self.part: list[str] = [""] * len(classes)
        self.totals = Counter(name for names in classes for name in names)
        self.members = dict.fromkeys(sizes, 0)
        self.counts: dict[str, Counter[str]] = {part: Counter() for part in sizes}

    def move(self, i: int, part: str) -> None:
        if old := self.part[i]:
            self.members[old] -= 1
            self.counts[old].subtract(self.classes[i])
        self.part[i] = part
        self.members[part] += 1
        self.counts[part].update(self.classes[i])

    def needed_in(self, name: str) -> tuple[str, ...]:
        """The parts a class has to be in: as many as it has images, train and val first."""
        return tuple(self.sizes)[: self.totals[name]]

    def loses(self, i: int) -> int:
        """How many classes would be gone from the image's part, where they are needed."""
        part = self.part[i]
        return sum(
            self.counts[part][name] == 1 and part in self.needed_in(name)
            for name in self.classes[i]
        )

    def lacking(self) -> list[tuple[str, str]]:
        """``(class, part)`` for every class that is missing from a part it is needed in."""
        return [
            (name, part)
            for name in sorted(self.totals)
            for part in self.needed_in(name)
            if not self.counts[part][name]
        ]


def _deal(split: _Split, order: Sequence[int]) -> None:
    """Deal out the images, the rarest class first."""
    count = len(split.classes)
    holders: dict[str, list[int]] = {name: [] for name in split.totals}
    for i in order:
        for name in split.classes[i]:
            holders[name].append(i)
    left = Counter(split.totals)

    def wanted(part: str, name: str) -> tuple[float, int]:
        share = split.sizes[part] / count
        room = split.sizes[part] - split.members[part]
        return (share * split.totals[name] - split.counts[part][name] if name else 0, room)

    def choose(name: str) -> str:
        open_parts = [p for p in split.sizes if split.members[p] < split.sizes[p]]
        return max(open_parts, key=lambda part: wanted(part, name))

    while left:
        rarest = min(left, key=lambda name: (left[name], name))
        for i in holders[rarest]:
            if not split.part[i]:
                split.move(i, choose(rarest))
                left.subtract(split.classes[i])
        left = Counter({name: n for name, n in left.items() if n > 0 and name != rarest})
    for i in order:
        if not split.part[i]:
            split.move(i, choose(""))


def _bring_in(split: _Split, order: Sequence[int], seed: int) -> None:
    """Move images until every class is where it is needed, or no way is found.

    Two-colouring with at least one of each colour is hard in general; a random walk that
    takes the least harmful move solves what occurs in practice.
    """
    chance = random.Random(seed)
    holders: dict[str, list[int]] = {}
    best: tuple[int, list[str]] | None = None
    for _ in range(_MOVES + 20 * len(split.totals)):
        lacking = split.lacking()
        if best is None or len(lacking) < best[0]:
            best = (len(lacking), list(split.part))
        if not lacking:
            return
        name, part = chance.choice(lacking)
        if name not in holders:
            holders[name] = [i for i in order if name in split.classes[i]]
        candidates = [i for i in holders[name] if split.part[i] != part]
        if chance.random() < 0.2:  # noise, or the walk goes round in circles
            split.move(chance.choice(candidates), part)
        else:
            split.move(min(candidates, key=split.loses), part)
    if best is not None:
        for i, part in enumerate(best[1]):
            if split.part[i] != part:
                split.move(i, part)


def _even_out(split: _Split, order: Sequence[int]) -> None:
    """Bring the parts back to their sizes with images that no class needs where they are."""
    for i in order:
        part = split.part[i]
        short = min(split.sizes, key=lambda p: split.members[p] - split.sizes[p])
        if split.members[part] <= split.sizes[part] or split.loses(i):
            continue
        if split.members[short] < split.sizes[short]:
            split.move(i, short)


def _fill_empty(split: _Split, order: Sequence[int]) -> None:
    """Give a part that no class needs an image all the same, from val rather than train."""
    for part in [part for part in split.sizes if not split.members[part]]:
        donors = [i for i in order if split.members[split.part[i]] > 1]
        split.move(min(donors, key=lambda i: (split.part[i] == "train", split.loses(i))), part)


def stratified_split(
    names: Sequence[str],
    classes: Sequence[AbstractSet[str]],
    *,
    fractions: Mapping[str, float],
    seed: int,
) -> list[str]:
    """Split images so that classes are spread evenly and none is missing where it could be.

    A class with one image is in train; with two, in train and val; with three, in test too
    when there is one.  To make that true a part may become larger than its fraction.

    Args:
        names: Tells the images apart; the result depends on them and not on their order.
        classes: The class names in each image; empty for a background image.
        fractions: Of "val" and "test"; the rest is "train".
        seed: Another seed, another split.

    Returns:
        The part of each image.

    Raises:
        OdError: A part would be empty.

    Example:
        >>> stratified_split("abcd", [{"cat"}, {"cat"}, {"dog"}, {"dog"}],
        ...                  fractions={"val": 0.5}, seed=0).count("val")
        2
    """
    split = _Split(classes, split_sizes(len(names), fractions))
    order = _order(names, seed)
    _deal(split, order)
    _bring_in(split, order, seed)
    _even_out(split, order)
    _fill_empty(split, order)
    return split.part


def classes_missing(
    parts: Sequence[str], classes: Sequence[AbstractSet[str]]
) -> dict[str, tuple[str, ...]]:
    """Return, for each part, the classes with images elsewhere and none there."""
    every = sorted(set().union(*classes)) if classes else []
    found = {
        part: set().union(*(c for p, c in zip(parts, classes, strict=True) if p == part))
        for part in dict.fromkeys(parts)
    }
    return {
        part: missing
        for part, there in found.items()
        if (missing := tuple(name for name in every if name not in there))
    }
