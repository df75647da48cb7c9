"""Gabor noise: a sum of waves under Gaussian windows, at random places."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.registry import parameter
from pixelgen.rng import Stream, Words

_DIRECTIONS = 256
"""Directions in half a turn; a wave and its reverse are the same."""

_WEIGHTS = 4096
"""Weights are −4095, −4093 … 4095, equally likely."""

_UNITS = exact.TURN_UNIT**2 * _WEIGHTS
"""One in a sum of kernels, 2**36."""

_TILE = 32
_MOST_AT_ONCE = 4096


@dataclass(frozen=True)
class Gabor(Family):
    """Gabor noise: waves of one frequency under Gaussian windows.

    A channel is the sum of kernels w·exp(−ρ²/2σ²)·cos(2πF·x_θ), with uniform random weight w in
    −1 … 1 and direction θ, one of 256. The centers are pixels, uniform over the frame and as far
    around it as a window reaches, so that the border is like the center. On average ``overlap``
    centers lie in a circle of radius 2.45σ, where a window falls to 1/20; there it is cut, along x
    and y. Levels have the mean 127.5 and the standard deviation 42.5 of an unbounded texture of
    this kind, and are clipped. These are the defaults of Lagae et al.

    The noise of Co et al., in preset ``co``, has one direction and one gray channel, shorter waves,
    windows cut at 11 pixels, and 23 kernels in each 14×14 pixels; it is stretched to all levels.

    Source: Lagae, Lefebvre, Drettakis and Dutré, "Procedural Noise using Sparse Gabor Convolution",
    SIGGRAPH 2009; Co, Muñoz-González, de Maupeou and Lupu, "Procedural Noise Adversarial Examples
    for Black-Box Attacks on Deep Convolutional Networks", CCS 2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Gabor().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'bb660bcc0f94678f'
    """

    name = "gabor"
    number = 16
    version = 2
    texture = Texture.SMOOTH

    frequency: float = parameter(
        0.0625, "frequency of the waves, in cycles per pixel", low=0.02, high=0.25
    )
    sigma: float = parameter(
        8.0, "standard deviation of the windows, in pixels", low=3.0, high=64.0
    )
    overlap: float = parameter(
        64.0, "mean number of kernels in a circle of radius 2.45 sigma", low=1.0, high=200.0
    )
    cut: float = parameter(2.45, "windows end at this many sigma along x and y", low=1.0, high=3.0)
    direction: str = parameter(
        "each", "a direction for each kernel, or one for the image", choices=("each", "one")
    )
    tone: str = parameter(
        "color", "channels of their own, or the same in all", choices=("color", "gray")
    )
    stretch: bool = parameter(False, "stretch each channel to all levels")

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Add up each channel, and scale it by theory or by its extremes."""
        waves = _waves(self.frequency, self.sigma, self.cut)
        count = self._count(shape, waves.reach)
        pixels = np.empty(shape.levels, shape.dtype)
        plane = np.empty(shape.levels[:2])
        direction = None
        for channel in range(1 if self.tone == "gray" else shape.channels):
            drawn = stream.integers((4, count), 32)
            if self.direction == "one":
                direction = drawn[2, 0] if direction is None else direction
                drawn[2] = direction
            _add_up(_Kernels.place(drawn, plane.shape, waves.reach), waves, plane)
            self._to_levels(plane, shape, waves)
            # A gray channel goes to all.
            pixels[..., channel : channel + 1 if self.tone == "color" else None] = plane[..., None]
        return pixels

    def _count(self, shape: Shape, reach: int) -> int:
        """Return the number of kernels of a channel that may touch the frame."""
        area = (shape.height + 2 * reach) * (shape.width + 2 * reach)
        return max(1, round(area * self._density()))

    def _density(self) -> float:
        """Return the mean number of kernels per pixel."""
        return self.overlap / (math.pi * 2.45 * 2.45 * self.sigma * self.sigma)

    def _to_levels(self, plane: Field, shape: Shape, waves: "_Waves") -> None:
        """Turn a sum of kernels into levels, in place: a field takes eight bytes a pixel."""
        if self.stretch:
            # Sums stay below 2**49 (see _add_up), so these below 2**29.
            plane /= 1 << 20
            np.rint(plane, out=plane)
            plane -= plane.min()
            span = max(plane.max(), 1)
            plane *= shape.top
            plane /= span
            np.rint(plane, out=plane)
            return
        # The mean square of a weight is (4096² − 1)/3 of 4096².
        variance = self._density() * waves.energy * (_WEIGHTS * _WEIGHTS - 1) / 3
        plane *= 42.5 * (shape.top / 255) / math.sqrt(variance)
        plane += shape.top / 2
        np.rint(plane, out=plane)
        np.clip(plane, 0, shape.top, out=plane)


