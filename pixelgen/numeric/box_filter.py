"""Reduction of an image by any factor: each pixel the mean of the area that it stands for, exact.

A pixel of the reduced image covers a rectangle of the source, whose pixels at the border count by
the share of them that lies within. Shares are whole multiples of 1/width and 1/height of the
reduced image, so all sums are integers.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[Any]


def reduce_area(levels: Levels, height: int, width: int) -> Levels:
    """Reduce (h, w, channels) of uint8 or uint16 to (height, width, channels), rounded half up.

    ``height`` and ``width`` are at most h and w, whose product is below 2⁴⁶. Whole factors take the
    least time.
    """
    high, wide = levels.shape[:2]
    if (high, wide) == (height, width):
        return levels
    sums = _sums(levels.reshape(high, -1), height).reshape(height, wide, -1)
    turned = np.ascontiguousarray(sums.swapaxes(0, 1)).reshape(wide, -1)
    sums = _sums(turned, width).reshape(width, height, -1).swapaxes(0, 1)
    weight = high // math.gcd(high, height) * (wide // math.gcd(wide, width))
    top = int(np.iinfo(levels.dtype).max)
    sums = sums.astype(np.min_scalar_type((2 * top + 1) * weight))
    sums *= sums.dtype.type(2)
    sums += sums.dtype.type(weight)
    sums //= sums.dtype.type(2 * weight)
    return sums.astype(levels.dtype, order="C")


def _sums(rows: Levels, count: int) -> Levels:
    """Sum ``count`` equal parts of some rows, each row as often as makes shares of it whole."""
    size = len(rows)
    common = math.gcd(size, count)
    times = count // common
    ends = np.arange(count + 1) * (size // common)
    first, rest = ends // times, ends % times
    top = int(np.iinfo(rows.dtype).max)
    sums: Levels = np.empty((count, rows.shape[1]), np.min_scalar_type(top * (size // common)))
    for part, (start, stop) in enumerate(pairwise(first.tolist())):
        # One by one, as numpy's reduceat takes several times as long.
        np.add.reduce(rows[start:stop], axis=0, dtype=sums.dtype, out=sums[part])
    if times > 1:
        sums *= sums.dtype.type(times)
        # The last end has no row of its own, and its share is 0.
        cut = rows[np.minimum(first, size - 1)].astype(sums.dtype)
        cut *= rest.astype(sums.dtype)[:, None]
        sums += cut[1:]
        sums -= cut[:-1]
    return sums
