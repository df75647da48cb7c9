"""Reduction of an image by any factor: each pixel the mean of the area that it stands for, exact.

A pixel of the reduced image covers a rectangle of the source, whose pixels at the border count by
the share of them that lies within. Shares are whole multiples of 1/width and 1/height of the
reduced image, so all sums are integers.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[Any]


def reduce_area(levels: Levels, height: int, width: int) -> Levels:
    """Reduce (h, w, channels) of uint8 or uint16 to (height, width, channels), rounded half up.

    ``height`` and ``width`` are at most h and w, which are below 2¹⁶.
    """
    high, wide = levels.shape[:2]
    if (high, wide) == (height, width):
        return levels
    area = high * wide
    top = int(np.iinfo(levels.dtype).max)
    dtype = np.dtype(np.uint32 if (2 * top + 1) * area < 1 << 32 else np.uint64)  # 48 bits at most
    sums = _sums(levels.reshape(high, -1), height, dtype).reshape(height, wide, -1)
    turned = np.ascontiguousarray(sums.swapaxes(0, 1)).reshape(wide, -1)
    sums = _sums(turned, width, dtype).reshape(width, height, -1).swapaxes(0, 1)
    means: Levels = (2 * sums + dtype.type(area)) // dtype.type(2 * area)
    return means.astype(levels.dtype, order="C")


def _sums(rows: Levels, count: int, dtype: "np.dtype[Any]") -> Levels:
    """Sum ``count`` equal parts of some rows; each row counts ``count`` times."""
    size = len(rows)
    ends = np.arange(count + 1) * size
    first, rest = ends // count, (ends % count).astype(dtype)
    lengths = np.diff(first)
    sums: Levels = rows[first[:-1]].astype(dtype)
    for step in range(1, int(lengths.max())):  # numpy's reduceat is several times slower
        longer = lengths > step
        if longer.all():
            sums += rows[first[:-1] + step]
        else:
            sums[longer] += rows[first[:-1][longer] + step]
    sums *= dtype.type(count)
    if rest.any():
        # The last end has no row of its own, and its share is 0.
        cut = rows[np.minimum(first, size - 1)].astype(dtype)
        cut *= rest[:, None]
        sums += cut[1:]
        sums -= cut[:-1]
    return sums
