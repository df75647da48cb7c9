"""Random palettes: the colors of the image models of "Learning to See by Looking at Noise".

A palette is 3 to 22 random colors in random shares, laid out as stripes and blurred. An image is
made of independent planes, one along each of the palette's axes, and then turned into channels.
"""

import math
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.image_types import Pixels, Shape
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.histograms import ENTRIES
from pixelgen.numeric.lookup import row_bands
from pixelgen.rng import Stream

NOISE_MEAN, NOISE_STD = 128.0, 256 / math.sqrt(12)
"""Moments of the noise that each plane is made from, in levels of 0 … 255."""

_TOP = 65535
_PLACES = 4096
_BLURS = 10
_SWEEPS = 8

Rows: TypeAlias = list[list[float]]
Planes: TypeAlias = npt.NDArray[np.float32]
"""(channels, height, width), in levels."""


@dataclass(frozen=True)
class Palette:
    """Colors: (channels, places) of 0 … 255, their mean, and their principal axes.

    Planes follow the axes' components rather than the axes: plane i has component i of each axis as
    its weights, and channel c is the sum of the planes times the components of axis c. So it is in
    the Python code of the paper; its MATLAB code has the two the other way round.
    """

    colors: Field
    mean: Field
    axes: Rows

    @classmethod
    def draw(cls, stream: Stream, shape: Shape) -> Self:
        """Draw a palette for images of ``shape``."""
        chosen = stream.integers(3, 16).astype(np.int64)
        count, blur = 3 + (20 * chosen[0] >> 16), 1 + (_BLURS * chosen[1] >> 16)
        shares = stream.integers(int(count), 32).astype(np.int64) + (1 << 32) // 1000
        drawn = stream.integers((int(count), shape.channels), 16).astype(np.int64)
        ends = np.cumsum(shares) * _PLACES // shares.sum()
        stripes = drawn[np.searchsorted(ends, np.arange(_PLACES), side="right")].T
        colors = _stretched(_blurred(stripes, min(int(blur) * _PLACES // shape.height, _PLACES)))
        sums = [int(total) for total in colors.sum(axis=1)]
        levels = colors * (255 / _TOP)
        mean = np.array([total / _PLACES * (255 / _TOP) for total in sums])
        axes = _principal_axes(_covariance(colors, sums))
        signs = [1 - 2 * (int(chosen[2]) >> bit & 1) for bit in range(len(axes))]
        for axis, sign in zip(axes, signs, strict=True):
            axis[:] = [one * sign for one in axis]
        return cls(levels, mean, axes)

    def histogram(self, plane: int) -> tuple[Field, float]:
        """Return the levels that the colors have in a plane, about their mean, as a table.

        The second value is their standard deviation.
        """
        along = np.zeros(_PLACES)
        for axis, levels, mean in zip(self.axes, self.colors, self.mean, strict=True):
            along += (levels - mean) * axis[plane]
        along.sort()
        squares = math.fsum(np.square(along).tolist())
        return np.repeat(along, ENTRIES // _PLACES), math.sqrt(squares / _PLACES)

    def planes(self, shape: Shape) -> Planes:
        """Return room for the planes of an image: (channels, height, width), 24 bits a value."""
        return np.empty((shape.channels, shape.height, shape.width), np.float32)

    def pixels(self, planes: Planes, shape: Shape) -> Pixels:
        """Turn planes into channels, add the mean, and stretch all levels to the full range.

        The planes are overwritten.
        """
        blocks = list(row_bands(shape.height, 3 * shape.width))
        for rows in blocks:
            planes[:, rows] = [
                sum((plane[rows] * np.float32(weight)
                     for weight, plane in zip(axis, planes, strict=True)), start=np.float32(mean))
                for axis, mean in zip(self.axes, self.mean, strict=True)
            ]  # fmt: skip
        low = planes.min()
        span = planes.max() - low
        scale = np.float32(shape.top) / span if span > 0 else np.float32(0)
        pixels = np.empty(shape.levels, shape.dtype)
        for rows in blocks:
            levels = (planes[:, rows] - low) * scale
            pixels[rows] = exact.last(np.rint(levels, out=levels))
        return pixels


def _blurred(stripes: Table, size: int) -> Table:
    """Average stripes over ``size`` places, mirrored at the ends."""
    if size < 2:
        return stripes
    before = size // 2
    wide = np.concatenate(
        [stripes[:, :before][:, ::-1], stripes, stripes[:, -(size - before) :][:, ::-1]], axis=1
    )
    sums = np.cumsum(wide, axis=1)
    averages: Table = (sums[:, size : size + _PLACES] - sums[:, :_PLACES]) // size
    return averages


def _stretched(colors: Table) -> Table:
    """Bring the levels of all channels together to 0 … 65535."""
    low = colors.min()
    stretched: Table = (colors - low) * _TOP // max(int(colors.max() - low), 1)
    return stretched


def _covariance(colors: Table, sums: list[int]) -> Rows:
    """Return the covariances of the channels, up to a factor."""
    # Products below 2**32 of 4096 places.
    products = np.einsum("ap,bp->ab", colors, colors)
    return [
        [
            float(_PLACES * int(product) - mine * other)
            for product, other in zip(row, sums, strict=True)
        ]
        for row, mine in zip(products, sums, strict=True)
    ]


def _principal_axes(matrix: Rows) -> Rows:
    """Return the unit eigenvectors of a matrix of covariances, strongest first, by Jacobi's method.

    Python's floats have nothing but + − × ÷ √ here, so the result is the same everywhere.
    """
    size = len(matrix)
    axes = [[float(row == column) for column in range(size)] for row in range(size)]
    pairs = [(p, q) for p in range(size) for q in range(p + 1, size)]
    for p, q in pairs * _SWEEPS:
        if matrix[p][q]:
            turn = _turn(matrix[p][p], matrix[q][q], matrix[p][q])
            _turn_rows(matrix, p, q, *turn)
            matrix = [list(row) for row in zip(*matrix, strict=True)]
            _turn_rows(matrix, p, q, *turn)
            _turn_rows(axes, p, q, *turn)
    order = sorted(range(size), key=lambda axis: -matrix[axis][axis])
    return [axes[axis] for axis in order]


def _turn(first: float, second: float, mixed: float) -> tuple[float, float]:
    """Return cosine and sine of the angle that makes two planes independent."""
    ratio = (second - first) / (2 * mixed)
    tangent = (1.0 if ratio >= 0 else -1.0) / (abs(ratio) + math.sqrt(ratio * ratio + 1))
    cosine = 1 / math.sqrt(tangent * tangent + 1)
    return cosine, tangent * cosine


def _turn_rows(rows: Rows, p: int, q: int, cosine: float, sine: float) -> None:
    first, second = rows[p], rows[q]
    rows[p] = [cosine * one - sine * two for one, two in zip(first, second, strict=True)]
    rows[q] = [sine * one + cosine * two for one, two in zip(first, second, strict=True)]
