"""The image models of "Learning to See by Looking at Noise": spectra, wavelets and palettes.

Planes of noise, one for each axis of a random palette, are given statistics in turn. Each changes
those given before a little, so they are given again, in rounds.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.families.palette import NOISE_MEAN, NOISE_STD, Palette
from pixelgen.families.spectral import Amplitudes, moved_apart, noise_waves
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Field
from pixelgen.numeric.fourier import Plane, Waves, backward, forward
from pixelgen.numeric.histograms import ENTRIES, give_histogram
from pixelgen.numeric.pyramid import BandTables, Pyramid, octave_count, pyramid
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream

_ORIENTATIONS = 4
_LARGEST = 200
_DENSITY_UNIT = 1 << 20

ROUNDS = "how often each statistic is imposed"
SLOPE = "exponent of the amplitude; 0: drawn for each image, 0.5 to 3.5"
R = "exponent of the density; 0: drawn for each band and axis, 0.4 to 0.8"


class Statistics(NamedTuple):
    """What a plane is given: amplitudes, histograms of its bands, and its own with its std."""

    spectrum: Amplitudes | None
    pyramid: Pyramid | None
    bands: BandTables
    colors: Field | None
    std: float


class _Model(Family):
    """Noise with given statistics, in the colors of a palette."""

    rounds: int
    has_colors: ClassVar[bool] = True

    @property
    def memory(self) -> int:
        """Planes are needed all at once, and their waves and bands beside them."""
        return 28

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Make a plane for each axis of a palette, and turn the planes into channels."""
        stream.purpose(PARAMETERS)
        palette = Palette.draw(stream, shape)
        spectrum = self._spectrum(stream, shape)
        bands = [self._bands(stream, shape) for _ in range(shape.channels)]
        filters = pyramid(shape.height, shape.width) if any(bands) else None
        planes = palette.planes(shape)
        for axis, plane in enumerate(planes):
            colors, std = palette.histogram(axis) if self.has_colors else (None, NOISE_STD)
            wanted = Statistics(spectrum, filters, bands[axis], colors, std)
            _fill(plane, noise_waves(stream, shape, axis), wanted, self.rounds)
        return palette.pixels(planes, shape)

    def _spectrum(self, stream: Stream, shape: Shape) -> Amplitudes | None:
        """Draw the amplitudes of all planes, if they have given ones."""
        return None

    def _bands(self, stream: Stream, shape: Shape) -> BandTables:
        """Draw the histograms of the bands of a plane, if they have given ones."""
        return ()


@dataclass(frozen=True)
class SpectrumColor(_Model):
    """Noise with the spectrum of photographs in a few colors: clouds and coasts.

    For each image, s is drawn from 0.5 … 3.5 (or ``slope``), and d is normal with standard
    deviation 0.05; amplitudes are 1/(|f_x|^(s + d) + |f_y|^(s − d)). A palette is 3 to 22 random
    colors, with shares in proportion to 0.001 + u, u uniform on 0 … 1; as stripes in a frame of the
    image's height they are blurred by a box of 1 to 10 pixels, and stretched to the full range.
    Planes of noise, one for each axis, are given the amplitudes, then the histogram of the palette
    along that axis, ``rounds`` times. The planes are turned into channels, the mean color is added,
    and all levels together are stretched to the full range. The axes are the rows of the matrix
    whose columns are the palette's principal axes.

    Source: "Spectrum + color" of Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by
    Looking at Noise", NeurIPS 2021, as in its Python code.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(SpectrumColor().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '05de0536b5871189'
    """

    name = "spectrum_color"
    number = 20
    version = 3
    texture = Texture.SMOOTH

    slope: float = parameter(0.0, SLOPE, low=0.0, high=3.5)
    rounds: int = parameter(10, ROUNDS, low=1, high=10)

    @property
    def memory(self) -> int:
        """It has no bands."""
        return 14

    def _spectrum(self, stream: Stream, shape: Shape) -> Amplitudes | None:
        return _drawn_amplitudes(stream, shape, self.slope)


@dataclass(frozen=True)
class WaveletMarginal(_Model):
    """Noise whose wavelet coefficients have heavy tails: grain with specks and edges.

    A steerable pyramid has a high-pass band, octaves of four orientations (3 of 128 pixels, 4 of
    256) and a rest. The coefficients of each band get a histogram of density proportional to
    exp(−|x/4ᵏ|ʳ), cut at ±200: k is the ratio of the image's side to that of the band, 1 for the
    high-pass band and the finest octave, then 2, 4 and so on; r is drawn from 0.4 … 0.8 for each
    band and plane (or ``r``). The pyramid is added up and taken apart again, ``rounds`` times. The
    planes start as uniform noise of mean 128 and standard deviation 256/√12, of which the rest
    stays. They are turned by the axes of a random palette, its mean color is added, and all levels
    together are stretched to the full range (see ``spectrum_color``).

    Source: the wavelet marginal model of Baradad, Wulff, Wang, Isola and Torralba, "Learning to See
    by Looking at Noise", NeurIPS 2021; the bands are those of Portilla and Simoncelli, "A
    Parametric Texture Model Based on Joint Statistics of Complex Wavelet Coefficients", IJCV 40,
    2000.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(WaveletMarginal().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '6c0085571143a0a8'
    """

    name = "wmm"
    number = 21
    version = 3
    texture = Texture.LEVELS
    has_colors = False

    r: float = parameter(0.0, R, low=0.0, high=2.0)
    rounds: int = parameter(10, ROUNDS, low=1, high=10)

    def _bands(self, stream: Stream, shape: Shape) -> BandTables:
        return _drawn_bands(stream, shape, self.r)


