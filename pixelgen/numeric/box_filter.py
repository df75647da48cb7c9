"""Reduction of an image by a scale in quarters: each pixel the mean of its area, exactly.

At scale s a pixel of the reduced image stands for s × s pixels of the source, whose pixels at the
border count by the quarters of them that lie within. So all sums are integers. Every fourth pixel
has the same shares, so that all of these are summed at once, by slices with a step.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[Any]

QUARTERS = 4
"""What scales are counted in: a scale of 5 quarters is 1.25."""


def reduce_area(levels: Levels, height: int, width: int, quarters: int) -> Levels:
    """Reduce (h, w, channels) of uint8 or uint16 to (height, width, channels), rounded half up.

    It is fastest where each channel is contiguous.

    Args:
        levels: h and w are ``height`` and ``width`` times the scale, rounded up.
        height: Of the reduced image.
        width: Of the reduced image.
        quarters: The scale: pixels of the source for a pixel of the reduced image, in quarters; at
            least 4. A whole scale takes the least time.
    """
    means = levels if quarters == QUARTERS else _means(levels, height, width, quarters)
    reduced: Levels = np.empty((height, width, levels.shape[2]), levels.dtype)
    for channel in range(levels.shape[2]):  # a quarter of the time of all at once
        reduced[..., channel] = means[..., channel]
    return reduced


def _means(levels: Levels, height: int, width: int, quarters: int) -> Levels:
    """Return the mean over the area of each pixel, rounded half up."""
    common = math.gcd(quarters, QUARTERS)
    step, times = quarters // common, QUARTERS // common
    weight = step * step
    sums = _sum_parts(levels.transpose(0, 2, 1), height, step, times)
    sums = _sum_parts(sums.transpose(2, 0, 1), width, step, times)
    top = int(np.iinfo(levels.dtype).max)
    sums = sums.astype(np.min_scalar_type(top * weight + weight // 2), copy=False)
    sums += sums.dtype.type(weight // 2)
    sums //= sums.dtype.type(weight)
    return sums.transpose(1, 0, 2)


def _sum_parts(rows: Levels, count: int, step: int, times: int) -> Levels:
    """Sum parts of ``step/times`` rows each, times ``times``, which makes shares of rows whole.

    The parts ``times`` apart begin ``step`` rows apart, at the same share of a row.
    """
    dtype = np.min_scalar_type(int(np.iinfo(rows.dtype).max) * step)
    sums: Levels = np.empty_like(rows, dtype, shape=(count, *rows.shape[1:]))
    for part in range(min(times, count)):
        first, before = divmod(part * step, times)
        last, within = divmod((part + 1) * step, times)
        out = sums[part::times]
        out[...] = rows[first::step][: len(out)]
        for row in range(first + 1, last):
            out += rows[row::step][: len(out)]
        if times > 1:
            out *= dtype.type(times)
        if before:  # a share of the first row belongs to the part before
            out -= np.multiply(rows[first::step][: len(out)], dtype.type(before), dtype=dtype)
        if within:
            out += np.multiply(rows[last::step][: len(out)], dtype.type(within), dtype=dtype)
    return sums
