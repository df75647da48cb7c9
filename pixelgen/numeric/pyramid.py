"""A steerable pyramid by exact transforms: a band above all, octaves of four orientations, a rest.

The filters are those of J. Portilla and E. P. Simoncelli, "A Parametric Texture Model Based on
Joint Statistics of Complex Wavelet Coefficients", IJCV 40, 2000, with four orientations: lobes of
cos³ of the angle, odd, so that they answer to edges; their squares add up to one at every
frequency, so that a pyramid that nobody changes adds up to what it was made of.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.hartley import opposite, orthonormal
from pixelgen.numeric.histograms import with_histogram

_UNIT = 4096
_RADIUS_UNIT = 2048

BandTables: TypeAlias = Sequence[Sequence[Field]]
"""The values of the coefficients: one table of the band above all, then four for each octave."""


class _Octave(NamedTuple):
    """Where the frequencies of an octave are in the whole, and its filters, in 1/4096."""

    rows: Table
    columns: Table
    filters: Table


class Pyramid(NamedTuple):
    """The filters of a frame of ``height`` × ``width`` pixels, coarser octaves last."""

    height: int
    width: int
    above: Table
    octaves: tuple[_Octave, ...]
    below: _Octave

    def with_histograms(self, waves: Field, tables: BandTables) -> Field:
        """Give the coefficients of each band the histogram of a table, and add the bands up.

        ``waves`` is the orthonormal transform of a plane; what is below the octaves stays. A
        coefficient of a coarser octave is larger, by the square of the ratio of the sides, than
        the field of that octave: that is how these pyramids are scaled.
        """
        whole = math.sqrt(self.height * self.width)
        waves = waves / _UNIT
        total = orthonormal(with_histogram(orthonormal(waves * self.above), tables[0][0]))
        total *= self.above
        for (rows, columns, filters), several in zip(self.octaves, tables[1:], strict=True):
            bands = orthonormal(_split(waves[rows, columns], filters))
            for band, table in zip(bands, several, strict=True):
                band[:] = with_histogram(band, table)
            joined = _joined(orthonormal(bands), filters)
            joined *= math.sqrt(math.prod(joined.shape)) / whole
            total[rows, columns] += joined
        total /= _UNIT
        rows, columns, share = self.below
        total[rows, columns] += waves[rows, columns] * share
        return total


def octave_count(height: int, width: int) -> int:
    """Return how many octaves a frame has: 3 of 128 pixels, 4 of 256, at least one."""
    return max(max(height, width).bit_length() - 5, 1)


@lru_cache(maxsize=2)
def pyramid(height: int, width: int) -> Pyramid:
    """Tabulate the filters of a frame."""
    count = octave_count(height, width)
    above = _ring(_radius(height, width, (height, width)), -1, is_open=True)
    octaves = []
    for octave in range(count):
        grid = -(-height >> octave), -(-width >> octave)
        octaves.append(
            _Octave(*_places(height, width, grid), _filters(height, width, grid, octave))
        )
    grid = -(-height >> count), -(-width >> count)
    last = _ring(_radius(height, width, grid), count - 1).astype(np.int64)
    inner = _radius(height, width, grid) * (4 << (count - 1)) < 1
    share = np.where(inner, _UNIT - np.square(last) // _UNIT, 0)
    below = _Octave(*_places(height, width, grid), share)
    return Pyramid(height, width, above, tuple(octaves), below)


def _split(waves: Field, filters: Table) -> Field:
    """Filter an octave by orientation: 0°, 90°, 45° and 135°, all but 90° mirrored.

    To filter by a function odd in one frequency and even in the other mirrors a separable Hartley
    transform. Where a coefficient is does not matter here, so planes are left mirrored. The lobes
    of the diagonals are the sum and the difference of one odd in u and one odd in v.
    """
    flat, upright, first, second = filters
    turned = opposite(waves) * second
    kept = waves * first
    return np.stack([waves * flat, waves * upright, kept - turned, kept + turned])


def _joined(bands: Field, filters: Table) -> Field:
    """Filter the orientations of an octave once more, and add them up."""
    flat, upright, first, second = filters
    joined: Field = bands[0] * flat
    joined += bands[1] * upright
    joined += (bands[2] + bands[3]) * first
    joined += opposite(bands[2] - bands[3]) * second
    return joined


def _places(height: int, width: int, grid: tuple[int, int]) -> tuple[Table, Table]:
    """Return the rows and columns of the frequencies of a coarser grid."""
    rows, columns = _signed(grid[0]) % height, _signed(grid[1]) % width
    return rows[:, None], columns


def _signed(size: int) -> Table:
    """Return the frequencies of a transform in its order: 0, 1, … , −2, −1."""
    steps = np.arange(size)
    return np.where(2 * steps > size, steps - size, steps)


def _radius(height: int, width: int, grid: tuple[int, int]) -> Field:
    """Return the length of each frequency of a grid, in cycles per pixel of the whole."""
    down, across = _signed(grid[0]) / height, _signed(grid[1]) / width
    return np.sqrt(np.add.outer(np.square(down), np.square(across)))


def _filters(height: int, width: int, grid: tuple[int, int], octave: int) -> Table:
    """Tabulate the lobes times the ring of an octave, in 1/4096."""
    radius = _radius(height, width, grid)
    ring = _ring(radius, octave) * math.sqrt(0.8)
    radius[0, 0] = 1.0
    x, y = _signed(grid[1]) / width / radius, _signed(grid[0])[:, None] / height / radius
    rising, falling = _cubed((x + y) * math.sqrt(0.5)), _cubed((x - y) * math.sqrt(0.5))
    lobes = np.stack([_cubed(x), _cubed(y), (rising + falling) / 2, (rising - falling) / 2])
    lobes *= ring
    return np.rint(lobes, out=lobes).astype(np.int16)


def _cubed(values: Field) -> Field:
    cubes: Field = values * values * values
    return cubes


def _ring(radius: Field, octave: int, *, is_open: bool = False) -> Table:
    """Tabulate cos(π/2·log₂ r) in 1/4096, for r of ½ … 2 times the middle of the octave.

    An open ring stays at one beyond its middle, out to the corners of the spectrum.
    """
    inner = [
        _UNIT * math.cos(math.pi / 2 * math.log2(place / _RADIUS_UNIT))
        for place in range(_RADIUS_UNIT // 2, 2 * _RADIUS_UNIT + 1)
    ]
    ring = np.rint(np.array([0.0] * (_RADIUS_UNIT // 2) + inner)).astype(np.int16)
    if is_open:
        ring[_RADIUS_UNIT:] = _UNIT
    places = np.rint(radius * (4 * _RADIUS_UNIT * 2.0**octave)).clip(0, 2 * _RADIUS_UNIT)
    tabulated: Table = ring.take(places.astype(np.int64))
    return tabulated