class _Kernels(NamedTuple):
    """Kernels from top to bottom: centers in pixels, numbers of directions, and weights."""

    x: Words
    y: Words
    direction: Words
    weight: Words

    @classmethod
    def place(cls, drawn: Words, frame: tuple[int, ...], reach: int) -> "_Kernels":
        """Make kernels of four numbers of 32 bits each."""
        height, width = (side + 2 * reach for side in frame)
        across, down, direction, weight = drawn.astype(np.int64)
        kernels = cls(
            (across * width >> 32) - reach,
            (down * height >> 32) - reach,
            direction >> 24,
            2 * (weight >> 20) - (_WEIGHTS - 1),
        )
        return kernels.take(np.argsort(kernels.y, kind="stable"))

    def take(self, which: Table | slice) -> "_Kernels":
        """Return some of the kernels."""
        return _Kernels(*(numbers[which] for numbers in self))

    def strip(self, top: int, reach: int) -> "_Kernels":
        """Return those that touch a row of tiles, from left to right."""
        first, last = np.searchsorted(self.y, (top - reach, top + _TILE + reach))
        found = self.take(slice(first, last))
        return found.take(np.argsort(found.x, kind="stable"))

    def across(self, left: int, reach: int) -> Iterator[slice]:
        """Yield slices of a strip, in which are those that touch a tile, some at a time."""
        first, last = np.searchsorted(self.x, (left - reach, left + _TILE + reach))
        for start in range(first, last, _MOST_AT_ONCE):
            yield slice(start, min(start + _MOST_AT_ONCE, last))


class _Waves(NamedTuple):
    """Waves under a window along x and y, in 1/4096, for each direction.

    ``across`` and ``down`` are views: [direction, cosine or sine, start] is the piece of ``_TILE``
    pixels of which the first is ``start − reach − _TILE + 1`` pixels from the center. ``down`` has
    the sine negated. ``reach`` is in pixels; ``energy`` is the sum of a kernel's squares, in
    2**-48, the mean over directions.
    """

    across: Field
    down: Field
    reach: int
    energy: float


@lru_cache(maxsize=4)
def _waves(frequency: float, sigma: float, cut: float) -> _Waves:
    """Tabulate cosine and sine of the part of the phase along x and y, under the window."""
    reach = int(cut * sigma)
    offsets = np.arange(-reach, reach + 1)
    spread = 2 * sigma * sigma
    window = np.array([round(4096 * math.exp(-d * d / spread)) for d in offsets.tolist()])
    cosines, sines = (table.astype(np.int64) for table in exact.turns())
    angles = np.arange(_DIRECTIONS) * (32768 // _DIRECTIONS)
    rate = round(frequency * (1 << 32))
    parts = []
    for rates in (cosines[angles] * rate >> 12, sines[angles] * rate >> 12):
        turned = (rates[:, None] * offsets >> 16) & 65535
        waves = np.stack([cosines[turned], sines[turned]], axis=1)
        parts.append(waves * window + 2048 >> 12)
    across, down = parts
    down[:, 1] *= -1
    return _Waves(_pieces(across), _pieces(down), reach, _energy(across, down))


def _pieces(part: Table) -> Field:
    """Return all pieces of ``_TILE`` pixels that touch the window."""
    padded = np.pad(part, ((0, 0), (0, 0), (_TILE - 1, _TILE - 1))).astype(np.float64)
    return sliding_window_view(padded, _TILE, axis=2)


def _energy(across: Table, down: Table) -> float:
    """Return Σ(x₀y₀ + x₁y₁)² over a kernel, the mean over directions, by whole numbers."""
    # Squares of 2**12 over at most 385 offsets stay below 2**33; Python's integers hold products.
    rows, columns = (
        np.einsum("dki,dli->dkl", part, part).astype(object) for part in (across, down)
    )
    return int((rows * columns).sum()) / _DIRECTIONS


def _add_up(kernels: _Kernels, waves: _Waves, plane: Field) -> None:
    """Add up the kernels of one channel, times 2**36.

    cos(x + y) = cos x·cos y − sin x·sin y makes each kernel the sum of two products of a column
    and a row, and all kernels that touch a tile a product of matrices. A kernel adds at most 2**36
    to a pixel and, at most 1.2 kernels being at a pixel, some 2**12 of them touch a tile: 2**48.
    """
    height, width = plane.shape
    first = waves.reach + _TILE - 1
    for top in range(0, height, _TILE):
        strip = kernels.strip(top, waves.reach)
        rows = waves.down[strip.direction, :, top - strip.y + first]
        rows *= strip.weight.astype(np.float64)[:, None, None]
        for left in range(0, width, _TILE):
            tile = np.zeros((_TILE, _TILE))
            for some in strip.across(left, waves.reach):
                here = left - strip.x[some] + first
                columns = waves.across[strip.direction[some], :, here]
                tile += exact.product(rows[some].reshape(-1, _TILE).T, columns.reshape(-1, _TILE))
            plane[top : top + _TILE, left : left + _TILE] = tile[: height - top, : width - left]
