"""Noise of a given power spectrum."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from pixelgen.families.base import Family
from pixelgen.families.palette import NOISE_MEAN, NOISE_STD, Palette
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.fourier import Waves, backward, forward, synthesize
from pixelgen.numeric.lookup import row_bands
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream

_STRONGEST = 1 << 20
_KNOTS = 2048
_LEAST = 2.0**-16


@dataclass(frozen=True)
class Spectrum(Family):
    """Noise whose power falls with frequency f as 1/fᵃ; a = 2 is like photographs.

    Each Fourier coefficient is complex normal, with standard deviation f^(−a/2).
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
    'ad0e1cc6700161f7'
    """

    name = "spectrum"
    number = 10
    version = 2

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

    @property
    def memory(self) -> int:
        """All planes of a palette are needed at once."""
        return 10 if self.palette else 6

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Transform normal deviates times their amplitudes."""
        exponents = self.a, self.sx, self.sy or self.sx
        if self.palette:
            return _in_palette(stream, shape, exponents)
        amplitudes, std = _normal_amplitudes(shape.height, shape.width, *exponents)
        scale = shape.top / (7 * max(std, 1.0))
        pixels = np.empty(shape.levels, shape.dtype)
        for channel, weights in enumerate(_weights(shape.channels, self.chroma).tolist()):
            rows_of_levels = synthesize(
                _normal_waves(stream, shape, weights, amplitudes), shape.width, scale, shape.top / 2
            )
            for rows, levels in rows_of_levels:
                pixels[rows, :, channel] = np.clip(levels, 0, shape.top, out=levels)
        return pixels


def _in_palette(stream: Stream, shape: Shape, exponents: tuple[float, float, float]) -> Pixels:
    """Give noise its amplitudes, and the axes and the mean of a palette."""
    a, sx, sy = exponents
    stream.purpose(PARAMETERS)
    palette = Palette.draw(stream, shape)
    if sx:
        sx, sy = moved_apart(stream, sx, sy)
    spectrum = Amplitudes.of(shape.height, shape.width, a, sx, sy)
    planes = palette.planes(shape)
    for channel, plane in enumerate(planes):
        waves = noise_waves(stream, shape, channel)
        spectrum.give_to(waves, NOISE_STD)
        backward(waves, plane)
        del waves  # before the next ones take as much memory
        planes[channel] += NOISE_MEAN
    return palette.pixels(planes, shape)


def moved_apart(stream: Stream, sx: float, sy: float) -> tuple[float, float]:
    """Add a deviate, normal with deviation 0.05, to one exponent, and take it off the other."""
    deviate = int(exact.normals()[int(stream.integers(1, 16)[0])]) * (0.05 / exact.NORMAL_UNIT)
    return max(sx + deviate, _LEAST), max(sy - deviate, _LEAST)


def noise_waves(stream: Stream, shape: Shape, channel: int) -> Waves:
    """Return the waves of a plane of noise uniform on −128 … 128, drawn for a channel."""
    stream.purpose(DATA + channel)
    noise = stream.integers((shape.height, shape.width), 16) - 65535 / 2
    noise /= 256
    return forward(noise)


