"""Arithmetic that gives the same integers on every processor, for families to build on.

Three things are exact whatever library computes them: integers, tables that the standard library
fills and that are rounded to integers, and sums of products of integers held in ``float64`` as long
as every partial sum stays below 2**53, in whatever order they are added. So is each single IEEE
operation (+ − × ÷ √ rint floor) of a numpy ufunc. No other float may decide a pixel.

Fields are (channels, height, width) ``float64`` arrays of integers: the shape that matrix products
want. :func:`image` turns one into pixels.
"""

import math
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.families.base import Pixels, Shape

Field: TypeAlias = npt.NDArray[np.float64]
"""Integers held in float64, mostly (channels, height, width)."""

Table: TypeAlias = npt.NDArray[Any]

NORMAL_UNIT = 4096
"""One standard deviation in the table of :func:`normals`."""

TURN_UNIT = 4096
"""One in the tables of :func:`turns`."""

_KERNEL_SUM = 65536
_BLOCK = 64


@cache
def normals() -> Table:
    """Tabulate 65,536 equally likely normal deviates, in 1/4096: |Z| ≤ 17,715, int16."""
    quantile = NormalDist().inv_cdf
    return np.array([round(NORMAL_UNIT * quantile((k + 0.5) / 65536)) for k in range(65536)], "i2")


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
    """Tell whether matrix products of this process come out right, by known ones; asked once.

    OpenBLAS 0.3.20 picks a kernel for some processors that returns wrong entries from about 200
    rows on, without a word.
    """
    return all(_multiplies(size) for size in (256, 257, 512))


def _multiplies(size: int) -> bool:
    """Compare the product of two matrices with what their making says it must be."""
    # left[i, k] = f(i)·g(k) + h(k) and right[k, j] = p(k)·q(j), so that the product is known in
    # closed form, while no two rows or columns are alike.
    k = np.arange(size, dtype=np.int64)
    f, g, h = k * 37 % 101 - 50, k * 53 % 97 - 48, k * 29 % 89 - 44
    p, q = k * 41 % 103 - 51, k * 31 % 107 - 53
    left = (np.outer(f, g) + h).astype(np.float64)
    right = np.outer(p, q).astype(np.float64)
    wanted = np.outer(f * int((g * p).sum()) + int((h * p).sum()), q)
    return bool((np.matmul(left, right) == wanted).all())


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
    down = _blur_columns(field, sigma)
    across = _blur_columns(down.swapaxes(-1, -2), sigma)
    return across.swapaxes(-1, -2)


def _blur_columns(field: Field, sigma: float) -> Field:
    """Convolve every column periodically."""
    size = field.shape[-2]
    matrix, reach = _circulant(size, sigma)
    if len(matrix) == size:
        return product(matrix, field)
    blurred = np.empty(field.shape)
    for first in [*range(0, size - _BLOCK, _BLOCK), size - _BLOCK]:
        rows = np.arange(first - reach, first + _BLOCK + reach) % size
        blurred[..., first : first + _BLOCK, :] = product(matrix, field[..., rows, :])
    return blurred


@lru_cache(maxsize=8)
def _circulant(size: int, sigma: float) -> tuple[Field, int]:
    """Lay the kernel out as a matrix, and tell how far it reaches.

    A narrow kernel needs but the rows around: the same small matrix then serves every block of
    rows.
    """
    kernel = gaussian_kernel(size, sigma)
    reach = int(np.flatnonzero(kernel[: size // 2 + 1]).max())
    if _BLOCK + 2 * reach >= size:
        steps = np.arange(size)
        return kernel[(steps[:, None] - steps) % size], reach
    taps = (np.arange(_BLOCK)[:, None] + reach - np.arange(_BLOCK + 2 * reach)) % size
    return np.where(np.minimum(taps, size - taps) <= reach, kernel[taps], 0.0), reach


def stretch(field: Field, top: int, axes: tuple[int, ...] | None = None) -> Field:
    """Bring a field to exactly 0 … ``top``, over the whole or over ``axes``; flat fields to 0.

    Values must stay below 2**53/top in magnitude.
    """
    low = field.min(axis=axes, keepdims=True)
    span = np.maximum(field.max(axis=axes, keepdims=True) - low, 1)
    stretched: Field = np.rint((field - low) * top / span)
    return stretched


def image(field: Field, shape: Shape) -> Pixels:
    """Turn a (channels, height, width) field into pixels, clipped to the range of levels."""
    levels = np.clip(field, 0, shape.top).astype(shape.dtype)
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1))
