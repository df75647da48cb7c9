"""Gaussian blurs of images of integers, exact on every processor, in little memory.

What is blurred is (channels, height, width); what comes out has the layout of pixels.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.image_types import Pixels, Shape
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.line_blur import LineBlur, Precision, gaussian_kernel, line_blur, period

KERNEL_SUM = 65536
"""What the taps of :func:`blur` add up to along each axis, about."""

Strips: TypeAlias = Iterable[tuple[slice, Field]]
"""Whole pixels of an image (height, width · channels): their columns, and integers in float64."""

_FINE_SUM = 1 << 24
_WORK = 1 << 20
"""The bytes of the lines that are blurred at once: they should fit in a cache of the processor."""

_KEPT = 32 << 20
"""The bytes of an image in float64 up to which it is kept, and not computed for each use again."""


class BlurredImage:
    """A blurred image, as strips that are computed when they are asked for.

    All of it would take eight times the bytes of its pixels, so only the blur along rows is kept.
    """

    def __init__(self, levels: Table, across: LineBlur, down: LineBlur) -> None:
        """Blur integers (channels, height, width) along their rows."""
        self.channels, self.height, self.width = levels.shape
        self._down = down
        # Sums of one axis are below 2**31. Rows become columns here, since that is free.
        self._halfway = np.empty((self.width, self.channels, self.height), np.int32)
        for rows in _parts(self.height, 8 * self.channels * self.width):
            blurred = across.apply(levels[:, rows].reshape(-1, self.width))
            self._halfway[:, :, rows] = blurred.reshape(self.width, self.channels, -1)

    def __iter__(self) -> Iterator[tuple[slice, Field]]:
        """Blur down the columns, from left to right."""
        lines = self._halfway.reshape(-1, self.height)
        for pixels in _parts(self.width, 8 * self.channels * self.height):
            columns = slice(pixels.start * self.channels, pixels.stop * self.channels)
            yield columns, self._down.apply(lines[columns])

    def for_several_uses(self) -> Strips:
        """Return the strips of a small image in a list; those of a large one are computed anew."""
        return list(self) if 8 * self._halfway.size <= _KEPT else self

    def stretched(self, shape: Shape, by_channel: bool = False) -> Pixels:
        """Bring the image to exactly 0 … ``shape.top``, or each channel by itself; flat ones to 0.

        Values must stay below 2**53/top in magnitude.
        """
        strips = self.for_several_uses()
        lows, highs = self._extremes(strips)
        if not by_channel:
            lows[:], highs[:] = lows.min(), highs.max()
        spans = np.maximum(highs - lows, 1)
        pixels = np.empty((self.height, self.width * self.channels), shape.dtype)
        for columns, strip in strips:
            levels = strip - repeated(lows, columns)
            levels *= shape.top
            levels /= repeated(spans, columns)
            pixels[:, columns] = np.rint(levels, out=levels)
        return pixels.reshape(shape.levels)

    def channel(self, channel: int, strips: Strips) -> Field:
        """Return one channel of its strips, (height, width)."""
        plane = np.empty((self.height, self.width))
        for columns, strip in strips:
            first, last = columns.start // self.channels, columns.stop // self.channels
            plane[:, first:last] = strip[:, channel :: self.channels]
        return plane

    def _extremes(self, strips: Strips) -> tuple[Field, Field]:
        """Return the least and the greatest value of each channel."""
        lows, highs = np.full(self.channels, np.inf), np.full(self.channels, -np.inf)
        for _, strip in strips:
            low = strip.min(axis=0).reshape(-1, self.channels).min(axis=0)
            high = strip.max(axis=0).reshape(-1, self.channels).max(axis=0)
            lows, highs = np.minimum(lows, low), np.maximum(highs, high)
        return lows, highs


def repeated(values: npt.ArrayLike, columns: slice) -> Field:
    """Return what each column of a strip has, given what each channel has."""
    return np.tile(values, (columns.stop - columns.start) // np.size(values))


def _parts(count: int, size: int) -> Iterator[slice]:
    """Divide a number of lines, of ``size`` bytes each, into parts of ``_WORK`` bytes."""
    step = max(1, _WORK // size)
    for first in range(0, count, step):
        yield slice(first, min(first + step, count))


def blur(levels: Table, sigma: float, border: str) -> BlurredImage:
    """Blur bits or int8 by a Gaussian along both axes; a constant grows 2**32-fold.

    Where sigma is above a quarter of a side, the differences that remain are lost in the rounding
    of the taps; see :func:`fine_blur`.
    """
    largest = _largest(levels)
    across, down = Precision(KERNEL_SUM, largest), Precision(KERNEL_SUM, largest << 17)
    return _blurred(levels, (sigma, sigma), border, (down, across))


def blur_gain(height: int, width: int, sigma: float, border: str) -> int:
    """Return the factor by which :func:`blur` multiplies a constant: about 2**32."""
    sides = (period(side, border) for side in (height, width))
    return math.prod(int(gaussian_kernel(side, sigma, KERNEL_SUM).sum()) for side in sides)


def fine_blur(levels: Table, sigmas: tuple[float, float], border: str) -> BlurredImage:
    """Blur int8 or int16 as :func:`blur` does, with taps of more bits.

    A constant int8 grows 2**28-fold, and int16 2**20-fold: both span about 2**36. ``sigmas`` are
    those down and across. Where sigma is above half of a side, the differences that remain are lost
    in the rounding of the taps.
    """
    largest = _largest(levels)
    # One axis gives 2**27, rounded, and a little more. That · 2**24 is below 2**52.
    across = Precision(_FINE_SUM, largest, 8 / largest)
    down = Precision(_FINE_SUM, 1 << 28, 0.5**16)
    return _blurred(levels, sigmas, border, (down, across))


def _blurred(
    levels: Table,
    sigmas: tuple[float, float],
    border: str,
    precisions: tuple[Precision, Precision],
) -> BlurredImage:
    down, across = (
        line_blur(side, sigma, border, precision)
        for side, sigma, precision in zip(levels.shape[1:], sigmas, precisions, strict=True)
    )
    return BlurredImage(levels, across, down)


def _largest(levels: Table) -> int:
    """Return the largest magnitude of integers of a type, a power of two."""
    return 1 if levels.dtype == np.bool_ else int(np.iinfo(levels.dtype).max) + 1
