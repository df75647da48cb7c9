"""Gaussian blurs along lines of integers, exact on every processor.

A narrow blur is a product with a matrix for a block of places; a wide one goes through the Fourier
transform. Both give the same integers, so the choice between them decides nothing but the time.
"""

import math
from collections import defaultdict
from itertools import count
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.fourier import greatest_factor
from pixelgen.numeric.table_cache import cached_tables

PERIODIC, SYMMETRIC = BORDERS = ("periodic", "symmetric")
"""What lies beyond the border of a field that is blurred: its other end, or its mirror image."""

_BLOCK = 32
_UNDERFLOW = 746
"""exp(−746) is 0 in float64."""

_TRANSFORM_COST = 20.0
"""What three Fourier transforms cost for each place and bit of the length, measured in products of
a narrow matrix."""

_ERROR = 40 * 2.0**-53
_TOLERANCE = 1 / 16
_GATHERED = 1 << 17


class Precision(NamedTuple):
    """The integers that a blur works with, which decide how it can be computed.

    ``total`` is what the taps add up to, about, and ``largest`` bounds the magnitude of the values;
    their product must stay below 2**53. The sums are multiplied by ``factor``, a power of two not
    above 1, and rounded to integers.
    """

    total: int
    largest: int
    factor: float = 1.0


@cached_tables
def gaussian_kernel(size: int, sigma: float, total: int) -> Field:
    """Tabulate a periodic Gaussian of ``size`` taps that add up to about ``total``, from tap 0 on.

    Tap d is Σₖ exp(−(d + k·size)²/2σ²), scaled and rounded: the blur of a torus, where the
    distance to the nearest image alone would be off by 5 % at σ = size/4. Of a σ below 0.1, whose
    square might be 0, only tap 0 is not.
    """
    sigma = max(sigma, 0.1)
    turns = math.ceil(9 * sigma / size)
    reach = math.ceil(math.sqrt(2 * _UNDERFLOW) * sigma)  # beyond it every term is 0
    distances = range(max(-turns * size, -reach), min((turns + 1) * size - 1, reach) + 1)
    farthest = max(-distances[0], distances[-1])
    gaussian = [math.exp(-(d**2) / (2 * sigma * sigma)) for d in range(farthest + 1)]
    terms = defaultdict(list)
    for d in distances:
        terms[d % size].append(gaussian[abs(d)])
    weights = {tap: math.fsum(summands) for tap, summands in terms.items()}
    whole = math.fsum(weights.values())
    kernel = np.zeros(size)
    for tap, weight in weights.items():
        kernel[tap] = round(total * weight / whole)
    return kernel


def period(size: int, border: str) -> int:
    """Return after how many places a line repeats that is continued over its borders."""
    return size if border == PERIODIC else 2 * size


class BandBlur(NamedTuple):
    """A blur by products with a matrix, and how far its kernel reaches.

    A narrow kernel needs only the places around a block, so one small matrix serves every block; a
    wide kernel takes all places at once, and its reach is 0 here.
    """

    matrix: Table
    reach: int
    border: str

    def apply(self, lines: Table) -> Table:
        """Blur lines of integers, (lines, places); returns floats (places, lines)."""
        size, kind = lines.shape[1], self.matrix.dtype
        window, block = self.matrix.shape
        padded = np.empty((len(lines), size + 2 * self.reach), kind)
        _extend(lines, padded, (self.reach, self.reach), self.border)
        blurred = np.empty((size, len(lines)), kind)
        for first in [*range(0, size - block, block), size - block]:
            places = padded[:, first : first + window]
            exact.product(self.matrix.T, places.T, out=blurred[first : first + block])
        return np.rint(blurred, out=blurred)


