"""Wavelet noise: independent coefficients of heavy tails in the bands of a steerable pyramid."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.families.spectral import to_pixels
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.hartley import gain, opposite, transform
from pixelgen.registry import parameter
from pixelgen.rng import Stream

_LARGEST = 32767
_FILTER_UNIT = 4096
_RADIUS_UNIT = 2048
_STRONGEST = 8192
_STEPS = 2048


@dataclass(frozen=True)
class WaveletMarginal(Family):
    """Wavelet noise with heavy tails, and so with edges.

    The bands of a steerable pyramid have four orientations in every octave. Their coefficients are
    independent, with density proportional to exp(−|x/4ᵏ|ʳ) at scale k, so that all octaves add the
    same variance (a power of about 1/f²). Each octave is drawn on a grid of half the side of the
    one below. Levels have mean 127.5 and standard deviation 255/7, and are clipped. Images are
    periodic.

    Source: the wavelet marginal model, with r of 0.4 … 0.8, of Baradad, Wulff, Wang, Isola and
    Torralba, "Learning to See by Looking at Noise", NeurIPS 2021; the bands are those of Portilla
    and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet
    Coefficients", IJCV 40, 2000, the finest with the residual above it.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(WaveletMarginal().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '2827b374a6d36efd'
    """

    name = "wmm"
    number = 21
    texture = Texture.SMOOTH

    r: float = parameter(0.6, "exponent of the density; 2 is Gaussian", low=0.3, high=2.0)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Transform each band, add the filtered bands up and transform the sum back."""
        table, deviation = _coefficients(self.r)
        bands, std = _bands(shape.height, shape.width)
        total = np.zeros((shape.channels, shape.height, shape.width))
        for plane in total:
            for band in bands:
                drawn = table.take(stream.integers(band.filters.shape, 16))
                added = _filtered(transform(drawn.astype(np.float64)), band.filters)
                _place(added * (band.scale / deviation), plane)
        # Limits no image reaches, 64 times the strongest coefficient, prove the transform exact.
        limit = 64.0 * _STRONGEST - 1
        total = np.clip(np.rint(total, out=total), -limit, limit, out=total)
        return to_pixels(transform(total), std, shape)


class _Band(NamedTuple):
    """The orientations of one octave: how to filter them, and what then brings them to size."""

    filters: Table
    scale: float


def _filtered(drawn: Field, filters: Table) -> Field:
    """Filter the transforms of the orientations 0°, 90°, 45° and 135°, and add them up.

    A filter that is the same at (u, v) and (−u, −v) is the sum of one even in u and v each, which
    multiplies a separable Hartley transform as it would a Fourier transform, and of one odd in
    each, which acts on the transform at (−u, −v), with the opposite sign. The filters of the
    diagonals are the sum and the difference of the same two.
    """
    flat, upright, even, odd = filters
    across, down, rising, falling = drawn
    turned = opposite(rising - falling)
    added: Field = across * flat
    added += down * upright
    added += (rising + falling) * even
    added -= turned * odd
    return added


def _place(small: Field, total: Field) -> None:
    """Add the coefficients of a grid to those of the same frequencies of a finer grid."""
    rows, columns = (
        _signed(few) % many for few, many in zip(small.shape, total.shape, strict=True)
    )
    total[rows[:, None], columns] += small


def _signed(size: int) -> Table:
    """Return the frequencies of a transform in its order: 0, 1, … , −2, −1."""
    steps = np.arange(size)
    return np.where(2 * steps > size, steps - size, steps)


