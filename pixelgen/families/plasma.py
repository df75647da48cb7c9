"""Plasma: clouds by midpoint displacement."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.numeric.lookup import row_bands
from pixelgen.registry import parameter
from pixelgen.rng import Stream, Words

_MOST_TOGETHER = 1 << 20
"""Pixels of a frame whose channels are drawn together."""


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
        """Draw the first corner of the torus, and stretch each channel."""
        pixels = np.empty(shape.levels, shape.dtype)
        channel = 0
        for part in first_corner(stream, shape, self.h):
            for heights in part.swapaxes(0, 1):
                _stretch(heights, pixels[..., channel])
                channel += 1
            del part, heights  # frees their memory before the next channel is drawn
        return pixels


def _stretch(heights: Table, levels: Pixels) -> None:
    """Bring the heights of a channel to all levels, band by band of rows."""
    low = heights.min()
    # Single IEEE operations of 32 bits: quick, close enough.
    scale = np.float32(np.iinfo(levels.dtype).max / max(int(heights.max()) - int(low), 1))
    for rows in row_bands(*heights.shape):
        scaled = (heights[rows] - low).astype(np.float32)
        scaled *= scale
        levels[rows] = np.rint(scaled, out=scaled)


def first_corner(stream: Stream, shape: Shape, h: float) -> Iterator[Table]:
    """Draw the heights of the first corner of the least torus that holds a frame.

    Yields (height, channels, width) of all channels together, or of one after the other if the
    frame is large: fewer operations, or less memory.
    """
    drawn = []
    for level in range((max(shape.height, shape.width) - 1).bit_length()):
        side = 1 << level
        drawn.append(stream.integers((3, side, shape.channels, side), 16).view("<i2"))
    sizes = [(shape.height, shape.width)]
    for _ in drawn:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2 + 1, (width + 1) // 2 + 1))
    step = 1 if shape.height * shape.width > _MOST_TOGETHER else shape.channels
    for first in range(0, shape.channels, step):
        channels = slice(first, first + step)
        heights = np.zeros((sizes[-1][0] + 1, step, sizes[-1][1] + 1), np.int32)
        for level, words in enumerate(drawn):
            factor = round(65536 * math.pow(2.0, -level * h))
            height, width = sizes[-2 - level]
            doubled = _double(heights, words[:, :, channels], factor)
            heights = doubled[: height + 1, :, : width + 1]
        yield heights[1:, :, 1:]


def _double(heights: Table, words: Words, factor: int) -> Table:
    """Put points between those of a part of a torus, band by band of rows.

    The part is rows −1 … m and columns −1 … n. All neighbors of the points of rows −1 … 2m − 1 and
    columns −1 … 2n − 1 of the doubled torus lie in it: these are returned.
    """
    height, channels, width = heights.shape
    doubled = np.empty((2 * height - 3, channels, 2 * width - 3), np.int32)
    for band in row_bands(height - 2, channels * width):
        rows = np.arange(band.start - 1, band.stop) % words.shape[1]
        noise = _noise(words[:, rows], width - 1, factor)
        _put_between(heights[band.start : band.stop + 2], noise,
                     doubled[2 * band.start : 2 * band.stop + 1])  # fmt: skip
    return doubled


def _noise(words: Words, width: int, factor: int) -> Table:
    """Return what is added at columns −1, 0 … of some rows of a torus, (3, rows, channels, width).

    It is for centers, for points right of others, and for points below others.
    """
    noise = np.empty((*words.shape[:3], width), np.int32)
    side = words.shape[3]
    noise[..., 0] = words[..., -1]
    noise[..., 1 : side + 1] = words[..., : width - 1]
    noise[..., side + 1 :] = words[..., : max(width - 1 - side, 0)]
    # Noise is at most 2²³ in magnitude: twice that a level stays below 2²⁹ for 16 levels, so that
    # four neighbors can be added.
    noise *= np.int32(factor)
    noise >>= 8
    return noise


def _put_between(heights: Table, noise: Table, doubled: Table) -> None:
    """Lay out some rows of heights, and the points between them: centers, right, and below."""
    centers, right, below = noise[0], noise[1, 1:], noise[2, ..., 1:]
    beside = heights[..., :-1] + heights[..., 1:]
    centers += (beside[:-1] + beside[1:]) >> 2
    right += (beside[1:-1] + centers[:-1] + centers[1:]) >> 2
    ends = heights[:-1, :, 1:-1] + heights[1:, :, 1:-1]
    below += (ends + centers[..., :-1] + centers[..., 1:]) >> 2
    doubled[1::2, :, 1::2], doubled[1::2, :, ::2] = heights[1:-1, :, 1:-1], right
    doubled[::2, :, 1::2], doubled[::2, :, ::2] = below, centers
