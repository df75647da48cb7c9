"""Families of overlapping shapes: dead leaves, and a few shapes on a background.

The dead leaves model was introduced by G. Matheron ("Schéma booléen séquentiel de partition
aléatoire", 1968). The usual code, which paints leaves one over the other until all is covered, with
their centers inside the frame, draws other leaves at the border than in the center. Here the leaves
are drawn front to back and each fills only what is still empty, so that stopping when nothing is
empty changes nothing: W. S. Kendall and E. Thönnes, "Perfect simulation in stochastic geometry",
Pattern Recognition 32, 1999. Centers fill the frame widened by the leaf's own radius, and radii are
weighted by the area of that wider frame: the image has no border effects.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from pixelgen.families.base import Family, render_named
from pixelgen.families.leaf_fills import (
    REPLACING,
    Owners,
    colored,
    leaf_colors,
    replaced,
    textured,
)
from pixelgen.families.leaf_shades import SHADES, Discs, shade
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.numeric.polygons import KINDS, UNIT, Outlines, Whole
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream

FIRST_BATCH = 128
LARGEST_BATCH = 4096
"""Leaves drawn at a time, at first and at most; no pixel depends on them."""

_RECORD = 16
_BEARING = 15
_BINS = 4096
_MOST_AT_ONCE = 1 << 20


class LeafLaw(NamedTuple):
    """The distribution of leaves: their shape, and the law of their radii."""

    shape: str
    sigma: float
    r_min: float


@dataclass(frozen=True)
class DeadLeaves(Family):
    """Overlapping shapes of all sizes that cover the image, like fallen leaves.

    The radius r of a leaf, in units of the shorter side, has density proportional to r^(−σ) − 1,
    for ``r_min`` ≤ r ≤ 1 and σ = ``sigma``. A leaf is a circle or a polygon inscribed in it:
    ``square`` is axis-parallel, ``oriented`` is a square at a random angle. Its color is uniform
    over all levels. ``leaves`` = N draws only the N frontmost and leaves the rest uncovered.
    ``fill`` cuts the leaves from an image of another family, each at a place of its own, at half
    contrast around the color of the leaf; between ``glyphs``, the leaf keeps its color. But
    ``spectrum_color_wmm`` replaces the leaves by pieces of three such images (of two rounds, at
    most 256 pixels a side, repeated), each at a place of its own, with the channels in an order of
    its own, half of them inverted. ``shade`` adds s/4 of the highest level. At (x, y) from the
    center of the circle, ``linear`` has s = (x·cos β + y·sin β)/r with a random β for each leaf,
    and ``dome`` s = 1 − 2·(x² + y²)/r², the brightest in the middle.

    Source: "dead leaves: squares", "oriented", "shapes" and "textured" of Baradad, Wulff, Wang,
    Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021; here the border has the
    same statistics as the center, and a leaf of "textured" (``fill`` = ``spectrum_color_wmm``) is
    there a piece of one of 10,000 images. The law of the radii is that of Lee, Mumford and Huang,
    "Occlusion Models for Natural Images", IJCV 41, 2001. Shades and glyphs are pixelgen's own.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(DeadLeaves().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '43d45e703ca98fa6'
    """

    name = "dead_leaves"
    number = 9

    shape: str = parameter("mixed", "shape of the leaves", choices=("mixed", *KINDS))
    sigma: float = parameter(
        3.0, "exponent of the density of radii; higher: smaller leaves", low=2.0, high=4.0
    )
    r_min: float = parameter(
        0.03, "smallest radius, as a share of the shorter side", low=0.005, high=1.0
    )
    leaves: int = parameter(0, "number of leaves; 0: until all is covered", low=0, high=1_000_000)
    fill: str = parameter(
        "solid",
        "what the leaves are made of",
        choices=(
            "solid",
            "uniform",
            "gaussian",
            "smooth",
            "spectrum",
            "spectrum_color_wmm",
            "glyphs",
        ),
    )
    shade: str = parameter("none", "how light falls on each leaf", choices=SHADES)

    @property
    def texture(self) -> Texture:
        """Leaves compress like their fill."""
        if self.fill in ("uniform", "gaussian", "spectrum_color_wmm"):
            return Texture.LEVELS
        is_flat = self.fill in ("solid", "glyphs") and self.shade == "none"
        return Texture.FLAT if is_flat else Texture.SMOOTH

    @property
    def drawn_from(self) -> str:
        """What the leaves are made of, if it is another family."""
        return "" if self.fill == "solid" else self.fill

    @property
    def has_coverage(self) -> bool:
        """Return whether the number of leaves is limited."""
        return self.leaves > 0

    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Lay the leaves, then color them."""
        law = LeafLaw(self.shape, self.sigma, self.r_min)
        owners, records = lay(stream, shape, law, self.leaves)
        if self.fill == "solid":
            pixels = colored(owners, leaf_colors(records, shape), shape)
        elif self.fill == REPLACING:
            pixels = replaced(owners, records, stream, shape)
        else:
            # Half of the highest level gives no relief: what the fill does not cover is the leaf.
            fill = render_named(self.fill, stream, shape, shape.top // 2)
            pixels = textured(owners, records, fill, shape)
        if self.shade != "none":
            discs = _discs(records.T.astype(np.int64), shape, law)
            shade(pixels, owners, discs, self.shade)
        return (pixels, _coverage(owners, shape)) if self.leaves else pixels


@dataclass(frozen=True)
class Shapes(Family):
    """A few overlapping shapes of one color each, on a background of one color.

    Draws ``count`` leaves as ``dead_leaves`` does, on a color drawn for each image. Leaves that lie
    partly outside the frame count, and some may be hidden. The coverage is their union.

    Source: "dead leaves" of Baradad et al., NeurIPS 2021, with few leaves.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Shapes().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '3e8e3563bb0bbe9e'
    """

    name = "shapes"
    number = 23
    texture = Texture.FLAT
    has_coverage = True

    count: int = parameter(8, "number of shapes", low=1, high=1000)
    shape: str = parameter("mixed", "kind of the shapes", choices=("mixed", *KINDS))
    sigma: float = parameter(
        3.0, "exponent of the density of radii; higher: smaller shapes", low=2.0, high=4.0
    )
    r_min: float = parameter(
        0.1, "smallest radius, as a share of the shorter side", low=0.005, high=1.0
    )

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Draw the background, then the shapes."""
        stream.purpose(PARAMETERS)
        ground = stream.integers(shape.channels, shape.depth)
        stream.purpose(DATA)
        law = LeafLaw(self.shape, self.sigma, self.r_min)
        owners, records = lay(stream, shape, law, self.count)
        return colored(owners, leaf_colors(records, shape, ground), shape), _coverage(owners, shape)


def lay(stream: Stream, shape: Shape, law: LeafLaw, limit: int = 0) -> tuple[Owners, Any]:
    """Lay leaves front to back until all is covered, or ``limit`` of them if that is not 0.

    Returns which leaf each pixel shows, −1 where none, and the records of the leaves.
    """
    canvas = _Canvas(shape)
    records = []
    for drawn, count in _batches(limit):
        if drawn and not canvas.find_empty():
            break
        # Leaf j is block j + 1 of the stream: it depends neither on its batch nor on its neighbors.
        batch = stream.integers((count, _RECORD), 16)
        canvas.cover(_outlines(batch[::-1], shape, law), drawn + count - 1)
        records.append(batch)
    return canvas.owners, np.concatenate(records)


def _batches(limit: int) -> Iterator[tuple[int, int]]:
    """Yield how many leaves are drawn and how many to draw next, up to a limit if there is one."""
    drawn, count = 0, FIRST_BATCH
    while not limit or drawn < limit:
        count = min(count, limit - drawn) if limit else count
        yield drawn, count
        drawn, count = drawn + count, min(2 * count, LARGEST_BATCH)


class _Canvas:
    """Which leaf each pixel shows, row by row, and −1 where it is still empty."""

    def __init__(self, shape: Shape) -> None:
        self._height, self._width = shape.height, shape.width
        self.owners: Owners = np.full(self._height * self._width, -1, np.int32)
        self._empty: _EmptyPixels | None = None  # all of them

    def find_empty(self) -> bool:
        """Look for empty pixels, which :meth:`cover` fills, and return whether there are some."""
        self._empty = None  # frees its memory
        self._empty = _EmptyPixels(self.owners < 0)
        return self._empty.count > 0

    def cover(self, outlines: Outlines, last: int) -> None:
        """Fill what is empty with leaves, listed back to front, of which the first is ``last``."""
        which, first, stop = self._runs(outlines)
        leaf = (last - which).astype(np.int32)
        filled = np.full(self._empty.count, -1, np.int32) if self._empty else self.owners
        for runs in _portions(stop - first):
            leaves, at = _ranges(first[runs], stop[runs], leaf[runs])
            # The last assignment to a pixel stays: that of the frontmost leaf.
            filled[at] = leaves
        if self._empty:
            self.owners[self._empty.where] = filled

    def _runs(self, outlines: Outlines) -> tuple[Whole, Whole, Whole]:
        """Return runs of empty pixels of the outlines, or none: which, first, after the last."""
        which, row = self._rows(outlines)
        if self._empty:
            left, right = outlines.columns(self._width)
            first, stop = self._among_empty(row, left[which], right[which])
            some = np.flatnonzero(stop > first)
            which, row = which[some], row[some]
        return which, *self._among_empty(row, *outlines.runs(which, row, self._width))

    def _rows(self, outlines: Outlines) -> tuple[Whole, Whole]:
        """Pair the outlines with those of their rows that have empty pixels."""
        first, stop = outlines.rows(self._height)
        if not self._empty:
            return _ranges(first, stop, np.arange(first.size))
        starts = self._empty.before(np.arange(self._height + 1) * self._width)
        has_empty = np.diff(starts) > 0
        before = np.concatenate([[0], np.cumsum(has_empty)])
        which, at = _ranges(before[first], before[stop], np.arange(first.size))
        return which, np.flatnonzero(has_empty)[at]

    def _among_empty(self, row: Whole, first: Whole, stop: Whole) -> tuple[Whole, Whole]:
        """Turn runs of pixels in rows into runs among the pixels that are empty."""
        start = row * self._width
        first, stop = start + first, start + stop
        return (
            (self._empty.before(first), self._empty.before(stop)) if self._empty else (first, stop)
        )


class _EmptyPixels:
    """The empty pixels of a canvas. A run of pixels is a run of its empty ones too."""

    def __init__(self, where: Table) -> None:
        self.where = where
        self._before = np.zeros(where.size + 1, np.int32)
        np.cumsum(where, dtype=np.int32, out=self._before[1:])
        self.count = int(self._before[-1])

    def before(self, pixels: Whole) -> Whole:
        """Return how many pixels before each of some are empty."""
        return self._before.take(pixels).astype(np.int64)


def _portions(length: Whole) -> Iterator[slice]:
    """Cut runs into portions of about :data:`_MOST_AT_ONCE` pixels, or one run."""
    ends = np.cumsum(np.maximum(length, 0))
    first = 0
    while first < ends.size:
        before = ends[first - 1] if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, before + _MOST_AT_ONCE)))
        yield slice(first, stop)
        first = stop


def _ranges(first: Whole, stop: Whole, which: Table) -> tuple[Table, Whole]:
    """List first … stop − 1 of all ranges, each number with the ``which`` of its range."""
    some = np.flatnonzero(stop > first)
    first, stop, which = first[some], stop[some], which[some]
    length = stop - first
    # The steps from each number to the next: repeating the starts would take twice the time.
    numbers = np.ones(length.sum(), np.int64)
    starts = np.cumsum(length) - length
    numbers[starts] = first
    numbers[starts[1:]] -= stop[:-1] - 1
    return np.repeat(which, length), np.cumsum(numbers, out=numbers)


def _outlines(records: Any, shape: Shape, law: LeafLaw) -> Outlines:
    """Read the outlines of leaves from their records."""
    u = records.T.astype(np.int64)
    if law.shape == "mixed":
        kind = u[7] * len(KINDS) >> 16
    else:
        kind = np.full(u[7].shape, KINDS.index(law.shape))
    discs = _discs(u, shape, law)
    return Outlines(kind, discs.radius, (discs.y, discs.x), u[3:7])


def _discs(u: Whole, shape: Shape, law: LeafLaw) -> Discs:
    """Read the circles around leaves from the integers of their records, a column each."""
    radius = _radii(law.sigma, law.r_min, shape.height, shape.width)[u[0]]
    x = (((u[1] << 16) + u[9]) * (UNIT * shape.width + 2 * radius) >> 32) - radius
    y = (((u[2] << 16) + u[8]) * (UNIT * shape.height + 2 * radius) >> 32) - radius
    return Discs(y, x, radius, u[_BEARING])


@cached_tables
def _radii(sigma: float, r_min: float, height: int, width: int) -> Whole:
    """Tabulate 65,536 equally likely radii of leaves that touch the frame, in 1/16 pixel.

    The density of r, in units of the shorter side, is (r**−sigma − 1)·(width + 2r)·(height + 2r).
    """
    side = min(height, width)
    bins = [r_min + (1 - r_min) * (j + 0.5) / _BINS for j in range(_BINS)]
    weights = (
        max(math.pow(r, -sigma) - 1, 0.0) * (width + 2 * r * side) * (height + 2 * r * side)
        for r in bins
    )
    below = np.array(list(accumulate(weights)))
    places = (np.arange(65536) + 0.5) / 65536 * below[-1]
    lengths = np.array([max(UNIT, round(UNIT * r * side)) for r in bins], dtype=np.int64)
    table: Whole = lengths[np.searchsorted(below, places)]
    return table


def _coverage(owners: Owners, shape: Shape) -> Coverage:
    """Mark where there are leaves."""
    covered = np.negative((owners >= 0).view(np.uint8))
    return covered.reshape(shape.height, shape.width)
