"""Glyphs: rows of strokes that look like text and are no letters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.rng import DATA, PARAMETERS, Stream, Words

UNIT = 16
"""Coordinates count sixteenths of a pixel."""

_LOWEST, _HIGHEST = 6, 28
_STROKES = 3
_SHARE = 18569
"""As many of 65,536 words for each number of strokes: 85 % of the cells have some."""

_OUTSIDE = 2.0**52


@dataclass(frozen=True)
class Glyphs(Family):
    """Rows of random strokes on a background of one color: like text, but no letters.

    A row is 6 to 28 pixels high (at most half the shorter side of the frame, but 6 at least) and is
    divided into cells 0.4 to 0.8 times as wide. It has one ink and one pen, whose radius p is 0.04
    to 0.09 times the height, and half a pixel at least. 85 % of the cells have one to three
    strokes, each between two of 3×3 points at 0.15, 0.5 and 0.85 of the cell.

    A stroke from P to Q is a line: the pixels X where |(X−P)×(Q−P)| ≤ p·|Q−P| and
    0 ≤ (X−P)·(Q−P) ≤ |Q−P|². Three of four strokes that are neither level nor upright are instead
    the quarter of an ellipse around one of the other corners of the rectangle of P and Q. With a
    and b its sides, and x and y counted from that corner toward it, these are the pixels where
    x ≥ 0, y ≥ 0 and |√(b²x² + a²y²) − ab| ≤ p·(a+b)/2. The coverage is the ink.

    Source: pixelgen; for detectors that take rows of letters for objects.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Glyphs().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '7b6c92ef23aa8698'
    """

    name = "glyphs"
    number = 31
    texture = Texture.FLAT
    has_coverage = True

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Draw row after row, and ink what they mark."""
        stream.purpose(PARAMETERS)
        ground = stream.integers(shape.channels, shape.depth)
        rows = list(_rows(stream, shape))
        inks = stream.integers((len(rows), shape.channels), shape.depth)
        stream.purpose(DATA)
        pixels = np.empty(shape.levels, shape.dtype)
        coverage = np.empty(shape.levels[:2], np.uint8)
        for row, ink in zip(rows, inks, strict=True):
            marks = row.draw(stream, shape.width)[max(-row.top, 0) : shape.height - row.top]
            there = slice(max(row.top, 0), row.top + row.height)
            pixels[there] = np.stack([ground, ink]).take(marks, axis=0)
            np.negative(marks.view(np.uint8), out=coverage[there])
        return pixels, coverage


