"""Discrete Fourier transforms of integers, rounded to integers that are the same everywhere.

The last bits of a fast Fourier transform depend on the processor and the library. Here each value
is rounded to an integer. As far as its distance from the edge between two integers is more than
the transform's error can be, that is the rounding of the exact value. The few values that are
nearer are computed again in integers. So what is returned is a matter of mathematics.

Planes are (height, width) arrays. Their waves are complex arrays (height, width // 2 + 1): the
coefficients of the frequencies (u, v) with v up to half of the width, of which the others are the
conjugates.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.lookup import row_bands
from pixelgen.numeric.table_cache import cached_tables

Waves: TypeAlias = npt.NDArray[np.complex128]
Plane: TypeAlias = npt.NDArray[np.floating[Any]]
Places: TypeAlias = Sequence[tuple[int, int]]

_INPUT_BITS = 20
"""Integers that are transformed are below 2**20 in magnitude."""
_SMOOTH = 15
_UNIT_ROUNDOFF = 2.0**-53
_COLUMNS = 32
_SUMMED = 1 << 13

_PI = 0x3243F6A8885A308D313198A2E0370734
"""π in 2**-124, from its hexadecimal digits."""
_FINE_BITS = 124
_LIMB_BITS, _LIMBS = 16, 4
_CIRCLE_BITS = _LIMB_BITS * _LIMBS
_PART_BITS = 18
_AT_ONCE = 8
_SUM_UNIT = 1 << 2 * _CIRCLE_BITS


def forward(plane: Field) -> Waves:
    """Return the orthonormal waves of a plane of any numbers, which is overwritten.

    The plane is rounded to steps of which the largest value has less than 2**20, and waves to
    steps of which their root mean square has about 2**13. These are coarser in planes of more than
    1024² pixels, 2**11 at 4096², and eight times as coarse where a side has large prime factors.
    """
    exponent = _make_whole(plane)
    energy = _energy(plane)
    scale = _output_scale(energy, *plane.shape)
    waves = _coefficients(plane, scale, energy)
    parts = waves.view(np.float64)
    parts *= math.ldexp(1 / (scale * math.sqrt(plane.size)), -exponent)
    return waves


def backward(waves: Waves, plane: Plane) -> None:
    """Fill a plane by orthonormal waves, which are overwritten.

    Both are rounded as :func:`forward` does.
    """
    parts = waves.view(np.float64)
    exponent = _make_whole(parts)
    energy = 2 * _energy(parts)
    scale = _output_scale(energy, *plane.shape)
    unit = math.ldexp(1 / (scale * math.sqrt(plane.size)), -exponent)
    height, width = plane.shape
    doubt = _error(height, width, scale * math.sqrt(energy), 0.0)
    for rows, values in _rows(waves, width, (scale, 0.0), doubt):
        plane[rows] = np.multiply(values, unit, out=values)


def synthesize(
    waves: Waves, width: int, scale: float, offset: float = 0.0
) -> Iterator[tuple[slice, Field]]:
    """Return the sum of waves times ``scale`` plus ``offset``, rounded, some rows at a time.

    The sum at (y, x) is that of all Re(wave·exp(2πi(u·y/height + v·x/width))), of which those
    count twice whose v is neither 0 nor half of the width. ``waves`` have real and imaginary parts
    that are integers below 2**20 in magnitude; they are overwritten. Halves are rounded up.
    """
    energy = 2 * _energy(waves.view(np.float64))
    doubt = _error(len(waves), width, scale * math.sqrt(energy), offset)
    return _rows(waves, width, (scale, offset), doubt)


def _rows(
    waves: Waves, width: int, scaling: tuple[float, float], doubt: float
) -> Iterator[tuple[slice, Field]]:
    """Yield what :func:`synthesize` does, of which values are off by less than ``doubt``."""
    scale, offset = scaling
    _transform_columns(waves)
    for rows in row_bands(len(waves), width):
        values = np.fft.irfft(waves[rows], width, norm="forward")
        values *= scale
        values += offset
        rounded, places = _rounded(values, doubt)
        if places:
            shifted = [(rows.start + row, column) for row, column in places]
            _restore_columns(waves)
            sums = _exact_sums(waves, width, shifted)
            _transform_columns(waves)
            for place, (total, _) in zip(places, sums, strict=True):
                rounded[place] = _round_exactly(total, scale, offset)
        yield rows, rounded


def _transform_columns(waves: Waves) -> None:
    """Replace each column of waves by its transform."""
    for first in range(0, waves.shape[1], _COLUMNS):
        columns = waves[:, first : first + _COLUMNS]
        columns[...] = np.fft.ifft(columns, axis=0, norm="forward")


def _restore_columns(waves: Waves) -> None:
    """Replace columns that were transformed by the integers that they were.

    The error of both transforms is far below ½: that of numbers of 2**20 in a column of 2**16 is
    less than 2**-15.
    """
    for first in range(0, waves.shape[1], _COLUMNS):
        columns = waves[:, first : first + _COLUMNS]
        columns[...] = np.fft.fft(columns, axis=0, norm="forward")
    parts = waves.view(np.float64)
    np.rint(parts, out=parts)


def _coefficients(plane: Field, scale: float, energy: int) -> Waves:
    """Return the waves of a plane of integers times ``scale``, rounded; halves are rounded up."""
    height, width = plane.shape
    doubt = _error(height, width, scale * math.sqrt(energy), 0.0)
    waves = np.empty((height, width // 2 + 1), np.complex128)
    for rows in row_bands(height, width):
        waves[rows] = np.fft.rfft(plane[rows])
    doubtful = []
    for first in range(0, waves.shape[1], _COLUMNS):
        columns = np.fft.fft(waves[:, first : first + _COLUMNS], axis=0)
        values = np.ascontiguousarray(columns).view(np.float64)  # numpy 1 returns a view
        values *= scale
        rounded, places = _rounded(values, doubt)
        waves[:, first : first + _COLUMNS] = rounded.view(np.complex128)
        doubtful += [(row, first + place // 2, place % 2) for row, place in places]
    if doubtful:
        sums = _exact_sums(plane, width, [(row, column) for row, column, _ in doubtful])
        for (row, column, part), (real, imaginary) in zip(doubtful, sums, strict=True):
            value = _round_exactly(-imaginary if part else real, scale, 0.0)
            waves.view(np.float64)[row, 2 * column + part] = value
    return waves


def _make_whole(values: Field) -> int:
    """Scale values by 2**n, so that the largest is below 2**20, and round them; return n."""
    largest = max(float(values.max()), -float(values.min()))
    exponent = _INPUT_BITS - math.frexp(largest)[1] if largest else 0
    values *= math.ldexp(1.0, exponent)
    np.rint(values, out=values)
    return exponent


def _energy(whole: Field) -> int:
    """Return the sum of the squares of integers below 2**20 in magnitude."""
    # Sums of 2**13 squares stay below 2**53, so that they are exact, whatever the order.
    values = whole.ravel()
    even = len(values) - len(values) % _SUMMED
    parts = values[:even].reshape(-1, _SUMMED)
    sums = np.einsum("ij,ij->i", parts, parts).tolist()
    return sum(map(int, [*sums, np.dot(values[even:], values[even:])]))


def _output_scale(energy: int, height: int, width: int) -> float:
    """Return a scale that brings the root of ``energy`` to about 2**13.

    Where more values are near to an edge, because there are more or their error is greater, to
    less, so that the number stays. Waves that are whole numbers are often halves of a power of two,
    which lie on an edge, so the scale is another.
    """
    fewer = max(0, (height * width).bit_length() // 2 - 10)
    coarser = round(math.log2(_error_factor(height, width) / _SMOOTH))
    return math.ldexp(math.pi / 4, 13 - fewer - coarser - energy.bit_length() // 2)


def _error(height: int, width: int, norm: float, offset: float) -> float:
    """Bound the error of a value of the transform of a field of norm ‖x‖₂ = ``norm``.

    The error of a fast Fourier transform F of n numbers is ‖error‖₂ ≤ c·u·log₂ n·‖Fx‖₂, and ‖Fx‖₂
    = √n·‖x‖₂ (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., theorem
    24.2, where c is 6.7 for radix 2). :func:`_error_factor` bounds c. Scaling and adding the offset
    add less than 4u of the value. A quarter is added for what the sums in integers are off.
    """
    size = height * width
    factor = _error_factor(height, width) * max(math.log2(size), 1.0) + 4
    return 1.25 * _UNIT_ROUNDOFF * (factor * math.sqrt(size) * norm + 4 * abs(offset))


def _error_factor(height: int, width: int) -> float:
    """Bound the error of a fast transform, in u·log₂ of the number of values.

    A butterfly of radix p is a product by a matrix of p terms a row, whose error is at most √p·(p +
    1)·u, and by a factor of the unit circle, 4u. In u·log₂ p that is less than 13 for p up to 11
    and 37 for p up to 31. Sides with greater prime factors are transformed by such sums, which add
    up to 150 for p up to 97, or else as convolutions of twice their length.
    """
    greatest = max(greatest_factor(height), greatest_factor(width))
    return _SMOOTH if greatest <= 11 else 45 if greatest <= 31 else 150


def greatest_factor(side: int) -> int:
    """Return the greatest prime factor of a side."""
    factor = 2
    while factor * factor <= side:
        if side % factor:
            factor += 1
        else:
            side //= factor
    return side


def _rounded(values: Field, doubt: float) -> tuple[Field, list[tuple[int, int]]]:
    """Round values, and return where some are nearer than ``doubt`` to the edge of an integer.

    The values are overwritten.
    """
    rounded = np.rint(values)
    values -= rounded
    edge = 0.5 - doubt
    if values.max() < edge and values.min() > -edge:
        return rounded, []
    rows, columns = np.nonzero(np.abs(values) >= edge)
    return rounded, list(zip(rows.tolist(), columns.tolist(), strict=True))


def _exact_sums(terms: Any, width: int, places: Places) -> list[tuple[int, int]]:
    """Return Σ terms[a, b]·exp(2πi(a·y/height + b·x/width)) for some (y, x), in 2**-128.

    The terms are integers below 2**20: of a plane, or the parts of waves, of which those count
    twice that stand for their conjugates too. Cosines and sines are rounded to 2**-64, so that the
    error of a sum is below 2**-62 times the sum of its terms: far below that of the fast transform.
    """
    parts = terms.view(np.float64)
    height, count = terms.shape
    sums = []
    for first in range(0, len(places), _AT_ONCE):
        some = places[first : first + _AT_ONCE]
        waves = np.stack([_circle(width)[x * np.arange(count) % width] for _, x in some], axis=1)
        if parts.shape[1] > count:  # (cosine, sine) of the real part, (−sine, cosine) of the other
            waves[1 : (width + 1) // 2] *= 2
            waves = np.stack([waves, waves[:, :, ::-1] * [[-1.0], [1.0]]], axis=1)
        # Below 2**20 · 2**17 · 2**16 terms.
        along = exact.product(parts, waves.reshape(parts.shape[1], -1))
        for row, (y, _) in zip(np.hsplit(along, len(some)), some, strict=True):
            down = _circle(height)[y * np.arange(height) % height]
            real, imaginary = _long_products(row, down.reshape(height, -1)).tolist()
            sums.append((real[0] - imaginary[1], real[1] + imaginary[0]))
    return sums


def _long_products(left: Field, right: Field) -> Table:
    """Multiply two columns of long numbers (terms, 2·limbs) by two others, and add the terms up.

    The limbs of the left ones may have 53 bits: they are cut in parts of 18.
    """
    parts = []
    for _ in range(2):
        high = np.floor(left * 2.0**-_PART_BITS)
        parts.append(left - high * 2.0**_PART_BITS)
        left = high
    # Below 2**18 · 2**16 · 2**16 terms.
    products = exact.product(np.hstack([*parts, left]).T.copy(), right)
    whole = products.reshape(3, 2, _LIMBS, 2, _LIMBS).astype(np.int64).astype(object)
    part, limb = np.arange(3)[:, None, None, None, None], np.arange(_LIMBS)
    shifts = _PART_BITS * part + _LIMB_BITS * (limb[:, None, None] + limb)
    total: Table = (whole << shifts).sum(axis=(0, 2, 4))
    return total


def _round_exactly(total: int, scale: float, offset: float) -> int:
    """Return ⌊total·2**-128·scale + offset + ½⌋."""
    (up, down), (more, parts) = scale.as_integer_ratio(), offset.as_integer_ratio()
    unit = 2 * down * parts * _SUM_UNIT
    return (2 * total * up * parts + (2 * more + parts) * down * _SUM_UNIT) // unit


@cached_tables
def _circle(size: int) -> Table:
    """Tabulate cosine and sine of the ``size``-th parts of a turn in 2**-64: (size, 2, limbs).

    A number is Σ limbs[l]·2**(16·l); all limbs but the last are not negative.
    """
    unit = 1 << _FINE_BITS
    angle = 2 * _PI // size
    cosine, sine = _power_series(unit, angle), _power_series(angle, angle, 1)
    x, y, turned = unit, 0, []
    for _ in range(size):
        turned += [x, y]
        x, y = x * cosine - y * sine >> _FINE_BITS, x * sine + y * cosine >> _FINE_BITS
    half = 1 << (_FINE_BITS - _CIRCLE_BITS - 1)
    whole = [value + half >> (_FINE_BITS - _CIRCLE_BITS) for value in turned]
    top = _LIMBS - 1
    limbs = [[n >> (_LIMB_BITS * limb) & 0xFFFF for limb in range(top)] for n in whole]
    last = [[n >> (_LIMB_BITS * top)] for n in whole]
    return np.array([a + b for a, b in zip(limbs, last, strict=True)], np.float64).reshape(
        size, 2, _LIMBS
    )


def _power_series(term: int, angle: int, power: int = 0) -> int:
    """Return the sum of the power series of cosine, or of sine from its first power on."""
    total = 0
    while term:
        total += term
        for _ in range(2):
            power += 1
            term = (term * angle >> _FINE_BITS) // power
        term = -term
    return total
