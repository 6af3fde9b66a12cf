"""Class names and their 1-based ids; 0 is background and never in a label map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from od.errors import LabelMapError


@dataclass(frozen=True)
class LabelMap:
    """The classes of a detector: ``(id, name)`` pairs, sorted by id.

    Args:
        items: Pairs of a 1-based class id and the class's exact name. Ids may have
            gaps, as COCO's have.

    Raises:
        LabelMapError: An id is below 1, or an id or a name occurs twice, or a name is empty.

    Example:
        >>> LabelMap.from_names(["dog", "cat"]).id_of("dog")
        2
    """

    items: tuple[tuple[int, str], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(sorted(self.items)))
        seen_ids: set[int] = set()
        seen_names: set[str] = set()
        for class_id, name in self.items:
            if class_id < 1:
                raise LabelMapError(
                    f"label map: id {class_id} of '{name}'; ids start at 1",
                    hint="0 is the background and must not be listed",
                )
            if not name:
                raise LabelMapError(f"label map: id {class_id} has no name")
            if class_id in seen_ids:
                raise LabelMapError(f"label map: id {class_id} occurs twice")
            if name in seen_names:
                raise LabelMapError(f"label map: name '{name}' occurs twice")
            seen_ids.add(class_id)
            seen_names.add(name)

    @classmethod
    def from_names(cls, names: Iterable[str]) -> LabelMap:
        """Number distinct names from 1 in sorted order."""
        return cls(tuple(enumerate(sorted(set(names)), start=1)))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def names(self) -> tuple[str, ...]:
        """The class names in the order of their ids."""
        return tuple(name for _, name in self.items)

    @property
    def max_id(self) -> int:
        """The highest id: ``num_classes`` of a model that is to know them all. 0 if empty."""
        return self.items[-1][0] if self.items else 0

    def id_of(self, name: str) -> int:
        """Return the id of a class name.

        Raises:
            LabelMapError: The name is not in the map.
        """
        for class_id, known in self.items:
            if known == name:
                return class_id
        raise LabelMapError(
            f"label map: no class '{name}'; it has {', '.join(self.names) or 'none'}",
            hint="add the class to the label map, or correct its name in the labels",
        )

    def name_of(self, class_id: int) -> str:
        """Return the name of a class id.

        Raises:
            LabelMapError: The id is not in the map.
        """
        for known, name in self.items:
            if known == class_id:
                return name
        raise LabelMapError(f"label map: no class with id {class_id}")
