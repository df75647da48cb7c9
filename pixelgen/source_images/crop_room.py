"""Where crops of the user's images may be: away from objects."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

import numpy as np

from pixelgen.numeric.box_filter import QUARTERS
from pixelgen.numeric.free_places import TRIES, Boxes, FreePlaces, largest_true
from pixelgen.source_images.images import SourceImage, Window, window_side

CROP_WORDS = 2 * TRIES + 3
"""The random words of 32 bits that :meth:`CropRoom.draw` takes."""

_WHOLE = 4 * QUARTERS  # scales from here on are whole: areas of whole pixels take half the time
_DECIMAL = Context(prec=20)  # its functions are rounded correctly, unlike those of math


@dataclass(frozen=True)
class CropRoom:
    """Which images have room for crops, and where.

    Attributes:
        labels: The file or folder of the boxes of objects; '': the images have none.
        split: The only split of the labels whose images are read; '': all.
        margin: By what share of its sides each box is enlarged, on every side.
        min_scale: The least scale of a crop: pixels of the image for a pixel of the crop.
        max_scale: The greatest; 0: as large as there is room for.
    """

    labels: str
    split: str
    margin: float
    min_scale: float
    max_scale: float

    @property
    def least(self) -> int:
        """The least scale that is drawn, in quarters."""
        quarters = math.ceil(self.min_scale * QUARTERS)
        return quarters if quarters == _round_scale(quarters) else _next_scale(quarters)

    @property
    def most(self) -> int:
        """The greatest scale that is drawn, in quarters; 0: as large as there is room for."""
        return _round_scale(math.floor(self.max_scale * QUARTERS))

    def has_place(self, image: SourceImage, frame: tuple[int, int]) -> bool:
        """Return whether an image has room for a crop of a width and height."""
        return _free_places(self.margin, image, frame, self.least).has_any()

    def draw(
        self, image: SourceImage, frame: tuple[int, int], words: Sequence[int]
    ) -> Window | None:
        """Draw what part of an image becomes a crop; None without room.

        Args:
            image: The image, with the boxes of its objects.
            frame: Width and height of the crop.
            words: :data:`CROP_WORDS` random integers of 32 bits.
        """
        most = _largest_scale(self, image, frame)
        if not most:
            return None
        quarters = _draw_scale(self.least, most, words[0])
        places = _free_places(self.margin, image, frame, quarters)
        place = places.draw(words[1:])
        return Window(*place, *places.window, quarters / QUARTERS) if place else None


def _round_scale(quarters: int) -> int:
    """Return the greatest scale that is drawn and not above another."""
    return quarters if quarters <= _WHOLE else quarters - quarters % QUARTERS


def _next_scale(quarters: int) -> int:
    """Return the least scale that is drawn and above another."""
    return quarters + 1 if quarters < _WHOLE else quarters - quarters % QUARTERS + QUARTERS


@lru_cache(maxsize=1 << 16)
def _largest_scale(room: CropRoom, image: SourceImage, frame: tuple[int, int]) -> int:
    """Return the largest scale for which an image has room, in quarters; 0 without room."""
    if not room.has_place(image, frame):
        return 0
    most = min(image.width * QUARTERS // frame[0], image.height * QUARTERS // frame[1])
    largest = largest_true(
        room.least,
        min(most, room.most or most),
        lambda each: _free_places(room.margin, image, frame, _round_scale(each)).has_any(),
    )
    return _round_scale(largest)


def _draw_scale(least: int, most: int, word: int) -> int:
    """Return the scale that a random word of 32 bits stands for, in quarters.

    It is log-uniform between ``least`` and what comes after ``most``, and rounded down.
    """
    ratio = _DECIMAL.ln(_DECIMAL.divide(Decimal(_next_scale(most)), Decimal(least)))
    power = _DECIMAL.multiply(ratio, _DECIMAL.divide(Decimal(word), Decimal(1 << 32)))
    drawn = _DECIMAL.multiply(Decimal(least), _DECIMAL.exp(power))
    return min(_round_scale(int(drawn)), most)


@lru_cache(maxsize=128)  # of an image of 10,000 boxes, each takes half a MB
def _free_places(
    margin: float, image: SourceImage, frame: tuple[int, int], quarters: int
) -> FreePlaces:
    """Return where the window of a scale touches no box enlarged by a margin."""
    boxes = image.pixel_boxes
    margins = np.ceil((boxes[:, 2:] - boxes[:, :2]) * margin).astype(np.int32)
    enlarged: Boxes = np.concatenate([boxes[:, :2] - margins, boxes[:, 2:] + margins], axis=1)
    window = window_side(frame[0], quarters), window_side(frame[1], quarters)
    return FreePlaces(enlarged, (image.width, image.height), window)
