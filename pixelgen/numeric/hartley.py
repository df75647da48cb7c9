"""The discrete Hartley transform of integers, exact on every processor."""

import math
from functools import lru_cache

import numpy as np

from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field

WAVE_UNIT = 16384
"""One in the tables of cosines and sines of :func:`transform`."""
_SMALLEST_SPLIT = 64
_BLOCK = 128


def transform(field: Field) -> Field:
    """Transform (…, height, width) integers below 2**19 by cas(2π·t·k/size) along both axes.

    cas = cos + sin, each rounded to 1/16384, and rows are rounded in between, so that the whole
    grows :func:`gain`-fold: R. N. Bracewell, "Discrete Hartley transform", J. Opt. Soc. Am. 73,
    1983. The transform is its own inverse, up to a factor.
    """
    # 2**19 · √2·2**14 · √2·2**14 · height·width · 2**-shift stays below 2**52.
    down = _turned_columns(field)
    down *= 0.5 ** _shift(*field.shape[-2:])
    return _turned_columns(np.rint(down, out=down))


def orthonormal(field: Field) -> Field:
    """Transform any numbers, so that neither twice nor the sum of their squares changes them.

    They are rounded to a power of two, of which the largest has less than 2**18, so that
    :func:`transform` is exact; scaling by powers of two is exact too.
    """
    largest = max(float(field.max()), -float(field.min()))
    exponent = 18 - math.frexp(largest)[1] if largest else 0
    scaled = np.ldexp(field, exponent)
    transformed = transform(np.rint(scaled, out=scaled))
    height, width = field.shape[-2:]
    transformed *= math.ldexp(1 / (gain(height, width) * math.sqrt(height * width)), -exponent)
    return transformed


def with_magnitudes(waves: Field, magnitudes: Field) -> Field:
    """Give the coefficients of one plane other magnitudes, and keep their phases.

    ``magnitudes`` are even in both frequencies; the sum of squares becomes theirs. With the even
    part E and the odd part O of the separable transform, a Fourier coefficient at (u, v) has the
    real part E(−u, v) and the imaginary part −O(u, v).
    """
    turned = opposite(waves)
    even, odd = waves + turned, waves - turned
    squares = np.square(_mirrored(even))
    squares += np.square(odd)
    ratios = magnitudes / np.sqrt(np.maximum(squares, 1e-300, out=squares))
    odd *= ratios
    even *= _mirrored(ratios)
    even += odd
    return even


def _mirrored(waves: Field) -> Field:
    """Return the coefficients at (−u, v) in the places of those at (u, v)."""
    return np.roll(waves[..., ::-1], 1, -1)


def opposite(waves: Field) -> Field:
    """Return the coefficients at (−u, −v) in the places of those at (u, v)."""
    return np.roll(waves[..., ::-1, ::-1], 1, (-2, -1))


def gain(height: int, width: int) -> float:
    """Return the ratio of the transform to a sum of coefficients times cas·cas."""
    return float(WAVE_UNIT * WAVE_UNIT) / (1 << _shift(height, width))


def _shift(height: int, width: int) -> int:
    return max((height * width - 1).bit_length() - 4, 0)


def _turned_columns(field: Field) -> Field:
    """Transform every column, a few at a time to stay in the cache, and lay it down as a row."""
    *planes, height, width = field.shape
    rows = np.empty((*planes, width, height))
    for plane in np.ndindex(*planes):
        for first in range(0, width, _BLOCK):
            columns = (*plane, slice(None), slice(first, first + _BLOCK))
            rows[(*plane, slice(first, first + _BLOCK))] = _columns(field[columns]).T
    return rows


def _columns(field: Field) -> Field:
    """Transform every column, with a sixth of the products of the full matrix if it halves well.

    Even rows of the result are the transform of the sum of the upper and the lower half, odd rows
    depend only on their difference; there cosines are odd and sines even about the middle, and each
    pair of rows t, size − t is the sum and the difference of what cosines and sines give. No
    partial sum exceeds that of the full matrix, so the integers are the same.
    """
    size = field.shape[-2]
    if size < _SMALLEST_SPLIT:
        return exact.product(_waves(size), field)
    if size % 4:
        return _paired_columns(field)
    half, quarter = size // 2, size // 4
    upper, lower = field[..., :half, :], field[..., half:, :]
    result = np.empty(field.shape)
    result[..., ::2, :] = _columns(upper + lower)
    rest = upper - lower
    mirrored = rest[..., :quarter:-1, :]
    for_sines = rest[..., 1 : quarter + 1, :].copy()
    for_sines[..., :-1, :] += mirrored
    rest[..., 1:quarter, :] -= mirrored
    cosines, sines = _odd_waves(size)
    by_cosines = exact.product(cosines, rest[..., :quarter, :])
    by_sines = exact.product(sines, for_sines)
    np.add(by_cosines, by_sines, out=result[..., 1:half:2, :])
    np.subtract(by_cosines, by_sines, out=result[..., :half:-2, :])
    return result


def _paired_columns(field: Field) -> Field:
    """Transform every column of a size that does not halve well, with half of the products.

    Cosines are the same at k and size − k, and sines opposite.
    """
    size = field.shape[-2]
    pairs = (size - 1) // 2
    cosines, sines = _paired_waves(size)
    later = field[..., : size - pairs - 1 : -1, :]
    earlier = field[..., 1 : pairs + 1, :]
    sums = field[..., : size // 2 + 1, :].copy()
    sums[..., 1 : pairs + 1, :] += later
    by_cosines = exact.product(cosines, sums)
    by_sines = exact.product(sines, earlier - later)
    result = np.empty(field.shape)
    result[..., : size // 2 + 1, :] = by_cosines
    result[..., 1 : pairs + 1, :] += by_sines
    pair = by_cosines[..., 1 : pairs + 1, :]
    np.subtract(pair, by_sines, out=result[..., : size - pairs - 1 : -1, :])
    return result


@lru_cache(maxsize=8)
def _paired_waves(size: int) -> tuple[Field, Field]:
    """Tabulate cosines of frequencies and places up to size/2, and sines of those of pairs."""
    cosines, sines = _circle(size)
    steps, pairs = np.arange(size // 2 + 1), np.arange(1, (size - 1) // 2 + 1)
    return cosines[np.outer(steps, steps) % size], sines[np.outer(pairs, pairs) % size]


@lru_cache(maxsize=8)
def _waves(size: int) -> Field:
    """Tabulate cas for all frequencies and places."""
    cosines, sines = _circle(size)
    steps = np.arange(size)
    table: Field = (cosines + sines)[np.outer(steps, steps) % size]
    return table


@lru_cache(maxsize=32)
def _odd_waves(size: int) -> tuple[Field, Field]:
    """Tabulate the odd frequencies below size/2: cosines from place 0 on, sines from place 1 on."""
    cosines, sines = _circle(size)
    odd, places = np.arange(1, size // 2, 2), np.arange(size // 4)
    return cosines[np.outer(odd, places) % size], sines[np.outer(odd, places + 1) % size]


def _circle(size: int) -> tuple[Field, Field]:
    """Tabulate cosine and sine of the ``size``-th parts of a turn."""
    angles = [math.tau * k / size for k in range(size)]
    cosines = [float(round(WAVE_UNIT * math.cos(angle))) for angle in angles]
    sines = [float(round(WAVE_UNIT * math.sin(angle))) for angle in angles]
    return np.array(cosines), np.array(sines)
