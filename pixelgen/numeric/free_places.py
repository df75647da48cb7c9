"""Where a window fits in an image without touching any of some boxes: exact, in integers.

A box is a row (left, top, right, bottom) of an int32 array (n, 4), in pixels; right and bottom are
not part of it. A window of w x h pixels at (x, y) touches it if x + w > left, x < right, and the
same from top to bottom. So each box blocks a rectangle of places, and the free places are what the
union of these leaves. Along each axis they change at the rectangles' sides only, which cut them
into strips and cells that are free or blocked as a whole: so they are counted, not searched.
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.int32]

TRIES = 16
"""Places that are tried before the free ones are counted, which takes longer."""
_CELLS = 1 << 20  # looked at at once


class Place(NamedTuple):
    """The left upper pixel of a window."""

    x: int
    y: int


class FreePlaces:
    """The free places of a window in an image. What takes long is computed once, when needed.

    Args:
        boxes: What the window must not touch, (n, 4).
        size: Width and height of the image.
        window: Width and height of the window.
    """

    def __init__(self, boxes: Boxes, size: tuple[int, int], window: tuple[int, int]) -> None:
        self.window = window
        self._wide, self._high = size[0] - window[0] + 1, size[1] - window[1] + 1
        self._blocked = _blocked(boxes, (self._wide, self._high), window)

    def has_any(self) -> bool:
        """Return whether there is a free place."""
        return self._is_inside and any(self._strips.places())

    def draw(self, words: Sequence[int]) -> Place | None:
        """Draw a free place, each with the same probability; None without any.

        Args:
            words: 2·:data:`TRIES` + 2 random integers of 32 bits.
        """
        if not self._is_inside:
            return None
        left, top, right, bottom = self._blocked
        for first in range(0, 2 * TRIES, 2):
            x, y = words[first] * self._wide >> 32, words[first + 1] * self._high >> 32
            if not ((left <= x) & (x < right) & (top <= y) & (y < bottom)).any():
                return Place(x, y)
        count = self._ends[-1]
        if not count:
            return None
        return self._strips.place((words[-2] << 32 | words[-1]) * count >> 64, self._ends)

    @property
    def _is_inside(self) -> bool:
        return self._wide > 0 and self._high > 0

    @cached_property
    def _strips(self) -> "_Strips":
        return _Strips(self._blocked, self._wide, self._high)

    @cached_property
    def _ends(self) -> list[int]:
        return [*accumulate(self._strips.places())]


def largest_true(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest of ``low`` … ``high`` that holds, if all below one that holds do, too.

    ``low`` is returned unasked.
    """
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _blocked(boxes: Boxes, places: tuple[int, int], window: tuple[int, int]) -> Boxes:
    """Return which places each box blocks: four arrays left, top, right, bottom."""
    left, top, right, bottom = boxes.T
    sides = [
        np.maximum(left - (window[0] - 1), 0),
        np.maximum(top - (window[1] - 1), 0),
        np.minimum(right, places[0]),
        np.minimum(bottom, places[1]),
    ]
    blocked: Boxes = np.stack(sides)
    return blocked[:, (blocked[0] < blocked[2]) & (blocked[1] < blocked[3])]


class _Strips:
    """Free places, in strips between the upper and lower sides of what is blocked.

    A strip is cut into cells by the left and right sides of all that is blocked. A sum over the
    sides passed so far, +1 at a left and −1 at a right one, is 0 where a cell is free.
    """

    def __init__(self, blocked: Boxes, wide: int, high: int) -> None:
        left, top, right, bottom = blocked
        self._columns = np.unique(np.concatenate([[0, wide], left, right]))
        self._rows = np.unique(np.concatenate([[0, high], top, bottom]))
        self._widths = np.diff(self._columns)
        self._left, self._right = (np.searchsorted(self._columns, each) for each in (left, right))
        self._top, self._bottom = (np.searchsorted(self._rows, each) for each in (top, bottom))

    def places(self) -> Iterator[int]:
        """Yield the number of free places in each strip, some strips at once."""
        step = max(1, _CELLS // len(self._columns))
        heights = np.diff(self._rows)
        passed = np.zeros(len(self._columns), np.int32)
        for first in range(0, len(heights), step):
            sides = np.zeros((min(step, len(heights) - first), len(self._columns)), np.int32)
            sides[0] = passed
            for rows, sign in ((self._top, 1), (self._bottom, -1)):
                here = (first <= rows) & (rows < first + len(sides))
                np.add.at(sides, (rows[here] - first, self._left[here]), sign)
                np.add.at(sides, (rows[here] - first, self._right[here]), -sign)
            np.cumsum(sides, axis=0, out=sides)
            passed = sides[-1].copy()
            is_free = np.cumsum(sides, axis=1)[:, :-1] == 0
            free = np.where(is_free, self._widths, 0).sum(axis=1) * heights[first : first + step]
            yield from map(int, free)

    def place(self, number: int, ends: Sequence[int]) -> Place:
        """Return the free place of a number, counted strip by strip, in each row by row.

        ``ends`` are the sums of :meth:`places` up to and with each strip.
        """
        strip = bisect(ends, number)
        number -= ends[strip - 1] if strip else 0
        here = (self._top <= strip) & (strip < self._bottom)
        sides = np.zeros(len(self._columns), np.int32)
        np.add.at(sides, self._left[here], 1)
        np.add.at(sides, self._right[here], -1)
        cells = np.cumsum(np.where(np.cumsum(sides)[:-1] == 0, self._widths, 0))
        row, place = divmod(number, int(cells[-1]))
        cell = int(np.searchsorted(cells, place, side="right"))
        x = int(self._columns[cell + 1]) - (int(cells[cell]) - place)
        return Place(x, int(self._rows[strip]) + row)