@lru_cache(maxsize=4)
def _bands(height: int, width: int) -> tuple[list[_Band], float]:
    """Tabulate the octaves, finest first, and the standard deviation of their sum."""
    octaves = max((max(height, width) - 1).bit_length() - 1, 1)
    bands, variance = [], 0.0
    for octave in range(octaves):
        grid = -(-height >> octave), -(-width >> octave)
        filters = _filters(height, width, octave, grid)
        # What a coefficient of the band's transform is multiplied by where its filter is one.
        strength = _STRONGEST / (_FILTER_UNIT << (octaves - 1 - octave))
        scale = strength / (gain(*grid) * math.sqrt(math.prod(grid)))
        bands.append(_Band(filters, scale))
        powers = [int(np.square(one.astype(np.int64)).sum()) for one in filters]
        variance += strength * strength * (powers[0] + powers[1] + 2 * (powers[2] + powers[3]))
    return bands, math.sqrt(variance) * gain(height, width)


def _filters(height: int, width: int, octave: int, grid: tuple[int, int]) -> Table:
    """Tabulate the filters of 0° and 90°, and the even and the odd part of those of ±45°.

    Each is a ring times |cos|³ of the angle to its orientation; the squares of the four
    orientations add up to the square of the ring.
    """
    signs, sides = [], []
    for many, few in zip((height, width), grid, strict=True):
        frequencies = _signed(few)
        signs.append(np.sign(frequencies) * (2 * frequencies != few))
        sides.append(np.abs(frequencies) / many)
    down, across = sides[0][:, None], sides[1]
    radius = np.sqrt(np.square(down) + np.square(across))
    places = np.rint(radius * (4 * _RADIUS_UNIT << octave)).clip(0, 2 * _RADIUS_UNIT)
    ring = _ring(octave == 0).take(places.astype(np.int64)) * math.sqrt(0.8)
    radius[0, 0] = 1.0
    x, y = across / radius, down / radius
    rising, falling = (_cubed(one * math.sqrt(0.5)) for one in (x + y, np.abs(x - y)))
    odd = (rising - falling) / 2 * (signs[0][:, None] * signs[1])
    lobes = np.stack([_cubed(x), _cubed(y), (rising + falling) / 2, odd])
    filters: Table = np.rint(lobes * ring).astype(np.int16)
    return filters


def _cubed(values: Field) -> Field:
    cubes: Field = values * values * values
    return cubes


def _ring(is_finest: bool) -> Field:
    """Tabulate cos(π/2·log₂ r) in 1/4096, for r of 0 … 2 times the middle of the octave.

    The finest ring stays at one beyond its middle, out to the corners of the spectrum.
    """
    inner = [
        _FILTER_UNIT * math.cos(math.pi / 2 * math.log2(place / _RADIUS_UNIT))
        for place in range(_RADIUS_UNIT // 2, 2 * _RADIUS_UNIT + 1)
    ]
    ring: Field = np.rint(np.array([0.0] * (_RADIUS_UNIT // 2) + inner))
    if is_finest:
        ring[_RADIUS_UNIT:] = _FILTER_UNIT
    return ring


@lru_cache(maxsize=8)
def _coefficients(r: float) -> tuple[Table, float]:
    """Tabulate 65,536 equally likely values of density ∝ exp(−|x|ʳ), the largest 32,767.

    Returns their standard deviation too. With x = v^(2/r) the density of v is smooth at 0 for any
    r; it is added up over small steps, and the sum inverted by linear interpolation.
    """
    edges = [5 * step / _STEPS for step in range(_STEPS + 1)]
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    masses = [math.pow(v, 2 / r - 1) * math.exp(-v * v) for v in middles]
    sums = np.array([0.0, *accumulate(masses)])
    values = np.array([math.pow(v, 2 / r) for v in edges])
    wanted = (np.arange(32768) + 0.5) * (sums[-1] / 32768)
    step = np.searchsorted(sums, wanted, side="right") - 1
    share = (wanted - sums[step]) / (sums[step + 1] - sums[step])
    half = values[step] + share * (values[step + 1] - values[step])
    half = np.rint(half * _LARGEST / half[-1]).astype(np.int64)
    deviation = math.sqrt(int(np.square(half).sum()) / 32768)
    return np.concatenate([half, -half]).astype(np.int16), deviation
