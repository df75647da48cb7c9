"""A fingerprint of an image by which near-duplicates are found, in integers.

64 bits are a difference hash, after "Kind of Like That" (N. Krawetz, 2013): the image is reduced to
9x8 means of its luma, and each bit says whether a mean is greater than the one to its left. Three
bytes above them are the mean levels of red, green and blue: two gradients have the same bits, but
are not the same image if their colors differ.
"""

from collections import defaultdict

import numpy as np

from pixelgen.scoring.base import Image

BITS = 88
"""Of a fingerprint."""

MOST_DIFFERENT = 3
"""Bits of the hash in which near-duplicates may differ."""

MOST_DISTANT = 16
"""Levels by which their mean colors may differ in each channel."""

_HASH_BITS = 64
_ROWS, _COLUMNS = 8, 9
_PART_BITS = 16
_LUMA = np.array([299, 587, 114], np.int64)  # of Rec. 601, in thousandths


def fingerprint(image: Image) -> int:
    """Return the fingerprint of an image, 0 … 2⁸⁸ − 1."""
    height, width = image.shape[:2]
    tops = np.arange(_ROWS) * height // _ROWS
    lefts = np.arange(_COLUMNS) * width // _COLUMNS
    rows = np.add.reduceat(image, tops, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(rows, lefts, axis=1, dtype=np.int64) @ _LUMA
    # Of fewer pixels than cells, reduceat gives each cell one pixel.
    widths = np.maximum(np.diff(lefts, append=width), 1)
    greater = sums[:, 1:] * widths[:-1] > sums[:, :-1] * widths[1:]
    means = image.sum(axis=0, dtype=np.uint32).sum(axis=0, dtype=np.int64) // (height * width)
    color = int.from_bytes(bytes(means.tolist()), "big")
    return color << _HASH_BITS | int.from_bytes(np.packbits(greater).tobytes(), "big")


def are_similar(one: int, other: int) -> bool:
    """Return whether two images are near-duplicates by their fingerprints."""
    hashes = (1 << _HASH_BITS) - 1
    if ((one ^ other) & hashes).bit_count() > MOST_DIFFERENT:
        return False
    colors = ((each >> _HASH_BITS).to_bytes(3, "big") for each in (one, other))
    return all(abs(a - b) <= MOST_DISTANT for a, b in zip(*colors, strict=True))


class Fingerprints:
    """Fingerprints of which none is nearly the same as another.

    Of two hashes that differ in at most three bits, at least one of the four parts of 16 bits is
    equal: so only those that share a part are compared.
    """

    def __init__(self) -> None:
        self._by_part: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, value: int) -> bool:
        """Add a fingerprint, unless one that is nearly the same is there; return whether it was."""
        parts = [
            (place, value >> place & (1 << _PART_BITS) - 1)
            for place in range(0, _HASH_BITS, _PART_BITS)
        ]
        for part in parts:
            if any(are_similar(value, other) for other in self._by_part[part]):
                return False
        for part in parts:
            self._by_part[part].append(value)
        return True
