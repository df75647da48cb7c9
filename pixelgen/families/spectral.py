"""Noise of a given power spectrum, and the exact transform that makes it."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.registry import option
from pixelgen.rng import Stream

WAVE_UNIT = 16384
"""One in the tables of cosines and sines of :func:`transform`."""

_STRONGEST = 1 << 20
_KNOTS = 2048
_SMALLEST_SPLIT = 64
_BLOCK = 128


@dataclass(frozen=True)
class Spectrum(Family):
    """Noise whose power falls with frequency f as 1/fᵃ; a = 2 is like photographs.

    Each coefficient of a discrete Hartley transform is normal, with standard deviation f^(−a/2), or
    1/(|f_x|^sx + |f_y|^sy) if ``sx`` is given (f in cycles per pixel), and zero at f = 0;
    so every channel is a stationary Gaussian field, periodic in both directions. Levels have mean
    127.5 and standard deviation 255/7, and are clipped. D. J. Field, "Relations between the
    statistics of natural images and the response properties of cortical cells", J. Opt. Soc. Am. A
    4, 1987; with sx and sy, of 0.5 … 3.5: Baradad, Wulff, Wang, Isola and Torralba, "Learning to
    See by Looking at Noise", NeurIPS 2021.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Spectrum().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'ef4f5078df50d98e'
    """

    name = "spectrum"
    number = 10

    a: float = option(2.0, "exponent of the power", low=0.0, high=7.0)
    sx: float = option(0.0, "exponent along x of the amplitude, instead of a", low=0.0, high=7.0)
    sy: float = option(0.0, "exponent along y of the amplitude; 0: that along x", low=0.0, high=7.0)

    @property
    def texture(self) -> Texture:
        """Call neighbours alike if the spectrum falls at all steeply."""
        return Texture.SMOOTH if self.a >= 1 or self.sx else Texture.LEVELS

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Transform normal deviates times their amplitudes."""
        exponents = self.a, self.sx, self.sy or self.sx
        amplitudes, std = _amplitudes(shape.height, shape.width, *exponents)
        coefficients = self._deviates(stream, shape) * amplitudes
        # Deviates below √3·17,715 times 16 at most: below 2**19.
        return picture(transform(np.rint(coefficients, out=coefficients)), std, shape)

    def _deviates(self, stream: Stream, shape: Shape) -> Table:
        """Draw normal deviates in 1/4096, one for each coefficient of each channel."""
        drawn = stream.integers((shape.channels, shape.height, shape.width), 16)
        deviates: Table = exact.normals().take(drawn)
        return deviates


@dataclass(frozen=True)
class SpectrumColor(Spectrum):
    """Three planes of 1/fᵃ noise, mixed to colours as the cones of the eye see them.

    Luminance goes along (1, 1, 1)/√3, and two planes of colour, ``chroma`` times as strong, along
    (1, 1, −2)/√6 and (1, −1, 0)/√2: the axes along which Ruderman, Cronin and Chiao, "Statistics of
    cone responses to natural images: implications for visual coding", J. Opt. Soc. Am. A 15, 1998,
    found photographs to vary independently (taken for R, G, B here). Channels correlate by
    (1 − c²)/(1 + 2c²), c being chroma. Gray images are the plane of luminance. Else as spectrum.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(SpectrumColor().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '86af4b54d8990f7f'
    """

    name = "spectrum_color"
    number = 20

    chroma: float = option(0.4, "strength of colour, of that of luminance", low=0.0, high=1.0)

    def _deviates(self, stream: Stream, shape: Shape) -> Table:
        """Mix the planes before the transform, which is linear."""
        planes = super()._deviates(stream, shape)
        if shape.channels == 1:
            return planes
        flat = planes.reshape(3, -1).astype(np.float64)
        # Below 3·2**12·2**15.
        mixed = exact.product(_opponents(self.chroma), flat)
        return np.rint(mixed / 4096, out=mixed).reshape(planes.shape)


@lru_cache(maxsize=8)
def _opponents(chroma: float) -> Field:
    """Tabulate how much of each plane goes into each channel, in 1/4096; squares of rows add to 1.

    Hence no sum of deviates exceeds √3 times the greatest.
    """
    axes = ((1, 1, 1), (1, 1, -2), (1, -1, 0))
    strengths = (1.0, chroma, chroma)
    total = math.sqrt((1 + 2 * chroma * chroma) / 3)
    weights = [
        [round(4096 * s * x / math.sqrt(sum(y * y for y in axis)) / total) for x in axis]
        for axis, s in zip(axes, strengths, strict=True)
    ]
    return np.array(weights, np.float64).T.copy()


