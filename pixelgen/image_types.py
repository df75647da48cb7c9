"""The arrays of an image, and the values that describe them."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue

_SIDE = r"(-?\d{1,12})"
_SIDES = re.compile(rf"{_SIDE}(?:\.\.{_SIDE})?(?:[xX]{_SIDE}(?:\.\.{_SIDE})?)?")
_FROM_TO = re.compile(rf"{_SIDE}[xX]{_SIDE}\.\.{_SIDE}[xX]{_SIDE}")
_LIKELY_SIZES = (
    (r"\s*(?:-|–|:|to|\.{3,})\s*", "..", " to draw the size of each image"),
    (r"\.\..*\.\.", "..", " to draw the size of each image"),
    (r"\s*[,;:×xX*/]\s*|\s+", "x", ""),
    (r"\s*[,;|]\s*|\s+", "|", " to choose one for each image"),
)
"""What to replace, and by what, where a size is written in another way; and what that does."""

Pixels: TypeAlias = npt.NDArray[Any]
"""(height, width, channels), uint8 or uint16."""
Coverage: TypeAlias = npt.NDArray[np.uint8]
"""(height, width), 0 (background) … 255 (noise)."""


class Shape(NamedTuple):
    """What to draw: ``channels`` is 1 (gray) or 3 (RGB), ``depth`` is 8 or 16 bits a level."""

    height: int
    width: int
    channels: int = 3
    depth: int = 8

    @property
    def levels(self) -> tuple[int, int, int]:
        """The shape of the array."""
        return self[:3]

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The little-endian type of a level."""
        return np.dtype(f"<u{self.depth // 8}")

    @property
    def top(self) -> int:
        """The highest level: 255 or 65535."""
        return (1 << self.depth) - 1


class Texture(Enum):
    """How an image compresses, so that a format need not try."""

    NOISE = "every level equally likely: nothing to gain"
    LEVELS = "pixels unlike those around, some levels likelier than others"
    SPARSE = "independent pixels on a flat background"
    FLAT = "areas of one level, or rows like those above them"
    SMOOTH = "levels near those above them"


class SizeRange(NamedTuple):
    """Sizes from ``low`` to ``high``, each (width, height) in pixels.

    ``is_free``: each side is drawn by itself. Otherwise both grow together, so that squares stay
    squares, and the aspect ratio lies between those of the ends but for rounding.
    """

    low: tuple[int, int]
    high: tuple[int, int]
    is_free: bool = False

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "N", "N..N", "WxH", "W..WxH..H" or "WxH..WxH"; None for anything else."""
        if ends := _FROM_TO.fullmatch(text):
            wide, high, widest, highest = map(int, ends.groups())
            return cls((wide, high), (widest, highest))
        sides = _SIDES.fullmatch(text)
        if not sides:
            return None
        wide = int(sides[1])
        widest = int(sides[2] or wide)
        if sides[3] is None:
            return cls((wide, wide), (widest, widest))
        high = int(sides[3])
        highest = int(sides[4] or high)
        return cls((wide, high), (widest, highest), wide != widest and high != highest)

    def draw(self, first: int, second: int) -> tuple[int, int]:
        """Return the width and the height that two random words of 64 bits stand for."""
        steps = [high - low for low, high in zip(self.low, self.high, strict=True)]
        if self.is_free:
            drawn = [
                _below(step + 1, word) for step, word in zip(steps, (first, second), strict=True)
            ]
            return self.low[0] + drawn[0], self.low[1] + drawn[1]
        most = max(steps)
        place = _below(most + 1, first)
        wide, high = ((2 * place * step + most) // (2 * most or 1) for step in steps)
        return self.low[0] + wide, self.low[1] + high

    def __str__(self) -> str:
        (wide, high), (widest, highest) = self.low, self.high
        if self.low == self.high:
            return f"{wide}x{high}"
        if self.is_free or wide == widest or high == highest:
            return f"{_spelled(wide, widest)}x{_spelled(high, highest)}"
        if wide == high and widest == highest:
            return f"{wide}..{widest}"
        return f"{wide}x{high}..{widest}x{highest}"


def _spelled(low: int, high: int) -> str:
    return f"{low}..{high}" if low < high else f"{low}"


def _below(limit: int, word: int) -> int:
    """Return the integer of 0 … limit − 1 that a random word of 64 bits stands for."""
    return (word >> 32) * limit >> 32


@dataclass(frozen=True)
class Sizes:
    """The sizes of images: one, or ranges of which each image takes one, all equally likely.

    >>> sizes = Sizes.parse("256..640|320x240")
    >>> str(sizes), sizes.largest, sizes.is_fixed
    ('256..640|320x240', (640, 640), False)
    """

    ranges: tuple[SizeRange, ...]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read ranges with "|" between them; None where a part cannot be read.

        Raises:
            BadValue: For a range that ends below its start.
        """
        ranges = []
        for part in text.split("|"):
            found = SizeRange.parse(part.strip())
            if found is None:
                return None
            if found.low[0] > found.high[0] or found.low[1] > found.high[1]:
                raise BadValue(
                    f"size range {part.strip()} ends below its start; write the smaller width and"
                    " height first"
                )
            ranges.append(found)
        return cls(tuple(ranges))

    @classmethod
    def of(cls, width: int, height: int) -> Self:
        """Return the one size of all images."""
        return cls((SizeRange((width, height), (width, height)),))

    @cached_property
    def is_fixed(self) -> bool:
        """Whether all images have one size."""
        return len(self.ranges) == 1 and self.ranges[0].low == self.ranges[0].high

    @cached_property
    def largest(self) -> tuple[int, int]:
        """The greatest width and the greatest height, perhaps of different images."""
        width, height = map(max, zip(*(each.high for each in self.ranges), strict=True))
        return width, height

    @cached_property
    def smallest(self) -> tuple[int, int]:
        """The least width and the least height, perhaps of different images."""
        width, height = map(min, zip(*(each.low for each in self.ranges), strict=True))
        return width, height

    @cached_property
    def most_pixels(self) -> int:
        """The pixels of the largest image."""
        return max(each.high[0] * each.high[1] for each in self.ranges)

    def draw(self, words: Sequence[int]) -> tuple[int, int]:
        """Return the width and the height that three random words of 64 bits stand for."""
        choice, first, second = words
        return self.ranges[_below(len(self.ranges), choice)].draw(first, second)

    def __str__(self) -> str:
        return "|".join(map(str, self.ranges))


def suggest_size(text: str) -> str:
    """Return what may have been meant by a size that cannot be read, or else examples of all forms.

    >>> suggest_size("32,64")
    "32x64, or '32|64' to choose one for each image"
    """
    bare = text.strip("[](),;| ")
    likely = {bare: ""}
    for pattern, replacement, purpose in _LIKELY_SIZES:
        likely.setdefault(re.sub(pattern, replacement, bare), purpose)
    found = [
        f"{shlex.quote(each)}{purpose}" for each, purpose in likely.items() if _is_readable(each)
    ]
    return ", or ".join(found) or "300x200, 300 for a square, 256..640, or '320x240|640x480'"


def _is_readable(text: str) -> bool:
    try:
        return "-" not in text and Sizes.parse(text) is not None
    except BadValue:  # a range that ends below its start
        return False
