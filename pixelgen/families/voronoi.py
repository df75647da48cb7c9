"""Voronoi: the plane divided among random points, each of which takes what is nearest to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Field, Table
from pixelgen.registry import parameter
from pixelgen.rng import DATA, Stream

_UNIT = 16
"""Coordinates count sixteenths of a pixel."""

_RING = 2
"""Rings of grid cells searched around the cell of a pixel.

The own cell's point is within √2 of a grid cell's side and that of one of the two nearest cells
beside it within 1.81, while all points outside are at least 2 away; rounding points down to
coordinates moves them by less than √2 units, and a side is 16 at least.
"""

_REACH = 2 * _RING + 1
_BATCH = 1 << 15


@dataclass(frozen=True)
class Voronoi(Family):
    """Cells around random points: their colors, or the distances to the points.

    A grid has ``cells`` square cells along the longer side of the frame (at most one per pixel),
    and two more around it. Each cell holds one point, uniform within it. ``color`` gives a pixel
    the color of the nearest point (of equally near ones the first in raster order), all colors
    equally likely. ``f1`` shows the distance to the nearest point, ``f2-f1`` how much farther the
    second nearest is; the side of a grid cell is the highest level, and each channel has its own
    points.

    Source: S. Worley, "A Cellular Texture Basis Function", SIGGRAPH 1996.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Voronoi().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '49890ec565384705'
    """

    name = "voronoi"
    number = 14

    cells: int = parameter(16, "grid cells along the longer side", low=1, high=256)
    output: str = parameter("color", "what a pixel shows", choices=("color", "f1", "f2-f1"))

    @property
    def texture(self) -> Texture:
        """Cells of one color are flat, distances are smooth."""
        return Texture.FLAT if self.output == "color" else Texture.SMOOTH

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Draw the points and search them."""
        grid = _grid(shape.height, shape.width, self.cells)
        if self.output == "color":
            cells = _nearest(grid, _points(stream, grid))
            stream.purpose(DATA + 1)
            colors = stream.integers((grid.rows * grid.columns, shape.channels), shape.depth)
            return colors.take(cells, axis=0)
        pixels = np.empty(shape.levels, shape.dtype)
        for channel in range(shape.channels):
            for rows, first, second in _distances(grid, _points(stream, grid)):
                shown = first if self.output == "f1" else second - first
                level = np.rint(shown * (shape.top / grid.side))
                pixels[rows, :, channel] = np.minimum(level, shape.top)
        return pixels


class _Line(NamedTuple):
    """The pixels of an axis: their centers, their grid cells, and where each of those begins."""

    center: Table
    cell: Table
    start: Table


class _Grid(NamedTuple):
    """The grid over a frame: ``rows`` and ``columns`` with the border, square cells of ``side``.

    The side is also the fraction ``numerator``/``cells``, of integers.
    """

    rows: int
    columns: int
    down: _Line
    across: _Line
    numerator: int
    cells: int
    side: float


@lru_cache(maxsize=8)
def _grid(height: int, width: int, cells: int) -> _Grid:
    """Lay the grid over the frame from its first pixel."""
    length = max(height, width)
    cells = min(cells, length)
    down, across = _line(height, length, cells), _line(width, length, cells)
    rows, columns = len(down.start) + 2 * _RING, len(across.start) + 2 * _RING
    return _Grid(rows, columns, down, across, _UNIT * length, cells, _UNIT * length / cells)


def _line(pixels: int, length: int, cells: int) -> _Line:
    halves = 2 * np.arange(pixels, dtype=np.int64) + 1
    cell = halves * cells // (2 * length)
    start = np.arange(cell[-1] + 1, dtype=np.int64) * (_UNIT * length) // cells
    return _Line(halves * (_UNIT // 2), cell, start)


def _points(stream: Stream, grid: _Grid) -> Table:
    """Draw the (row, column) of a point in each grid cell, (2, rows, columns)."""
    drawn = stream.integers((2, grid.rows, grid.columns), 16).astype(np.int64)
    drawn[0] += (np.arange(grid.rows) - _RING)[:, None] << 16
    drawn[1] += np.arange(grid.columns) - _RING << 16
    return drawn * grid.numerator // (grid.cells << 16)


def _nearest(grid: _Grid, points: Table) -> Table:
    """Find each pixel's nearest point, by its number in raster order."""
    down, right = np.divmod(np.arange(_REACH * _REACH), _REACH)
    neighbors = down * grid.columns + right
    nearest = grid.down.cell[:, None] * grid.columns + grid.across.cell
    for rows, first, _ in _search(grid, points, seconds=False):
        nearest[rows] += neighbors.take(first & 31)
    return nearest


def _distances(grid: _Grid, points: Table) -> Iterator[tuple[slice, Field, Field]]:
    """Measure how far the two points nearest to each pixel are, band by band."""
    for rows, first, second in _search(grid, points, seconds=True):
        y = (grid.down.center[rows] - grid.down.start[grid.down.cell[rows]])[:, None]
        yield rows, np.sqrt((first >> 5) + y * y), np.sqrt((second >> 5) + y * y)


def _search(grid: _Grid, points: Table, *, seconds: bool) -> Iterator[tuple[slice, Table, Table]]:
    """Find the least keys of each pixel, and the second least if wanted, band by band of rows.

    A key is 32·(d² − y²) plus the number of the neighbor in raster order, for the distance d and
    the pixel's row y from the start of its grid cell: the least is that of the nearest point, and
    of equal ones the first. Without y², keys are linear in y within a cell.
    """
    # |key| < 64·(3·side + 2)·(4·side + 4)
    dtype = np.int32 if grid.side < 1600 else np.int64
    down, across = grid.down, grid.across
    columns = across.cell + np.arange(_REACH)[:, None]
    y = points[0].take(columns, axis=1).astype(dtype)
    x2 = ((points[1].take(columns, axis=1) - across.center) ** 2).astype(dtype)
    step = max(1, _BATCH // across.cell.size)
    for top in range(0, down.cell.size, step):
        rows = slice(top, top + step)
        first = np.full((len(down.cell[rows]), across.cell.size), np.iinfo(dtype).max, dtype)
        second = first.copy()
        for key in _keys(down, rows, y, x2):
            if seconds:
                np.minimum(second, np.maximum(first, key), out=second)
            np.minimum(first, key, out=first)
        yield rows, first, second


def _keys(down: _Line, rows: slice, y: Table, x2: Table) -> Iterator[Table]:
    """Yield the keys of one neighbor after the other; each overwrites the last."""
    cell = down.cell[rows]
    low, high = cell[0], cell[-1] + 1
    order = np.arange(_REACH * _REACH, dtype=y.dtype).reshape(_REACH, _REACH, 1)
    start = down.start[:, None, None].astype(y.dtype)
    inside = (down.center[rows] - down.start[cell])[:, None].astype(y.dtype)
    key, level = np.empty((2, len(cell), y.shape[2]), y.dtype)
    for ring in range(_REACH):
        near = slice(low + ring, high + ring)
        apart = y[near] - start[low:high]
        levels = (apart * apart + x2[near] << 5) + order[ring]
        slopes = apart * -64
        for right in range(_REACH):
            np.take(slopes[:, right], cell - low, axis=0, out=key, mode="clip")
            np.take(levels[:, right], cell - low, axis=0, out=level, mode="clip")
            key *= inside
            key += level
            yield key