def _rows(stream: Stream, shape: Shape) -> Iterator["_Row"]:
    """Yield the rows that fill the frame, of which the first may begin above it."""
    highest = min(_HIGHEST, max(_LOWEST, min(shape.height, shape.width) // 2))
    shift = int(stream.integers(1, 16)[0])
    top = None
    for high, wide, pen, left in stream.integers((shape.height // _LOWEST + 2, 4), 16).tolist():
        height = _LOWEST + ((highest - _LOWEST + 1) * high >> 16)
        width = max(3, height * (2 * 65536 + 2 * wide) // (5 * 65536))
        radius = max(UNIT // 2, UNIT * height * (4 * 65536 + 5 * pen) // (100 * 65536))
        top = -(height * shift >> 16) if top is None else top
        yield _Row(top, height, width, radius, width * left >> 16)
        top += height
        if top >= shape.height:
            return


class _Row(NamedTuple):
    """A row of cells, in pixels: its first cell begins ``left`` pixels before the frame.

    ``pen`` is the radius of its pen, in 1/16 pixel.
    """

    top: int
    height: int
    width: int
    pen: int
    left: int

    def draw(self, stream: Stream, width: int) -> Table:
        """Return where the row has ink: its height by the width of the frame, bool."""
        words = stream.integers(((width + self.left - 1) // self.width + 1, 8), 16)
        cells, strokes = self._strokes(words.astype(np.int64))
        ink = np.zeros((len(words), self.height, self.width), np.bool_)
        if cells.size:
            marks = np.empty((len(cells), self.height, self.width), np.bool_)
            marks[~strokes.is_arc] = self._lines(strokes.of(~strokes.is_arc))
            marks[strokes.is_arc] = self._arcs(strokes.of(strokes.is_arc))
            starts = np.flatnonzero(np.diff(cells, prepend=-1))
            ink[cells[starts]] = np.logical_or.reduceat(marks, starts, axis=0)
        line = ink.transpose(1, 0, 2).reshape(self.height, -1)
        return line[:, self.left : self.left + width]

    def _strokes(self, words: Words) -> tuple[Words, "_Strokes"]:
        """Read the strokes from eight words for each cell, with the cell of each, in order."""
        last = words[:, :1] // _SHARE
        cell, number = np.nonzero((np.arange(_STROKES) <= last) & (last < _STROKES))
        start = words[cell, 1 + 2 * number] * 9 >> 16
        end = (start + 1 + (words[cell, 2 + 2 * number] * 8 >> 16)) % 9
        bits = words[cell, 7] >> 3 * number
        (y0, x0), (y1, x1) = (
            (
                UNIT * self.height * (3 + 7 * (point // 3)) // 20,
                UNIT * self.width * (3 + 7 * (point % 3)) // 20,
            )
            for point in (start, end)
        )
        is_arc = (x0 != x1) & (y0 != y1) & (bits & 3 > 0)
        return cell, _Strokes(y0, x0, y1, x1, is_arc, bits & 4 > 0)

    def _lines(self, strokes: "_Strokes") -> Table:
        """Mark the pixels of each line: (lines, height, width)."""
        # All numbers stay below 2**21.
        across, down = (each.astype(np.int32) for each in self._from(strokes.y0, strokes.x0))
        dy = (strokes.y1 - strokes.y0).astype(np.int32)[:, None]
        dx = (strokes.x1 - strokes.x0).astype(np.int32)[:, None]
        length = dx * dx + dy * dy
        reach = np.floor(np.sqrt(float(self.pen**2) * length)).astype(np.int32)
        beside = (across * dy)[:, None] - (down * dx)[:, :, None]
        along = (across * dx)[:, None] + (down * dy)[:, :, None]
        marks = np.abs(beside, out=beside) <= reach[:, None]
        # Negative numbers are large ones without their sign.
        marks &= along.view(np.uint32) <= length.view(np.uint32)[:, None]
        return marks

    def _arcs(self, strokes: "_Strokes") -> Table:
        """Mark the pixels of each arc: (arcs, height, width)."""
        y = np.where(strokes.is_turned, strokes.y0, strokes.y1)
        x = np.where(strokes.is_turned, strokes.x1, strokes.x0)
        upward = np.where(strokes.is_turned, strokes.y1, strokes.y0) - y
        onward = np.where(strokes.is_turned, strokes.x0, strokes.x1) - x
        across, down = (each.astype(np.float64) for each in self._from(y, x))
        a, b = np.abs(onward).astype(np.float64), np.abs(upward).astype(np.float64)
        # Squares stay below 2**36, and those of the other quadrants are out of reach.
        right = np.where(across * onward[:, None] < 0, _OUTSIDE, np.square(across * b[:, None]))
        below = np.where(down * upward[:, None] < 0, _OUTSIDE, np.square(down * a[:, None]))
        squared = right[:, None] + below[:, :, None]
        around, reach = a * b, self.pen * np.floor((a + b) / 2)
        nearest, farthest = np.maximum(around - reach, 0.0), around + reach
        marks: Table = squared <= np.square(farthest)[:, None, None]
        marks &= squared >= np.square(nearest)[:, None, None]
        return marks

    def _from(self, y: Words, x: Words) -> tuple[Words, Words]:
        """Return how far the pixels of a cell lie to the right of points, and below them."""
        right = UNIT * np.arange(self.width) + UNIT // 2 - x[:, None]
        below = UNIT * np.arange(self.height) + UNIT // 2 - y[:, None]
        return right, below


class _Strokes(NamedTuple):
    """Strokes from (y0, x0) to (y1, x1), in 1/16 pixel of their cells.

    The center of an arc is (y1, x0), or (y0, x1) if it ``is_turned``.
    """

    y0: Words
    x0: Words
    y1: Words
    x1: Words
    is_arc: Words
    is_turned: Words

    def of(self, some: Words) -> "_Strokes":
        """Return some of the strokes."""
        return _Strokes(*(each[some] for each in self))
