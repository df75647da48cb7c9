"""Plasma: clouds by midpoint displacement."""

import math
from dataclasses import dataclass

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.registry import parameter
from pixelgen.rng import Stream


@dataclass(frozen=True)
class Plasma(Family):
    """Clouds by midpoint displacement (diamond-square).

    The field is a torus of the smallest side 2ᵏ that holds the frame, and starts from one point of
    height 0. Each level l = 0, 1, … adds a point in the middle of every four, then one in the
    middle of every edge. Its height is the mean of its four neighbors, rounded down, plus an
    integer uniform in −32768 … 32767 times 2^(−l·h), in steps of 1/256, rounded down. The factor is
    rounded to 1/65536, so that ``h`` need not be whole; h=0 is the roughest. The frame is the first
    corner of the torus. Each channel is brought to the full range within the frame. Square frames
    of side 2ᵏ tile without a seam.

    Source: A. Fournier, D. Fussell and L. Carpenter, "Computer Rendering of Stochastic Models",
    CACM 25, 1982; the fog of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to
    Common Corruptions and Perturbations", ICLR 2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Plasma().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'f0d99f082e7ecfa4'
    """

    name = "plasma"
    number = 15
    texture = Texture.SMOOTH

    h: float = parameter(1.0, "smoothness: noise falls by 2^-h a level", low=0.0, high=2.0)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Draw the torus, and show its first corner."""
        heights = torus(stream, max(shape.height, shape.width), shape.channels, self.h)
        pixels = np.empty(shape.levels, shape.dtype)
        for channel in range(shape.channels):
            shown = heights[: shape.height, channel, : shape.width]
            pixels[..., channel] = _levels(shown, shape.top)
        return pixels


def _levels(heights: Table, top: int) -> Table:
    """Bring heights to 0 … ``top``, by single IEEE operations of 32 bits: quick, close enough."""
    low = heights.min()
    levels: Table = (heights - low).astype(np.float32)
    levels *= np.float32(top / max(int(heights.max()) - int(low), 1))
    return np.rint(levels, out=levels)


def torus(stream: Stream, side: int, channels: int, h: float) -> Table:
    """Draw the heights of the least torus that holds ``side`` pixels, (row, channel, column)."""
    heights = np.zeros((1, channels, 1), np.int32)
    for level in range((side - 1).bit_length()):
        # Noise is at most 2²³ in magnitude: twice that a level stays below 2²⁹ for 16 levels, so
        # that four neighbors can be added.
        factor = np.int32(round(65536 * math.pow(2.0, -level * h)))
        drawn = stream.integers((3, 1 << level, channels, 1 << level), 16)
        noise = drawn.view("<i2").astype(np.int32)
        noise *= factor
        noise >>= 8
        heights = _double(heights, noise)
    return heights


def _double(heights: Table, noise: Table) -> Table:
    """Put points between those of a torus: centers, then those to the right, then those below."""
    centers, right, low = noise
    beside, below = heights.copy(), heights.copy()
    _add_next(beside.T, heights.T)
    _add_next(below, heights)
    mean = beside.copy()
    _add_next(mean, beside)
    mean >>= 2
    centers += mean
    _add_mean(right, beside, centers)
    _add_mean(low.T, below.T, centers.T)
    side, channels, _ = heights.shape
    doubled = np.empty((2 * side, channels, 2 * side), np.int32)
    doubled[::2, :, ::2], doubled[::2, :, 1::2] = heights, right
    doubled[1::2, :, ::2], doubled[1::2, :, 1::2] = low, centers
    return doubled


def _add_next(rows: Table, others: Table) -> None:
    """Add to each row the next of others."""
    rows[:-1] += others[1:]
    rows[-1] += others[0]


def _add_mean(edges: Table, ends: Table, middles: Table) -> None:
    """Add to each row a quarter of: its ends, its middles and the middles of the row before."""
    total = ends + middles
    total[1:] += middles[:-1]
    total[0] += middles[-1]
    edges += total >> 2