class FourierBlur(NamedTuple):
    """A blur by the Fourier transform of lines that close to rings, rounded to what is exact.

    Circular convolution of x with k over n places is off by at most 40·u·log₂n·‖x‖·‖k‖ in each,
    where u = 2⁻⁵³ and ‖·‖ is the Euclidean norm. The transform of x is off by c·u·log₂n·√n·‖x‖ in
    that norm (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, theorem 24.2):
    each pass multiplies by accurate roots of one and adds r terms, so that c < 7 for r = 2, and
    c = (√2·(r + 1)·√r + 4)/log₂r < 13 for r = 3, 5 and 7. So is that of k. By the inequality of
    Cauchy and Schwarz both add 26·u·log₂n·‖x‖·‖k‖ to a place; the products of the spectra add
    3·u·‖x‖·‖k‖. The inverse adds up n terms, whose magnitudes sum to ‖x‖·‖k‖ at most, in passes of
    √2·(r + 3) roundings: 8·u·log₂n of that. What is measured is below 0.2 in place of 40.

    An error below 1/4 vanishes by rounding, since the exact sum is an integer. A larger one matters
    only where a scaled sum is nearer than the error to the middle between two integers: such
    places, about one in a thousand, are computed again by their definition.
    """

    taps: Field
    steps: npt.NDArray[np.int64]
    """By how many places each tap moves what it multiplies."""
    spectrum: npt.NDArray[np.complex128]
    margins: tuple[int, int]
    border: str
    factor: float
    length: int
    """Of the ring, in places."""

    def apply(self, lines: Table) -> Field:
        """Blur lines of integers, (lines, places); returns floats (places, lines)."""
        ring = np.empty((len(lines), self.length))
        _extend(lines, ring, self.margins, self.border)
        spectrum = np.fft.rfft(ring)
        spectrum *= self.spectrum
        sums = np.fft.irfft(spectrum, self.length)[:, self.margins[0] :][:, : lines.shape[1]]
        norm = math.sqrt(np.einsum("lp,lp->l", ring, ring).max())
        error = _largest_error(norm, self.taps, self.length)
        if error < 1 / 4:
            np.rint(sums, out=sums)
        sums *= self.factor
        blurred = np.rint(sums)
        if error >= 1 / 4:
            sums -= blurred
            doubtful = np.abs(sums, out=sums) >= 0.5 - error * self.factor
            self._recompute(np.flatnonzero(doubtful), ring, blurred)
        return blurred.T

    def _recompute(self, where: npt.NDArray[np.int64], ring: Field, blurred: Field) -> None:
        """Replace what was blurred at some places, counted over all lines, by its definition."""
        at_once = max(1, _GATHERED // len(self.taps))
        for first in range(0, len(where), at_once):
            line, place = np.divmod(where[first : first + at_once], blurred.shape[1])
            sources = (place[:, None] + self.margins[0] - self.steps) % self.length
            sums = np.einsum("pt,t->p", ring[line[:, None], sources], self.taps)
            blurred[line, place] = np.rint(sums * self.factor)


LineBlur: TypeAlias = BandBlur | FourierBlur


@cached_tables
def line_blur(size: int, sigma: float, border: str, precision: Precision) -> LineBlur:
    """Return a Gaussian blur of lines of ``size`` places, by what takes the least time."""
    kernel = gaussian_kernel(period(size, border), sigma, precision.total)
    reach = int(np.flatnonzero(kernel[: len(kernel) // 2 + 1]).max())
    length, margins = _ring(size, border, kernel)
    window = _BLOCK + 2 * reach
    block = _BLOCK if 3 * window <= 2 * size else size
    by_products = window if block < size else 0.6 * size  # a large matrix costs less a product
    by_transforms = _TRANSFORM_COST * math.log2(length) * length / size
    error = _largest_error(precision.largest * math.sqrt(length), kernel, length)
    if by_transforms < by_products and error * precision.factor < _TOLERANCE:
        return _fourier_blur(kernel, length, margins, border, precision.factor)
    return _band_blur(kernel, block, reach if block < size else 0, border, precision)


def _band_blur(
    kernel: Field, block: int, reach: int, border: str, precision: Precision
) -> BandBlur:
    """Tabulate the matrix of a block of places; that of all places includes what is beyond."""
    steps = np.arange(block + 2 * reach)[:, None] - reach
    distances = steps - np.arange(block)
    matrix = kernel[distances % len(kernel)]
    if reach:
        matrix[np.abs(distances) > reach] = 0
    elif border == SYMMETRIC:
        matrix += kernel[(steps + np.arange(block) + 1) % len(kernel)]
    # Every partial sum of float32 is exact up to 2**24.
    is_small = precision.largest * kernel.sum() <= 1 << 24
    kind = np.float32 if is_small else np.float64
    return BandBlur((matrix * precision.factor).astype(kind), reach, border)


def _fourier_blur(
    kernel: Field, length: int, margins: tuple[int, int], border: str, factor: float
) -> FourierBlur:
    """Tabulate the spectrum of a kernel on a ring of ``length`` places."""
    steps = _steps(kernel)
    ring = np.zeros(length)
    ring[steps] = kernel[steps]
    spectrum = np.fft.rfft(ring)
    return FourierBlur(kernel[steps], steps, spectrum, margins, border, factor, length)


def _steps(kernel: Field) -> npt.NDArray[np.int64]:
    """Return the places of the taps that are not 0, those past the middle counted from 0 down."""
    taps = np.flatnonzero(kernel)
    return np.where(taps > len(kernel) // 2, taps - len(kernel), taps)


def _ring(size: int, border: str, kernel: Field) -> tuple[int, tuple[int, int]]:
    """Return the places of a ring for a line, and how many of them are before and after the line.

    A periodic line is such a ring itself, if the Fourier transform is fast for its length.
    """
    if border == PERIODIC and _is_fast(size):
        return size, (0, 0)
    steps = _steps(kernel)
    before, after = int(steps.max()), -int(steps.min())
    return next(filter(_is_fast, count(before + size + after))), (before, after)


def _is_fast(length: int) -> bool:
    """Return whether the prime factors of a length are 2, 3, 5 and 7 only."""
    return greatest_factor(length) <= 7


def _largest_error(norm: float, taps: Field, length: int) -> float:
    """Return what a sum may be off by in a ring of that norm, as :class:`FourierBlur` says."""
    return _ERROR * math.log2(length) * norm * math.sqrt(float(np.vdot(taps, taps)))


def _extend(lines: Table, padded: Table, margins: tuple[int, int], border: str) -> None:
    """Copy lines and what lies beyond their borders, and fill the rest with zeros."""
    before, after = margins
    size = lines.shape[1]
    end = before + size
    if border == PERIODIC:
        first, last = lines[:, size - before :], lines[:, :after]
    else:
        first, last = lines[:, :before][:, ::-1], lines[:, size - after :][:, ::-1]
    padded[:, :before] = first
    padded[:, before:end] = lines
    padded[:, end : end + after] = last
    padded[:, end + after :] = 0
