"""Gabor noise: a sum of waves under Gaussian windows, at random places."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.registry import parameter
from pixelgen.rng import Stream, Words

_SUBPIXELS = 16
_BLOCK = 64


@dataclass(frozen=True)
class Gabor(Family):
    """Gabor noise: waves of one frequency under Gaussian windows.

    A channel is the sum of ``kernels`` terms exp(−ρ²/2σ²)·cos(2πF·x_θ + φ), with random direction θ
    and phase φ. The centers are uniform over the frame and 4σ around it, so that the border is like
    the center; windows are cut at 4σ along x and y. Levels are scaled to the mean 128 and the
    standard deviation 36 of an unbounded texture of this kind, and clipped.

    Source: Lagae, Lefebvre, Drettakis and Dutré, "Procedural Noise using Sparse Gabor Convolution",
    SIGGRAPH 2009; Co, Muñoz-González, de Maupeou and Lupu, "Procedural Noise Adversarial Examples
    for Black-Box Attacks on Deep Convolutional Networks", CCS 2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Gabor().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '6ac894e4efee5177'
    """

    name = "gabor"
    number = 16
    texture = Texture.SMOOTH

    frequency: float = parameter(
        0.06, "frequency of the waves, in cycles per pixel", low=0.02, high=0.25
    )
    sigma: float = parameter(
        12.0, "standard deviation of the windows, in pixels", low=1.0, high=64.0
    )
    kernels: int = parameter(256, "number of waves in each channel", low=1, high=4096)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Add up each channel and scale it by theory."""
        field = np.empty((shape.channels, shape.height, shape.width))
        for plane, drawn in zip(
            field, stream.integers((shape.channels, 4, self.kernels), 16), strict=True
        ):
            self._add_up(drawn, plane)
        levels = field * self._scale(shape) + 128 * shape.top / 255
        return exact.image(np.rint(levels, out=levels), shape)

    def _scale(self, shape: Shape) -> float:
        """Bring the standard deviation to 36 of 255: each kernel has πσ²/2 to give."""
        reach = 2 * _reach(self.sigma) / _SUBPIXELS
        area = (shape.height + reach) * (shape.width + reach)
        variance = self.kernels * math.pi * self.sigma * self.sigma / (2 * area)
        return 36 * (shape.top / 255) / (math.sqrt(variance) * (1 << 36))

    def _add_up(self, drawn: Words, plane: Field) -> None:
        """Add up the kernels of one channel, times 2**36.

        cos(x + y) = cos x·cos y − sin x·sin y makes each kernel the sum of two products of a
        column and a row, and all kernels that touch a block of rows a product of matrices.
        """
        height, width = plane.shape
        reach = _reach(self.sigma)
        kernels = _Kernels.place(drawn, plane.shape, reach, self.frequency)
        window = _window(self.sigma)
        down = _waves(height, kernels.y, kernels.rate_y, np.zeros_like(kernels.phase), window)
        across = _waves(width, kernels.x, kernels.rate_x, kernels.phase, window)
        down[:, 1] *= -1
        rows = down.reshape(-1, height).T
        columns = across.reshape(-1, width)
        for first in range(0, height, _BLOCK):
            last = min(first + _BLOCK, height)
            ends = np.array([first * _SUBPIXELS - reach, last * _SUBPIXELS + reach])
            start, stop = (2 * int(place) for place in np.searchsorted(kernels.y, ends))
            # Two products of 2**18 by 2**18 for each of at most 2**12 kernels: 2**49.
            plane[first:last] = exact.product(rows[first:last, start:stop], columns[start:stop])


class _Kernels(NamedTuple):
    """Kernels from top to bottom: centers in 1/16 pixels, phases and rates in 2**-32 turns.

    Rates are for 1/16 of a pixel.
    """

    x: Words
    y: Words
    rate_x: Words
    rate_y: Words
    phase: Words

    @classmethod
    def place(
        cls, drawn: Words, frame: tuple[int, ...], reach: int, frequency: float
    ) -> "_Kernels":
        """Make kernels of four numbers of 16 bits each."""
        across, down, direction, phase = drawn.astype(np.int64)
        height, width = (_SUBPIXELS * side + 2 * reach for side in frame)
        y = (down * height >> 16) - reach
        order = np.argsort(y, kind="stable")
        cosines, sines = (wave[direction].astype(np.int64) for wave in exact.turns())
        rate = round(frequency * (1 << 32) / _SUBPIXELS)
        return cls(
            ((across * width >> 16) - reach)[order],
            y[order],
            (cosines * rate >> 12)[order],
            (sines * rate >> 12)[order],
            (phase << 16)[order],
        )


def _reach(sigma: float) -> int:
    """Return how far a window reaches, in 1/16 pixels."""
    return math.ceil(4 * sigma * _SUBPIXELS)


@lru_cache(maxsize=8)
def _window(sigma: float) -> Table:
    """Tabulate the window by distance in 1/16 pixels, in 1/4096; zero at the end."""
    spread = 2 * (sigma * _SUBPIXELS) ** 2
    values = [round(4096 * math.exp(-d * d / spread)) for d in range(_reach(sigma))]
    return np.array([*values, 0], np.int32)


def _waves(size: int, centers: Words, rates: Words, phases: Words, window: Table) -> Field:
    """Return cosine and sine under the window, in 2**-18, of each kernel at each pixel."""
    pixels = np.arange(size) * _SUBPIXELS + _SUBPIXELS // 2
    distances = pixels - centers[:, None]
    weights = window.take(np.minimum(np.abs(distances), len(window) - 1))
    turned = distances * rates[:, None] + phases[:, None] >> 16 & 65535
    cosines, sines = exact.turns()
    waves = np.empty((len(centers), 2, size))
    for place, wave in enumerate((cosines, sines)):
        waves[:, place] = wave.take(turned) * weights + 32 >> 6
    return waves