def _normal_waves(stream: Stream, shape: Shape, weights: list[float], amplitudes: Field) -> Waves:
    """Draw a channel's waves: normal deviates of one or more planes, mixed, times amplitudes."""
    size = shape.height, 2 * (shape.width // 2 + 1)
    parts = np.zeros(size)
    for plane, weight in enumerate(weights):
        if weight:
            stream.purpose(DATA + plane)
            drawn = stream.integers(size, 16)
            for rows in row_bands(*size):
                parts[rows] += exact.normals().take(drawn[rows]) * weight
    waves = parts.view(np.complex128)
    multiply(waves.real, amplitudes)
    multiply(waves.imag, amplitudes)
    np.rint(parts, out=parts)  # deviates below √3·17,715 times 16·√2 at most: below 2**20
    return waves


def _weights(channels: int, chroma: float) -> Field:
    """Return how much of each plane goes into each channel, in whole 1/4096.

    The squares of a row add up to 1, so that no sum of deviates exceeds √3 times the greatest.
    """
    if channels == 1 or chroma == 1:
        return np.eye(channels)
    axes = ((1, 1, 1), (1, 1, -2), (1, -1, 0))
    strengths = (1.0, chroma, chroma)
    total = math.sqrt((1 + 2 * chroma * chroma) / 3)
    weights = [
        [round(4096 * s * x / math.sqrt(sum(y * y for y in axis)) / total) / 4096 for x in axis]
        for axis, s in zip(axes, strengths, strict=True)
    ]
    return np.array(weights).T


class Amplitudes(NamedTuple):
    """Integer amplitudes up to 2**20 for frames of so many pixels.

    The table (height // 2 + 1, width // 2 + 1) is of the frequencies that are not negative: it is
    even in both. ``root`` is the root of the sum of the squares over all frequencies.
    """

    table: Field
    root: float
    pixels: int

    @classmethod
    def of(cls, height: int, width: int, a: float, sx: float, sy: float) -> Self:
        """Tabulate amplitudes by the exponents of the parameters."""
        down = np.arange(height // 2 + 1) / height
        across = np.arange(width // 2 + 1) / width
        table = np.empty((len(down), len(across)))
        if sx:
            np.add.outer(_powers(down, sy), _powers(across, sx), out=table)
        else:
            np.add.outer(np.square(down), np.square(across), out=table)
            table[0, 0] = 1.0
            for rows in row_bands(*table.shape):
                table[rows] = _power(table[rows], a / 4)
        table[0, 0] = 1e300
        np.divide(table.min() * _STRONGEST, table, out=table)
        np.rint(table, out=table)
        # Below 2**40 each; a row of 2**23 is below 2**63.
        columns = _multiples(width)
        squares = [
            int(total)
            for rows in row_bands(*table.shape)
            for total in np.square(table[rows].astype(np.int64)) @ columns
        ]
        total = sum(map(int.__mul__, squares, _multiples(height).tolist()))
        return cls(table, math.sqrt(total), height * width)

    def give_to(self, waves: Waves, std: float) -> None:
        """Give waves these amplitudes, and their plane a standard deviation, in place.

        Phases stay. Waves of zero, which have no phase, remain zero.
        """
        real, imaginary = waves.real, waves.imag
        ratios = real * real
        ratios += imaginary * imaginary
        np.sqrt(np.maximum(ratios, 1e-300, out=ratios), out=ratios)
        np.divide(std * math.sqrt(self.pixels) / max(self.root, 1.0), ratios, out=ratios)
        multiply(ratios, self.table)
        real *= ratios
        imaginary *= ratios


def multiply(rows: Field, table: Field) -> None:
    """Multiply the rows of all frequencies by a table of those that are not negative."""
    middle = len(table)
    rows[:middle] *= table
    rows[middle:] *= table[1 : len(rows) - middle + 1][::-1]


def _multiples(size: int) -> Table:
    """Return how many frequencies there are at a distance of 0 … size/2 from 0: one or two."""
    steps = np.arange(size // 2 + 1)
    return np.where((steps == 0) | (2 * steps == size), 1, 2)


@cached_tables
def _normal_amplitudes(
    height: int, width: int, a: float, sx: float, sy: float
) -> tuple[Field, float]:
    """Tabulate amplitudes of normal waves, in 1/65536, and the standard deviation of their planes.

    Where a column of waves holds the opposites of its waves too, none counts twice: there they are
    √2 times as great.
    """
    table, root, _ = Amplitudes.of(height, width, a, sx, sy)
    table *= np.where(_multiples(width) == 1, math.sqrt(2), 1.0) / 65536
    std = math.sqrt(2) * root / 65536 * exact.NORMAL_UNIT
    return table, std


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
