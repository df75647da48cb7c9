"""Noise of a given power spectrum."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.hartley import gain, transform
from pixelgen.registry import parameter
from pixelgen.rng import Stream

_STRONGEST = 1 << 20
_KNOTS = 2048


@dataclass(frozen=True)
class Spectrum(Family):
    """Noise whose power falls with frequency f as 1/fᵃ; a = 2 is like photographs.

    Each coefficient of a discrete Hartley transform is normal, with standard deviation f^(−a/2).
    With ``sx`` it is 1/(|f_x|^sx + |f_y|^sy) instead (f in cycles per pixel). At f = 0 it is zero.
    So every channel is a stationary Gaussian field, periodic in both directions. Levels have mean
    127.5 and standard deviation 255/7, and are clipped.

    Source: D. J. Field, "Relations between the statistics of natural images and the response
    properties of cortical cells", J. Opt. Soc. Am. A 4, 1987; with sx and sy of 0.5 … 3.5: Baradad,
    Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Spectrum().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'ef4f5078df50d98e'
    """

    name = "spectrum"
    number = 10

    a: float = parameter(2.0, "exponent of the power", low=0.0, high=7.0)
    sx: float = parameter(
        0.0, "exponent of the amplitude along x, instead of a; 0: use a", low=0.0, high=7.0
    )
    sy: float = parameter(
        0.0, "exponent of the amplitude along y; 0: as along x", low=0.0, high=7.0
    )

    @property
    def texture(self) -> Texture:
        """Images are smooth if the spectrum is steep enough."""
        return Texture.SMOOTH if self.a >= 1 or self.sx else Texture.LEVELS

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Transform normal deviates times their amplitudes."""
        exponents = self.a, self.sx, self.sy or self.sx
        amplitudes, std = _amplitudes(shape.height, shape.width, *exponents)
        coefficients = self._deviates(stream, shape) * amplitudes
        # Deviates below √3·17,715 times 16 at most: below 2**19.
        return to_pixels(transform(np.rint(coefficients, out=coefficients)), std, shape)

    def _deviates(self, stream: Stream, shape: Shape) -> Table:
        """Draw normal deviates in 1/4096, one for each coefficient of each channel."""
        drawn = stream.integers((shape.channels, shape.height, shape.width), 16)
        deviates: Table = exact.normals().take(drawn)
        return deviates


@dataclass(frozen=True)
class SpectrumColor(Spectrum):
    """1/fᵃ noise in correlated colors, as in photographs.

    Three planes as in ``spectrum`` are mixed: luminance along (1, 1, 1)/√3, and two planes of
    color, ``chroma`` times as strong, along (1, 1, −2)/√6 and (1, −1, 0)/√2. With c = chroma, the
    correlation of two channels is (1 − c²)/(1 + 2c²). Gray images are the plane of luminance.

    Source: the axes along which photographs vary independently, found for the cones of the eye by
    Ruderman, Cronin and Chiao, "Statistics of cone responses to natural images: implications for
    visual coding", J. Opt. Soc. Am. A 15, 1998; here they are applied to R, G and B.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(SpectrumColor().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '86af4b54d8990f7f'
    """

    name = "spectrum_color"
    number = 20

    chroma: float = parameter(0.4, "strength of color relative to luminance", low=0.0, high=1.0)

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
    """Tabulate integer amplitudes up to 2**20, times 2**-16; return their standard deviation too.

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


def to_pixels(field: Field, std: float, shape: Shape) -> Pixels:
    """Turn a field about zero into pixels of mean 127.5 and standard deviation 255/7."""
    levels = field * (shape.top / (7 * max(std, 1.0)))
    levels += shape.top / 2
    return exact.image(np.rint(levels, out=levels), shape)
