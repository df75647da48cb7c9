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

PERIODIC, SYMMETRIC = BORDERS = ("periodic", "symmetric")
"""What lies beyond the border of a field that is blurred: its other end, or its mirror image."""

KERNEL_SUM = 65536
"""What the taps of :func:`gaussian_kernel` add up to, about."""

_FINE_SUM = 1 << 24
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
def gaussian_kernel(size: int, sigma: float, total: int = KERNEL_SUM) -> Table:
    """Tabulate a periodic Gaussian of ``size`` taps that add up to about ``total``, from tap 0 on.

    Tap d is Σₖ exp(−(d + k·size)²/2σ²), scaled and rounded: the blur of a torus, where the
    distance to the nearest image alone would be off by 5 % at σ = size/4. Of a σ below 0.1, whose
    square might be 0, only tap 0 is not.
    """
    sigma = max(sigma, 0.1)
    reach = math.ceil(9 * sigma / size)

    def weight(d: int) -> float:
        return math.fsum(
            math.exp(-((d + k * size) ** 2) / (2 * sigma * sigma)) for k in range(-reach, reach + 1)
        )

    weights = [weight(d) for d in range(size)]
    whole = math.fsum(weights)
    return np.array([round(total * weight / whole) for weight in weights], np.float64)


def blur(field: Field, sigma: float, border: str = PERIODIC) -> Field:
    """Blur every channel by a Gaussian, along both axes; a constant grows 2**32-fold.

    Beyond a border lies the other end of the field if it is ``PERIODIC``, its mirror image if it is
    ``SYMMETRIC``. Values below 2**20 in magnitude stay exact. Where sigma is above a quarter of a
    side, the differences that remain are lost in the rounding of the taps; see :func:`fine_blur`.
    """
    down, across = (_band(side, sigma, border, KERNEL_SUM) for side in field.shape[-2:])
    return _blurred(field, down, across)


def blur_gain(height: int, width: int, sigma: float, border: str = PERIODIC) -> int:
    """Return the factor by which :func:`blur` multiplies a constant: about 2**32."""
    sides = (_period(side, border) for side in (height, width))
    return math.prod(int(gaussian_kernel(side, sigma).sum()) for side in sides)


def fine_blur(field: Field, sigmas: tuple[float, float], border: str = PERIODIC) -> Field:
    """Blur as :func:`blur` does, with taps of more bits; a constant grows 2**20-fold.

    ``sigmas`` are those down and across. Values must be below 2**15 in magnitude. Where sigma is
    above half of a side, the differences that remain are lost in the rounding of the taps.
    """
    down, across = (
        _band(side, sigma, border, _FINE_SUM)
        for side, sigma in zip(field.shape[-2:], sigmas, strict=True)
    )
    # 2**15 · 2**24 · 2**-12 stays below 2**28, and that · 2**24 below 2**52.
    blurred = _blurred(field, down, across, between=0.5**12)
    blurred *= 0.5**16
    return np.rint(blurred, out=blurred)


def _blurred(field: Field, down: "_Band", across: "_Band", between: float = 1.0) -> Field:
    """Blur along both axes; what the first pass gives is scaled by ``between`` and rounded."""
    blurred = np.empty(field.shape)
    for plane, passed in zip(field, blurred, strict=True):
        for first, wound in across.windows(plane.T):
            passed[:, first : first + across.block] = product(wound.T, across.matrix)
        halfway = passed * between
        if between != 1.0:
            np.rint(halfway, out=halfway)
        for first, wound in down.windows(halfway):
            passed[first : first + down.block] = product(down.matrix.T, wound)
    return blurred


class _Band(NamedTuple):
    """A blur along one axis: its matrix for a block of positions, and the kernel's reach.

    A narrow kernel needs only the positions around a block, so one small matrix serves every
    block; a wide kernel takes all positions at once, and its reach is 0 here.
    """

    matrix: Field
    reach: int
    border: str

    @property
    def block(self) -> int:
        """The number of positions that the matrix blurs."""
        return int(self.matrix.shape[1])

    def windows(self, places: Field) -> Iterator[tuple[int, Field]]:
        """Yield the start of each block, and the positions it needs, beyond the borders too."""
        size = len(places)
        if self.reach:
            before, after = places[-self.reach :], places[: self.reach]
            if self.border == SYMMETRIC:
                before, after = after[::-1], before[::-1]
            places = np.concatenate([before, places, after])
        for first in [*range(0, size - self.block, self.block), size - self.block]:
            yield first, places[first : first + self.block + 2 * self.reach]


@lru_cache(maxsize=8)
def _band(size: int, sigma: float, border: str, total: int) -> _Band:
    period = _period(size, border)
    kernel = gaussian_kernel(period, sigma, total)
    reach = int(np.flatnonzero(kernel[: period // 2 + 1]).max())
    block = max(_BLOCK, reach)
    if 2 * (block + 2 * reach) > size:
        block, reach = size, 0
    steps = np.arange(block + 2 * reach)[:, None] - reach
    distances = (steps - np.arange(block)) % period
    if reach:
        within = np.minimum(distances, period - distances) <= reach
        return _Band(np.where(within, kernel[distances], 0.0), reach, border)
    matrix = kernel[distances]
    if border == SYMMETRIC:
        matrix += kernel[(steps + np.arange(block) + 1) % period]
    return _Band(matrix, reach, border)


def _period(size: int, border: str) -> int:
    """Return after how many positions a field repeats that is continued over its borders."""
    return size if border == PERIODIC else 2 * size


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
