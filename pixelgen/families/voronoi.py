"""Voronoi: the plane divided among random points, each of which takes what is nearest to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.lookup import ColorTable, row_bands
from pixelgen.numeric.table_cache import cached_tables
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

_AROUND = (6, 7, 8, 11, 12, 13, 16, 17, 18)
"""The numbers of the 3×3 neighbors in the middle."""

_WORTH_SIDE = 8 * _UNIT
"""The side of grid cells from which on it takes less time to discard points than to search all."""


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
            return ColorTable(colors).look_up(cells)
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


@cached_tables
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
    nearest = np.empty((grid.down.cell.size, grid.across.cell.size), np.int32)
    down, right = np.divmod(np.arange(_REACH * _REACH, dtype=np.int32), _REACH)
    neighbors = down * np.int32(grid.columns) + right
    for rows, first, _ in _search(grid, points, seconds=False):
        nearest[rows] = grid.down.cell[rows, None] * grid.columns + grid.across.cell
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
    neighbors = _Neighbors.find(grid, points, 2 if seconds else 1)
    dtype, width = neighbors.x.dtype, grid.across.cell.size
    for rows in row_bands(grid.down.cell.size, width):
        first = np.full((rows.stop - rows.start, width), np.iinfo(dtype).max, dtype)
        second = first.copy()
        for key in neighbors.keys(grid, rows):
            if seconds:
                np.minimum(second, np.maximum(first, key), out=second)
            np.minimum(first, key, out=first)
        yield rows, first, second


class _Neighbors(NamedTuple):
    """The points that may be the nearest, for each grid cell of the frame: (points, rows, columns).

    ``slope`` is −64·y, with y from the start of the cell, and ``rest`` is 32·y² and the number of
    the neighbor; ``x`` is counted from the start of the frame. ``needed``, (rows, columns), is how
    many of the points are needed in a cell.
    """

    x: Table
    slope: Table
    rest: Table
    needed: Table

    @classmethod
    def find(cls, grid: _Grid, points: Table, wanted: int) -> "_Neighbors":
        """List the neighbors of each cell, first those that may be one of ``wanted`` nearest."""
        # |key| < 64·(3·side + 2)·(4·side + 4)
        points = points.astype(np.int32 if grid.side < 1600 else np.int64)
        windows = sliding_window_view(points, points.shape[1:] - np.array(2 * _RING), axis=(1, 2))
        y, x = windows.reshape(2, -1, *windows.shape[3:])
        y = y - grid.down.start.astype(y.dtype)[:, None]
        number = np.broadcast_to(np.arange(len(y), dtype=y.dtype)[:, None, None], y.shape)
        needed = np.full(y.shape[1:], len(y))
        if grid.side >= _WORTH_SIDE:
            # No center of a pixel is farther than this from the start of its cell.
            side = int(grid.side) + 1
            may_win = _rivals(y, x - grid.across.start.astype(x.dtype), side) < wanted
            needed = np.count_nonzero(may_win, axis=0)
            order = np.argsort(~may_win, axis=0, kind="stable")[: needed.max()]
            y, x, number = (np.take_along_axis(each, order, axis=0) for each in (y, x, number))
        return cls(x, -64 * y, (np.square(y) << 5) + number, needed)

    def keys(self, grid: _Grid, rows: slice) -> Iterator[Table]:
        """Yield the keys of one neighbor after the other; each overwrites the last."""
        cell, across = grid.down.cell[rows], grid.across.cell
        here = slice(self.needed[cell[0] : cell[-1] + 1].max()), slice(cell[0], cell[-1] + 1)
        x, slopes, rests = (each[here].take(across, axis=2) for each in self[:3])
        levels = (np.square(x - grid.across.center.astype(x.dtype)) << 5) + rests
        inside = (grid.down.center[rows] - grid.down.start[cell])[:, None].astype(x.dtype)
        key, level = np.empty((2, len(cell), len(across)), x.dtype)
        for each_slope, each_level in zip(slopes, levels, strict=True):
            np.take(each_slope, cell - cell[0], axis=0, out=key, mode="clip")
            np.take(each_level, cell - cell[0], axis=0, out=level, mode="clip")
            key *= inside
            key += level
            yield key


def _rivals(y: Table, x: Table, side: int) -> Table:
    """Count points that are nearer than each one in a whole cell, (points, rows, columns).

    A point is nearer than another in a half plane, so it is in all of a cell if it is at the
    corners. Only the points of the cell and of those around it are compared with the others.
    """
    y2, x2 = ([np.square(each - corner) for corner in (0, side)] for each in (y, x))
    corners = [down + right for down in y2 for right in x2]
    count = np.zeros(y.shape, np.int8)
    for rival in _AROUND:
        is_nearer = corners[0][rival] < corners[0]
        for squares in corners[1:]:
            is_nearer &= squares[rival] < squares
        count += is_nearer
    return count
