"""The indices of a dataset's images: a range, without those that were removed."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self, overload

from pixelgen.errors import BadValue

_RANGE = re.compile(r"(\d{1,16})(?:-(\d{1,16}))?", re.ASCII)
_NAMED = 8  # ranges in a message
_MOST_RANGES = 20_000  # a plan of that many stays far below the size that is read


@dataclass(frozen=True)
class IndexRanges:
    """Indices as ascending ranges, (first, last) with both in it, that do not touch.

    >>> str(IndexRanges.parse("20-30, 17,18,19, 3"))
    '3,17-30'
    """

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``17,20-30``.

        Raises:
            BadValue: For anything else, and for a range that ends before it begins.
        """
        pairs = []
        for part in text.split(","):
            found = _RANGE.fullmatch(part.strip())
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if first > last:
                raise BadValue(
                    f"invalid indices {text[:50]!r}: must be numbers and ranges of them, each FIRST"
                    "-LAST; write 17,20-30"
                )
            pairs.append((first, last))
        return cls._joined(sorted(pairs))

    @classmethod
    def of(cls, indices: Iterable[int]) -> Self:
        """Return ascending indices as ranges.

        Raises:
            BadValue: For more than 20,000 ranges.
        """
        return cls._joined((index, index) for index in indices)

    @classmethod
    def _joined(cls, pairs: Iterable[tuple[int, int]]) -> Self:
        """Join sorted pairs that overlap or touch."""
        joined: list[tuple[int, int]] = []
        for first, last in pairs:
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            elif len(joined) < _MOST_RANGES:
                joined.append((first, last))
            else:
                raise BadValue(
                    f"more than {_MOST_RANGES:,} separate ranges of indices cannot be recorded;"
                    " make a dataset without such images instead"
                )
        return cls(tuple(joined))

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" if first < last else f"{first}"
                        for first, last in self.ranges)  # fmt: skip

    def __len__(self) -> int:
        return sum(last + 1 - first for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def abbreviated(self) -> str:
        """Return the ranges as text for a message: if there are many, the first, and how many.

        >>> IndexRanges.of(range(0, 100, 2)).abbreviated()
        '0,2,4,6,8,10,12,14,… (50 indices)'
        """
        more = f",… ({len(self):,} indices)" if len(self.ranges) > _NAMED else ""
        return f"{IndexRanges(self.ranges[:_NAMED])}{more}"

    def outside(self, start: int, stop: int) -> "IndexRanges":
        """Return the indices that are not of ``start`` to ``stop`` − 1.

        >>> str(IndexRanges.parse("3,8-20").outside(5, 12))
        '3,12-20'
        """
        parts = ((first, min(last, start - 1)) for first, last in self.ranges)
        rest = ((max(first, stop), last) for first, last in self.ranges)
        return IndexRanges(tuple((first, last) for first, last in (*parts, *rest) if first <= last))

    def union(self, other: "IndexRanges") -> "IndexRanges":
        """Return the indices that are in either."""
        return IndexRanges._joined(sorted((*self.ranges, *other.ranges)))


NO_INDICES = IndexRanges(())


@dataclass(frozen=True)
class ImageIndices(Sequence[int]):
    """The indices ``start`` to ``stop`` − 1 without those ``removed``, in order.

    ``indices[position]`` is the index of the image at a position, and :meth:`position` the reverse;
    both take logarithmic time.

    >>> indices = ImageIndices(5, 12, IndexRanges.parse("6-7,10"))
    >>> list(indices), indices[1], indices.position(8), indices.position(7)
    ([5, 8, 9, 11], 8, 1, None)
    """

    start: int
    stop: int
    removed: IndexRanges = NO_INDICES

    @cached_property
    def _firsts(self) -> list[int]:
        return [first for first, _ in self.removed.ranges]

    @cached_property
    def _removed_before(self) -> list[int]:
        """How many indices are removed before each range, and in all."""
        sizes = (last + 1 - first for first, last in self.removed.ranges)
        return list(accumulate(sizes, initial=0))

    @cached_property
    def _skips(self) -> list[int]:
        """The position at which each removed range is skipped."""
        before = self._removed_before
        return [first - self.start - before[n] for n, first in enumerate(self._firsts)]

    def __len__(self) -> int:
        return self.stop - self.start - len(self.removed)

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[int]: ...
    def __getitem__(self, key: int | slice) -> int | Sequence[int]:
        found = range(len(self))[key]
        if isinstance(found, int):
            return self._at(found)
        if not self.removed.ranges:
            return range(self.start + found.start, self.start + found.stop, found.step)
        return tuple(map(self._at, found))

    def _at(self, position: int) -> int:
        if not self.removed.ranges:
            return self.start + position
        return self.start + position + self._removed_before[bisect_right(self._skips, position)]

    def __iter__(self) -> Iterator[int]:
        start = self.start
        for first, last in self.removed.ranges:
            yield from range(start, first)
            start = last + 1
        yield from range(start, self.stop)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.position(index) is not None

    def position(self, index: int) -> int | None:
        """Return the position of the image with an index, or None without one."""
        if not self.start <= index < self.stop:
            return None
        if not self.removed.ranges:
            return index - self.start
        number = bisect_right(self._firsts, index)
        if number and index <= self.removed.ranges[number - 1][1]:
            return None
        return index - self.start - self._removed_before[number]


def check_removed(indices: ImageIndices) -> None:
    """Refuse to remove images that are not there, and to remove all.

    Raises:
        BadValue: For such indices.
    """
    ranges = indices.removed.ranges
    outside = indices.removed.outside(indices.start, indices.stop)
    if outside:
        noun, verb = ("index", "is") if len(outside) == 1 else ("indices", "are")
        images = f"the images are {indices.start} to {indices.stop - 1}"
        if indices.start == indices.stop:
            images = "the dataset has no images"
        raise BadValue(f"{noun} {outside.abbreviated()} {verb} out of range: {images}")
    if ranges and not indices:
        raise BadValue("all images would be removed; remove the dataset's directory instead")
