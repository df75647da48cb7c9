"""An image of the user's, and a part of it."""

from typing import NamedTuple

import numpy as np

from pixelgen.numeric.box_filter import QUARTERS
from pixelgen.numeric.free_places import Boxes


class SourceImage(NamedTuple):
    """An image of a folder.

    Attributes:
        name: Its path below the folder.
        sha256: Of the bytes of its file, in hexadecimal.
        width: In pixels, as it is stored.
        height: In pixels, as it is stored.
        boxes: Of its objects: left, top, right, bottom of each, int32, little-endian.
    """

    name: str
    sha256: str
    width: int
    height: int
    boxes: bytes = b""

    @property
    def pixel_boxes(self) -> Boxes:
        """The boxes as an array (n, 4); right and bottom are not part of a box."""
        return np.frombuffer(self.boxes, "<i4").reshape(-1, 4)


class Window(NamedTuple):
    """A part of an image, in its pixels; ``scale`` of them become a pixel of a crop, either way."""

    x: int
    y: int
    width: int
    height: int
    scale: float


def window_side(side: int, quarters: int) -> int:
    """Return how many pixels of an image become a side of a crop at a scale."""
    return -(-side * quarters // QUARTERS)
