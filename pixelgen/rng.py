"""The random stream: a counter-based map from (seed, image, family, purpose) to random words.

The words are those of Philox4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
Easy as 1, 2, 3", SC'11), the generator that C++26 calls ``std::philox4x64``. numpy promises the
stream of ``random_raw`` of a bit generator for all versions (NEP 19) and of nothing else in
``numpy.random``, so nothing else is used.

The 256-bit counter holds, lowest word first, ``[block, purpose, image, family << 32 | version]``:
any image of any dataset is reached in constant time, and no two draws overlap.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue

PARAMETERS = 0
DATA = 1
SIZE = 2
BLOCK = 3
"""The order of the members of a mixture in a block of images, in place of an image."""
SEED_LIMIT = 1 << 128
SEEDS = "a whole number from 0 to 2**128-1"
"""What a seed may be, in messages."""

Words: TypeAlias = npt.NDArray[Any]


class Stream:
    """The random words of one seed, read from the start of any (image, family, purpose).

    ``seed`` is an int of 0 … 2¹²⁸−1, the Philox key. A new stream starts at image 0.

    >>> Stream(0).integers(4).tolist()
    [151, 12, 178, 171]
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < SEED_LIMIT:
            raise BadValue(f"invalid seed {seed}: must be {SEEDS}")
        # One int, never a list of words: numpy passes lists of words past 2**63 through floats.
        self._philox = np.random.Philox(key=seed)
        self._state: Any = self._philox.state
        self._counter = self._state["state"]["counter"]
        self.seek(0)

    def seek(self, image: int, family: int = 0, version: int = 1, purpose: int = DATA) -> None:
        """Go to the first word of a purpose of an image's family; family 0 is pixelgen itself."""
        self._counter[:] = (0, purpose, image, family << 32 | version)
        self._philox.state = self._state

    @property
    def image(self) -> int:
        """The image whose words are read."""
        return int(self._counter[2])

    def purpose(self, purpose: int) -> None:
        """Go to the first word of another purpose of the same image and family."""
        self._counter[0], self._counter[1] = 0, purpose
        self._philox.state = self._state

    def integers(self, shape: int | Sequence[int], bits: int = 8) -> Words:
        """Draw integers uniform over all of 0 … 2**bits−1, for 8, 16, 32 or 64 bits.

        Takes whole words of 64 bits, lowest byte first, and discards the rest of the last.
        """
        size = shape if isinstance(shape, int) else math.prod(shape)
        words = self._philox.random_raw(-(-size * bits // 64))
        drawn: Words = words.astype("<u8", copy=False).view(f"<u{bits // 8}")[:size]
        return drawn.reshape(shape)


def draw_seed() -> int:
    """Draw a seed of 128 bits from the system's randomness."""
    import secrets  # here, because most seeds are given

    return secrets.randbits(128)


def parse_seed(text: str) -> int:
    """Read a seed: decimal or 0x…, up to 128 bits."""
    digits = text.strip().lower()
    is_number = re.fullmatch(r"[0-9]{1,40}|0x[0-9a-f]{1,40}", digits)
    seed = int(digits, 16 if "x" in digits else 10) if is_number else SEED_LIMIT
    if seed >= SEED_LIMIT:
        raise BadValue(
            f"invalid seed {text[:50]!r}: must be {SEEDS}, or random; write it as 42 or 0x2a"
        )
    return seed
