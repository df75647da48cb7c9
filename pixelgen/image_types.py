"""The arrays of an image, and the values that describe them."""

from enum import Enum
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[Any]
"""(height, width, channels), uint8 or uint16."""
Coverage: TypeAlias = npt.NDArray[np.uint8]
"""(height, width), 0 (background) … 255 (noise)."""


class Shape(NamedTuple):
    """What to draw: ``channels`` is 1 (gray) or 3 (RGB), ``depth`` is 8 or 16 bits a level."""

    height: int
    width: int
    channels: int = 3
    depth: int = 8

    @property
    def levels(self) -> tuple[int, int, int]:
        """The shape of the array."""
        return self[:3]

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The little-endian type of a level."""
        return np.dtype(f"<u{self.depth // 8}")

    @property
    def top(self) -> int:
        """The highest level: 255 or 65535."""
        return (1 << self.depth) - 1


class Texture(Enum):
    """How an image compresses, so that a format need not try."""

    NOISE = "every level equally likely: nothing to gain"
    LEVELS = "pixels unlike those around, some levels likelier than others"
    SPARSE = "independent pixels on a flat background"
    FLAT = "areas of one level, or rows like those above them"
    SMOOTH = "levels near those above them"
