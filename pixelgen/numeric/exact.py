"""Arithmetic that gives the same integers on every processor, for families to build on.

Three things are exact whatever library computes them: integers, tables that the standard library
fills and that are rounded to integers, and sums of products of integers held in ``float64`` as long
as every partial sum stays below 2**53, in whatever order they are added. So is each single IEEE
operation (+ − × ÷ √ rint floor) of a numpy ufunc. No other float may decide a pixel.

Fields are (channels, height, width) ``float64`` arrays of integers: the shape that matrix products
want. :func:`image` turns one into pixels.
"""

import math
from collections.abc import Iterator
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.image_types import Pixels, Shape

Field: TypeAlias = npt.NDArray[np.float64]
"""Integers held in float64, mostly (channels, height, width)."""

Table: TypeAlias = npt.NDArray[Any]

NORMAL_UNIT = 4096
"""One standard deviation in the table of :func:`normals`."""

TURN_UNIT = 4096
"""One in the tables of :func:`turns`."""

_KERNEL_SUM = 65536
_BLOCK = 32


@cache
def quantiles() -> Field:
    """Tabulate Φ⁻¹((k + ½)/65536) by the standard library, the same bits on every CPU."""
    quantile = NormalDist().inv_cdf
    return np.array([quantile((k + 0.5) / 65536) for k in range(65536)])


@cache
def normals() -> Table:
    """Tabulate 65,536 equally likely normal deviates, in 1/4096: |Z| ≤ 17,715, int16."""
    return np.rint(NORMAL_UNIT * quantiles()).astype("i2")


@cache
def turns() -> tuple[Table, Table]:
    """Tabulate cosine and sine of 65,536 angles of the full turn, in 1/4096, int32."""
    angles = [math.tau * k / 65536 for k in range(65536)]
    cosines = [round(TURN_UNIT * math.cos(angle)) for angle in angles]
    sines = [round(TURN_UNIT * math.sin(angle)) for angle in angles]
    return np.array(cosines, "i4"), np.array(sines, "i4")


def product(left: Field, right: Field) -> Field:
    """Multiply matrices of integers; every partial sum must stay below 2**53."""
    multiplied: Field
    if blas_is_exact():
        multiplied = np.matmul(left, right)
    else:
        whole = left.astype(np.int64), right.astype(np.int64)
        multiplied = np.einsum("...ij,...jk->...ik", *whole).astype(np.float64)
    return multiplied


@cache
def blas_is_exact() -> bool:
    """Return whether matrix products are right in this process, by known products; checked once.

    OpenBLAS 0.3.20 picks a kernel for some processors that returns wrong entries from about 200
    rows on, without an error.
    """
    return all(_multiplies(size) for size in (256, 257, 512))


def _multiplies(size: int) -> bool:
    """Compare the product of two matrices with its closed form."""
    # left[i, k] = f(i)·g(k) + h(k) and right[k, j] = p(k)·q(j), so that the product is known in
    # closed form, while no two rows or columns are alike.
    k = np.arange(size, dtype=np.int64)
    f, g, h = k * 37 % 101 - 50, k * 53 % 97 - 48, k * 29 % 89 - 44
    p, q = k * 41 % 103 - 51, k * 31 % 107 - 53
    left = (np.outer(f, g) + h).astype(np.float64)
    right = np.outer(p, q).astype(np.float64)
    wanted = np.outer(f * int((g * p).sum()) + int((h * p).sum()), q)
    return bool((np.matmul(left, right) == wanted).all())


@lru_cache(maxsize=16)
def gaussian_kernel(size: int, sigma: float) -> Table:
    """Tabulate a periodic Gaussian of ``size`` taps that add up to about 65,536, from tap 0 on.

    Tap d is Σₖ exp(−(d + k·size)²/2σ²), scaled and rounded: the blur of a torus, where the
    distance to the nearest image alone would be off by 5 % at σ = size/4.
    """
    reach = math.ceil(9 * sigma / size)

    def weight(d: int) -> float:
        return math.fsum(
            math.exp(-((d + k * size) ** 2) / (2 * sigma * sigma)) for k in range(-reach, reach + 1)
        )

    weights = [weight(d) for d in range(size)]
    total = math.fsum(weights)
    return np.array([round(_KERNEL_SUM * weight / total) for weight in weights], np.float64)


def blur(field: Field, sigma: float) -> Field:
    """Blur every channel by a periodic Gaussian, along both axes; a constant grows 2**32-fold.

    Values below 2**20 in magnitude stay exact.
    """
    height, width = field.shape[-2:]
    rows, columns = _band(width, sigma), _band(height, sigma)
    blurred = np.empty(field.shape)
    for plane, across in zip(field, blurred, strict=True):
        for first, wound in rows.windows(plane.T):
            across[:, first : first + rows.block] = product(wound.T, rows.matrix)
        for first, wound in columns.windows(across.copy()):
            across[first : first + columns.block] = product(columns.matrix.T, wound)
    return blurred


def blur_gain(height: int, width: int, sigma: float) -> int:
    """Return the factor by which :func:`blur` multiplies a constant: about 2**32."""
    return math.prod(int(gaussian_kernel(side, sigma).sum()) for side in (height, width))


class _Band(NamedTuple):
    """A blur along one axis: its matrix for a block of positions, and the kernel's reach.

    A narrow kernel needs only the positions around a block, so one small matrix serves every
    block; a wide kernel takes all positions at once.
    """

    matrix: Field
    reach: int

    @property
    def block(self) -> int:
        """The number of positions that the matrix blurs."""
        return int(self.matrix.shape[1])

    def windows(self, places: Field) -> Iterator[tuple[int, Field]]:
        """Yield the start of each block, and the positions it needs, around the torus."""
        size = len(places)
        if self.reach:
            places = np.concatenate([places[-self.reach :], places, places[: self.reach]])
        for first in [*range(0, size - self.block, self.block), size - self.block]:
            yield first, places[first : first + self.block + 2 * self.reach]


@lru_cache(maxsize=8)
def _band(size: int, sigma: float) -> _Band:
    kernel = gaussian_kernel(size, sigma)
    reach = int(np.flatnonzero(kernel[: size // 2 + 1]).max())
    block = max(_BLOCK, reach)
    if 2 * (block + 2 * reach) > size:
        block, reach = size, 0
    distances = (np.arange(block + 2 * reach)[:, None] - reach - np.arange(block)) % size
    within = np.minimum(distances, size - distances) <= (reach or size)
    return _Band(np.where(within, kernel[distances], 0.0), reach)


def stretch(field: Field, top: int, axes: tuple[int, ...] | None = None) -> Field:
    """Bring a field to exactly 0 … ``top``, over the whole or over ``axes``; flat fields to 0.

    Values must stay below 2**53/top in magnitude.
    """
    low = field.min(axis=axes, keepdims=True)
    span = np.maximum(field.max(axis=axes, keepdims=True) - low, 1)
    stretched: Field = field - low
    stretched *= top
    stretched /= span
    return np.rint(stretched, out=stretched)


def image(field: Field, shape: Shape) -> Pixels:
    """Turn a (channels, height, width) field into pixels, clipped to the range of levels."""
    return last(np.clip(field, 0, shape.top).astype(shape.dtype))


def last(planes: Table) -> Table:
    """Lay planes out as pixels: (channels, height, width) as (height, width, channels)."""
    pixels = np.empty((*planes.shape[1:], len(planes)), planes.dtype)
    for channel, plane in enumerate(planes):
        pixels[..., channel] = plane
    return pixels
