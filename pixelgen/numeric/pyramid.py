"""A steerable pyramid: a band above all, octaves of four orientations, a rest.

The filters are those of J. Portilla and E. P. Simoncelli, "A Parametric Texture Model Based on
Joint Statistics of Complex Wavelet Coefficients", IJCV 40, 2000, with four orientations: lobes of
cos³ of the angle, odd, so that they answer to edges; their squares add up to one at every
frequency, so that a pyramid that nobody changes adds up to what it was made of.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.fourier import Waves, backward, forward
from pixelgen.numeric.histograms import give_histogram
from pixelgen.numeric.table_cache import cached_tables

_UNIT = 4096
_RADIUS_UNIT = 2048

BandTables: TypeAlias = Sequence[Sequence[Field]]
"""The values of the coefficients: one table of the band above all, then four for each octave."""


class Octave(NamedTuple):
    """A grid of frequencies, (height, width) of a plane that has no others, and filters of it.

    Filters are in 1/4096, for the waves of such a plane.
    """

    grid: tuple[int, int]
    filters: Table

    def of(self, waves: Waves) -> Waves:
        """Return the waves of a finer grid that are of this one."""
        return np.concatenate([waves[part] for part in self._parts(waves)])

    def add(self, waves: Waves, total: Waves) -> None:
        """Add waves of this grid to those of a finer one."""
        for part, own in zip(self._parts(total), self._parts(waves), strict=True):
            total[part] += waves[own]

    def _parts(self, waves: Waves) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where its frequencies are among others: from 0 down, and the negative ones."""
        before, columns = self.grid[0] // 2 + 1, slice(self.grid[1] // 2 + 1)
        negative = slice(len(waves) + before - self.grid[0], None)
        return (slice(before), columns), (negative, columns)


class Pyramid(NamedTuple):
    """The filters of a frame of ``height`` × ``width`` pixels, coarser octaves last."""

    height: int
    width: int
    above: Table
    octaves: tuple[Octave, ...]
    below: Octave

    def with_histograms(self, waves: Waves, tables: BandTables) -> Waves:
        """Give the coefficients of each band the histogram of a table, and add the bands up.

        ``waves`` are the orthonormal ones of a plane; what is below the octaves stays. A
        coefficient of a coarser octave is larger, by the square of the ratio of the sides, than
        the field of that octave: that is how these pyramids are scaled.
        """
        pixels = self.height * self.width
        band = np.empty((self.height, self.width))
        backward(_scaled(waves, self.above), band)
        give_histogram(band, tables[0][0])
        total = _scaled(forward(band), self.above)
        for octave, several in zip(self.octaves, tables[1:], strict=True):
            ratio = math.sqrt(math.prod(octave.grid) / pixels)
            own = octave.of(waves)
            band = np.empty(octave.grid)
            for lobe, table in zip(octave.filters, several, strict=True):
                backward(_turned(own, lobe), band)
                give_histogram(band, table)
                octave.add(_turned(forward(band), lobe * -ratio), total)
        self.below.add(_scaled(self.below.of(waves), self.below.filters), total)
        return total


def _scaled(waves: Waves, factors: Table) -> Waves:
    """Multiply waves by real factors in 1/4096."""
    scaled = np.empty_like(waves)
    factors = factors * (1 / _UNIT)
    np.multiply(waves.real, factors, out=scaled.real)
    np.multiply(waves.imag, factors, out=scaled.imag)
    return scaled


def _turned(waves: Waves, factors: Table) -> Waves:
    """Multiply waves by imaginary factors in 1/4096: those of filters that are odd."""
    turned = np.empty_like(waves)
    factors = factors * (1 / _UNIT)
    np.multiply(waves.imag, -factors, out=turned.real)
    np.multiply(waves.real, factors, out=turned.imag)
    return turned


def octave_count(height: int, width: int) -> int:
    """Return how many octaves a frame has: 3 of 128 pixels, 4 of 256, at least one."""
    return max(max(height, width).bit_length() - 5, 1)


@cached_tables
def pyramid(height: int, width: int) -> Pyramid:
    """Tabulate the filters of a frame."""
    count = octave_count(height, width)
    above = _ring(_radius(height, width, (height, width)), -1, is_open=True)
    grids = [(-(-height >> octave), -(-width >> octave)) for octave in range(count + 1)]
    octaves = tuple(
        Octave(grid, _filters(height, width, grid, octave))
        for octave, grid in enumerate(grids[:-1])
    )
    radius = _radius(height, width, grids[-1])
    last = _ring(radius, count - 1).astype(np.int64)
    share = np.where(radius * (4 << (count - 1)) < 1, _UNIT - np.square(last) // _UNIT, 0)
    return Pyramid(height, width, above, octaves, Octave(grids[-1], share))


def _signed(size: int) -> Table:
    """Return the frequencies down a plane in the order of their rows: 0, 1, … , −2, −1."""
    steps = np.arange(size)
    return np.where(2 * steps > size, steps - size, steps)


def _radius(height: int, width: int, grid: tuple[int, int]) -> Field:
    """Return the length of each frequency of a grid, in cycles per pixel of the whole."""
    down, across = _signed(grid[0]) / height, np.arange(grid[1] // 2 + 1) / width
    return np.sqrt(np.add.outer(np.square(down), np.square(across)))


def _filters(height: int, width: int, grid: tuple[int, int], octave: int) -> Table:
    """Tabulate the lobes times the ring of an octave, in 1/4096."""
    radius = _radius(height, width, grid)
    ring = _ring(radius, octave) * math.sqrt(0.8)
    radius[0, 0] = 1.0
    x = np.arange(grid[1] // 2 + 1) / width / radius
    y = _signed(grid[0])[:, None] / height / radius
    rising, falling = _cubed((x + y) * math.sqrt(0.5)), _cubed((x - y) * math.sqrt(0.5))
    lobes = np.stack([_cubed(x), _cubed(y), rising, falling])
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