@dataclass(frozen=True)
class SpectrumColorWavelet(_Model):
    """Noise with the spectrum and the wavelets of photographs, in a few colors.

    Planes of noise are given the amplitudes of ``spectrum_color``, the histograms of the bands of
    ``wmm``, and the histogram of the palette of ``spectrum_color``, in turn, ``rounds`` times.

    Source: "Spectrum + color + WMM" of Baradad, Wulff, Wang, Isola and Torralba, "Learning to See
    by Looking at Noise", NeurIPS 2021, as in its Python code.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(SpectrumColorWavelet().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '83f3a2d50a97a99f'
    """

    name = "spectrum_color_wmm"
    number = 41
    version = 2
    texture = Texture.LEVELS

    slope: float = parameter(0.0, SLOPE, low=0.0, high=3.5)
    r: float = parameter(0.0, R, low=0.0, high=2.0)
    rounds: int = parameter(10, ROUNDS, low=1, high=10)

    def _spectrum(self, stream: Stream, shape: Shape) -> Amplitudes | None:
        return _drawn_amplitudes(stream, shape, self.slope)

    def _bands(self, stream: Stream, shape: Shape) -> BandTables:
        return _drawn_bands(stream, shape, self.r)


def _fill(plane: Plane, waves: Waves, wanted: Statistics, rounds: int) -> None:
    """Fill a plane, in levels, by the waves of noise that are given statistics."""
    std = NOISE_STD
    for left in reversed(range(rounds)):
        if wanted.spectrum:
            wanted.spectrum.give_to(waves, std)
        if wanted.pyramid:
            waves = wanted.pyramid.with_histograms(waves, wanted.bands)
        if wanted.colors is not None:
            backward(waves, plane)
            give_histogram(plane, wanted.colors)
            if left:
                waves, std = forward(plane.astype(np.float64)), wanted.std
    if wanted.colors is None:
        backward(waves, plane)
        plane += NOISE_MEAN


def _drawn_amplitudes(stream: Stream, shape: Shape, slope: float) -> Amplitudes:
    """Draw the exponents along x and y, and tabulate the amplitudes."""
    drawn = 0.5 + 3 * int(stream.integers(1, 16)[0]) / 65536
    exponents = moved_apart(stream, slope or drawn, slope or drawn)
    return Amplitudes.of(shape.height, shape.width, 0.0, *exponents)


def _drawn_bands(stream: Stream, shape: Shape, r: float) -> BandTables:
    """Draw the exponents of all bands of a plane, and tabulate their histograms."""
    count = octave_count(shape.height, shape.width)
    drawn = (stream.integers(1 + _ORIENTATIONS * count, 8) * (0.4 / 256) + 0.4).tolist()
    exponents = [r] * len(drawn) if r else drawn
    above = [_quantiles(exponents.pop(), 0)]
    octaves = [
        [_quantiles(exponents.pop(), octave) for _ in range(_ORIENTATIONS)]
        for octave in range(count)
    ]
    return [above, *octaves]


def _quantiles(r: float, octave: int) -> Field:
    """Tabulate equally likely coefficients of density ∝ exp(−|x/4ᵏ|ʳ) up to 200, k = 2**octave."""
    scale = math.ldexp(1.0, 2 << min(octave, 6))
    edges = np.arange(2 * _LARGEST + 2) / 2 - 0.25
    edges[0], edges[-1] = 0.0, _LARGEST
    # Rounded, so that no library's last bit decides.
    heights = [
        round(_DENSITY_UNIT * math.exp(-math.pow(step / 2 / scale, r)))
        for step in range(2 * _LARGEST + 1)
    ]
    masses = np.diff(edges) * heights
    sums = np.cumsum(masses)
    places = (np.arange(ENTRIES // 2) + 0.5) * (float(sums[-1]) * 2 / ENTRIES)
    step = np.searchsorted(sums, places, side="right")
    missing = (sums[step] - places) / masses[step]
    half = edges[step + 1] - missing * (edges[step + 1] - edges[step])
    return np.concatenate([-half[::-1], half])