@lru_cache(maxsize=4)
def _amplitudes(height: int, width: int, a: float, sx: float, sy: float) -> tuple[Field, float]:
    """Tabulate integer amplitudes up to 2**20, times 2**-16; tell the standard deviation they give.

    The table is even in both frequencies by itself, as the separable transform needs for a
    stationary field.
    """
    down = np.arange(height // 2 + 1) / height
    across = np.arange(width // 2 + 1) / width
    if sx:
        falls = np.add.outer(_powers(down, sy), _powers(across, sx))
    else:
        squares = np.add.outer(np.square(down), np.square(across))
        squares[0, 0] = 1.0
        falls = _power(squares, a / 4)
    falls[0, 0] = 1e300
    quarter = np.rint(falls.min() * _STRONGEST / falls)
    quarter[0, 0] = 0.0
    table = quarter[np.ix_(_folded(height), _folded(width))]
    squares = np.square(table.astype(np.int64)).sum(axis=1)  # below 2**63 up to a width of 2**23
    root = math.sqrt(sum(map(int, squares)))
    return table / 65536, root / 65536 * exact.NORMAL_UNIT * gain(height, width)


def _folded(size: int) -> Table:
    """Return the distance of each frequency from 0, round the circle."""
    steps = np.arange(size)
    return np.minimum(steps, size - steps)


def _powers(values: Field, exponent: float) -> Field:
    """Raise a few numbers to a power."""
    return np.array([math.pow(value, exponent) for value in values.tolist()])


def _power(values: Field, exponent: float) -> Field:
    """Raise many positive numbers to a power of 0 … 2, to one part in 10**7.

    Mantissas by linear interpolation in a table of the standard library's, one IEEE operation at a
    time; powers of two by another.
    """
    mantissas, twos = np.frexp(values)
    places = (mantissas - 0.5) * (2 * _KNOTS)
    whole = np.floor(places)
    knots = _powers(np.arange(_KNOTS, 2 * _KNOTS + 2) / (2 * _KNOTS), exponent)
    index = whole.astype(np.int64)
    low = knots.take(index)
    powers = low + (knots.take(index + 1) - low) * (places - whole)
    least = int(twos.min())
    scales = [math.pow(2.0, exponent * two) for two in range(least, int(twos.max()) + 1)]
    scaled: Field = powers * np.array(scales).take(twos - least)
    return scaled


def picture(field: Field, std: float, shape: Shape) -> Pixels:
    """Turn a field about zero into pixels of mean 127.5 and standard deviation 255/7."""
    levels = field * (shape.top / (7 * max(std, 1.0)))
    levels += shape.top / 2
    return exact.image(np.rint(levels, out=levels), shape)


def transform(field: Field) -> Field:
    """Transform (…, height, width) integers below 2**19 by cas(2π·t·k/size) along both axes.

    cas = cos + sin, each rounded to 1/16384, and rows are rounded in between, so that the whole
    grows :func:`gain`-fold: R. N. Bracewell, "Discrete Hartley transform", J. Opt. Soc. Am. 73,
    1983. The transform is its own inverse, but for a factor.
    """
    # 2**19 · √2·2**14 · √2·2**14 · height·width · 2**-shift stays below 2**52.
    down = _turned_columns(field)
    down *= 0.5 ** _shift(*field.shape[-2:])
    return _turned_columns(np.rint(down, out=down))


def opposite(waves: Field) -> Field:
    """Return the coefficients at (−u, −v) in the places of those at (u, v)."""
    return np.roll(waves[..., ::-1, ::-1], 1, (-2, -1))


def gain(height: int, width: int) -> float:
    """Tell how much larger than a sum of coefficients times cas·cas the transform is."""
    return float(WAVE_UNIT * WAVE_UNIT) / (1 << _shift(height, width))


def _shift(height: int, width: int) -> int:
    return max((height * width - 1).bit_length() - 4, 0)


def _turned_columns(field: Field) -> Field:
    """Transform every column, a few at a time to stay in the cache, and lay it down as a row."""
    *planes, height, width = field.shape
    rows = np.empty((*planes, width, height))
    for plane in np.ndindex(*planes):
        for first in range(0, width, _BLOCK):
            columns = (*plane, slice(None), slice(first, first + _BLOCK))
            rows[(*plane, slice(first, first + _BLOCK))] = _columns(field[columns]).T
    return rows


def _columns(field: Field) -> Field:
    """Transform every column, with a sixth of the products of the full matrix if it halves well.

    Even rows of the result are the transform of the sum of the upper and the lower half, odd rows
    hang on their difference alone; there cosines are odd and sines even about the middle, and each
    pair of rows t, size − t is the sum and the difference of what cosines and sines give. No
    partial sum exceeds that of the full matrix, so the integers are the same.
    """
    size = field.shape[-2]
    if size % 4 or size < _SMALLEST_SPLIT:
        return exact.product(_waves(size), field)
    half, quarter = size // 2, size // 4
    upper, lower = field[..., :half, :], field[..., half:, :]
    result = np.empty(field.shape)
    result[..., ::2, :] = _columns(upper + lower)
    rest = upper - lower
    mirrored = rest[..., :quarter:-1, :]
    for_sines = rest[..., 1 : quarter + 1, :].copy()
    for_sines[..., :-1, :] += mirrored
    rest[..., 1:quarter, :] -= mirrored
    cosines, sines = _odd_waves(size)
    by_cosines = exact.product(cosines, rest[..., :quarter, :])
    by_sines = exact.product(sines, for_sines)
    np.add(by_cosines, by_sines, out=result[..., 1:half:2, :])
    np.subtract(by_cosines, by_sines, out=result[..., :half:-2, :])
    return result


@lru_cache(maxsize=8)
def _waves(size: int) -> Field:
    """Tabulate cas for all frequencies and places."""
    cosines, sines = _circle(size)
    steps = np.arange(size)
    table: Field = (cosines + sines)[np.outer(steps, steps) % size]
    return table


@lru_cache(maxsize=32)
def _odd_waves(size: int) -> tuple[Field, Field]:
    """Tabulate the odd frequencies below size/2: cosines from place 0 on, sines from place 1 on."""
    cosines, sines = _circle(size)
    odd, places = np.arange(1, size // 2, 2), np.arange(size // 4)
    return cosines[np.outer(odd, places) % size], sines[np.outer(odd, places + 1) % size]


def _circle(size: int) -> tuple[Field, Field]:
    """Tabulate cosine and sine of the ``size``-th parts of a turn."""
    angles = [math.tau * k / size for k in range(size)]
    cosines = [float(round(WAVE_UNIT * math.cos(angle))) for angle in angles]
    sines = [float(round(WAVE_UNIT * math.sin(angle))) for angle in angles]
    return np.array(cosines), np.array(sines)
