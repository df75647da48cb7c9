"""Noise of a given power spectrum."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from pixelgen.families.base import Family
from pixelgen.families.palette import NOISE_MEAN, NOISE_STD, Palette
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.hartley import gain, orthonormal, transform, with_magnitudes
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream

_STRONGEST = 1 << 20
_KNOTS = 2048
_LEAST = 2.0**-16


@dataclass(frozen=True)
class Spectrum(Family):
    """Noise whose power falls with frequency f as 1/fᵃ; a = 2 is like photographs.

    Each coefficient of a discrete Hartley transform is normal, with standard deviation f^(−a/2).
    With ``sx`` it is 1/(|f_x|^sx + |f_y|^sy) instead (f in cycles per pixel). At f = 0 it is zero.
    So every channel is a stationary Gaussian field, periodic in both directions. Levels have mean
    127.5 and standard deviation 255/7, and are clipped.

    With ``chroma`` = c below 1, the channels are correlated as in photographs: planes of luminance,
    along (1, 1, 1)/√3, and of color, c times as strong, along (1, 1, −2)/√6 and (1, −1, 0)/√2. The
    correlation of two channels is (1 − c²)/(1 + 2c²). Gray images are the plane of luminance.

    With ``palette``, each coefficient has exactly its amplitude and a random phase, planes of mean
    128 and standard deviation 256/√12 are turned by the axes of a random palette, its mean color is
    added (see ``spectrum_color``), and all levels together are stretched to the full range: so the
    mean color and the contrast of images differ. d, normal with standard deviation 0.05, is drawn
    for each image, added to sx and taken off sy.

    Source: D. J. Field, "Relations between the statistics of natural images and the response
    properties of cortical cells", J. Opt. Soc. Am. A 4, 1987. ``chroma``: the axes along which
    photographs vary independently, found for the cones of the eye by Ruderman, Cronin and Chiao,
    "Statistics of cone responses to natural images: implications for visual coding", J. Opt. Soc.
    Am. A 15, 1998; here they are applied to R, G and B. ``palette``, with sx of 0.5 … 3.5: the
    spectrum of Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise",
    NeurIPS 2021.

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
    chroma: float = parameter(
        1.0, "strength of color relative to luminance; 1: independent channels", low=0.0, high=1.0
    )
    palette: bool = parameter(
        False, "the axes and the mean of a random palette instead of chroma, and the full range"
    )

    @property
    def texture(self) -> Texture:
        """Images are smooth if the spectrum is steep enough."""
        return Texture.SMOOTH if self.a >= 1 or self.sx else Texture.LEVELS

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Transform normal deviates times their amplitudes."""
        exponents = self.a, self.sx, self.sy or self.sx
        if self.palette:
            return _in_palette(stream, shape, exponents)
        table, std = _amplitudes(shape.height, shape.width, *exponents)
        planes: Table = exact.normals().take(stream.integers(_planes(shape), 16))
        if self.chroma < 1 and shape.channels == 3:
            planes = _mixed(planes, self.chroma)
        coefficients = planes * table
        # Deviates below √3·17,715 times 16 at most: below 2**19.
        return to_pixels(transform(np.rint(coefficients, out=coefficients)), std, shape)


def _in_palette(stream: Stream, shape: Shape, exponents: tuple[float, float, float]) -> Pixels:
    """Give noise its amplitudes, and the axes and the mean of a palette."""
    a, sx, sy = exponents
    stream.purpose(PARAMETERS)
    palette = Palette.draw(stream, shape)
    if sx:
        sx, sy = moved_apart(stream, sx, sy)
    stream.purpose(DATA)
    spectrum = Amplitudes.of(shape.height, shape.width, a, sx, sy)
    planes = noise_waves(stream, shape)
    for plane in planes:
        plane[:] = orthonormal(spectrum.given_to(plane, NOISE_STD)) + NOISE_MEAN
    return palette.pixels(planes, shape)


def moved_apart(stream: Stream, sx: float, sy: float) -> tuple[float, float]:
    """Add a deviate, normal with deviation 0.05, to one exponent, and take it off the other."""
    deviate = int(exact.normals()[int(stream.integers(1, 16)[0])]) * (0.05 / exact.NORMAL_UNIT)
    return max(sx + deviate, _LEAST), max(sy - deviate, _LEAST)


def noise_waves(stream: Stream, shape: Shape) -> Field:
    """Draw noise uniform on −128 … 128, a plane for each channel, and transform it."""
    drawn = stream.integers(_planes(shape), 16).astype(np.float64)
    drawn -= 65535 / 2
    return orthonormal(drawn) / 256


def _planes(shape: Shape) -> tuple[int, int, int]:
    return shape.channels, shape.height, shape.width


def _mixed(planes: Table, chroma: float) -> Field:
    """Mix planes of luminance and color before the transform, which is linear."""
    flat = planes.reshape(3, -1).astype(np.float64)
    # Below 3·2**12·2**15.
    mixed = exact.product(_opponents(chroma), flat)
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


class Amplitudes(NamedTuple):
    """Integer amplitudes up to 2**20, and the root of the sum of their squares.

    The table is even in both frequencies by itself, as the separable transform needs for a
    stationary field.
    """

    table: Field
    root: float

    @classmethod
    def of(cls, height: int, width: int, a: float, sx: float, sy: float) -> Self:
        """Tabulate amplitudes by the exponents of the parameters."""
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
        squares = np.square(table.astype(np.int64)).sum(axis=1)  # below 2**63 to widths of 2**23
        return cls(table, math.sqrt(sum(map(int, squares))))

    def given_to(self, waves: Field, std: float) -> Field:
        """Give the transform of a plane these amplitudes, and the plane a standard deviation."""
        given = with_magnitudes(waves, self.table)
        given *= std * math.sqrt(given.size) / max(self.root, 1.0)
        return given


@lru_cache(maxsize=4)
def _amplitudes(height: int, width: int, a: float, sx: float, sy: float) -> tuple[Field, float]:
    """Tabulate amplitudes times 2**-16, and the standard deviation of what they make."""
    table, root = Amplitudes.of(height, width, a, sx, sy)
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
