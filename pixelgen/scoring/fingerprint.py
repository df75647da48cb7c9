"""A fingerprint of an image by which near-duplicates are found: a difference hash, in integers.

After "Kind of Like That" (N. Krawetz, 2013): the image is reduced to 9x8 means of its luma, and
each bit says whether a mean is greater than the one to its left.
"""

from collections import defaultdict

import numpy as np

from pixelgen.scoring.base import Image

MOST_DIFFERENT = 3
"""Bits of 64 in which the fingerprints of near-duplicates may differ."""

_ROWS, _COLUMNS = 8, 9
_PART_BITS = 16
_LUMA = np.array([299, 587, 114], np.int64)  # of Rec. 601, in thousandths


def fingerprint(image: Image) -> int:
    """Return the fingerprint of an image, 0 … 2⁶⁴ − 1."""
    height, width = image.shape[:2]
    tops = np.arange(_ROWS) * height // _ROWS
    lefts = np.arange(_COLUMNS) * width // _COLUMNS
    luma = image.astype(np.int64) @ _LUMA
    sums = np.add.reduceat(np.add.reduceat(luma, tops, axis=0), lefts, axis=1)
    # Of fewer pixels than cells, reduceat gives each cell one pixel.
    widths = np.maximum(np.diff(lefts, append=width), 1)
    greater = sums[:, 1:] * widths[:-1] > sums[:, :-1] * widths[1:]
    return int.from_bytes(np.packbits(greater).tobytes(), "big")


class Fingerprints:
    """Fingerprints of which none is nearly the same as another.

    Of two that differ in at most three bits, at least one of the four parts of 16 bits is equal: so
    only those that share a part are compared.
    """

    def __init__(self) -> None:
        self._by_part: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, value: int) -> bool:
        """Add a fingerprint, unless one that is nearly the same is there; return whether it was."""
        parts = [
            (place, value >> place & (1 << _PART_BITS) - 1) for place in range(0, 64, _PART_BITS)
        ]
        for part in parts:
            if any((value ^ other).bit_count() <= MOST_DIFFERENT for other in self._by_part[part]):
                return False
        for part in parts:
            self._by_part[part].append(value)
        return True
