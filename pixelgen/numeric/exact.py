"""Arithmetic that gives the same integers on every processor, for families to build on.

Three things are exact whatever library computes them: integers, tables that the standard library
fills and that are rounded to integers, and sums of products of integers held in ``float64`` as long
as every partial sum stays below 2**53, in whatever order they are added; in ``float32``, 2**24. So
is each single IEEE operation (+ − × ÷ √ rint floor) of a numpy ufunc, and an integer rounded from a
float whose error is proven to be too small to matter. No other float may decide a pixel.

Fields are (channels, height, width) ``float64`` arrays of integers: the shape that matrix products
want. :func:`image` turns one into pixels.
"""

import math
from functools import cache
from statistics import NormalDist
from typing import Any, TypeAlias

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


def product(left: Table, right: Table, out: Table | None = None) -> Table:
    """Multiply matrices of integers held in floats of one type, or of their multiples of 2**-k.

    Every partial sum must be exact: at most 2**53 units in float64, 2**24 in float32.
    """
    multiplied: Table
    if blas_is_exact(left.dtype.char):
        multiplied = np.matmul(left, right, out=out)
    else:
        multiplied = np.einsum("...ij,...jk->...ik", left, right, out=out)
    return multiplied


@cache
def blas_is_exact(kind: str = "d") -> bool:
    """Return whether matrix products are right in this process, by known products; checked once.

    ``kind`` is "d" for those of float64, "f" for those of float32.

    OpenBLAS 0.3.20 picks a kernel for some processors that returns wrong entries from about 200
    rows on, without an error.
    """
    return all(_multiplies(size, kind) for size in (256, 257, 512))


def _multiplies(size: int, kind: str) -> bool:
    """Compare the product of two matrices with its closed form."""
    # left[i, k] = f(i)·g(k) + h(k) and right[k, j] = p(k)·q(j), so that the product is known in
    # closed form, while no two rows or columns are alike.
    k = np.arange(size, dtype=np.int64)
    f, g, h = k * 37 % 101 - 50, k * 53 % 97 - 48, k * 29 % 89 - 44
    p, q = k * 41 % 103 - 51, k * 31 % 107 - 53
    if kind == "f":  # below 2**24: 512·(7·6 + 44)·(51·7)
        f, g, q = f // 8, g // 8, q // 8
    left = (np.outer(f, g) + h).astype(kind)
    right = np.outer(p, q).astype(kind)
    wanted = np.outer(f * int((g * p).sum()) + int((h * p).sum()), q)
    return bool((np.matmul(left, right) == wanted).all())


def stretch(field: Field, top: int) -> Field:
    """Bring a field to exactly 0 … ``top``; a flat one to 0.

    Values must stay below 2**53/top in magnitude.
    """
    low = field.min()
    span = np.maximum(field.max() - low, 1)
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
