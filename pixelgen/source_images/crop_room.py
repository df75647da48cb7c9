"""Where crops of the user's images may be: away from objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

import numpy as np

from pixelgen.numeric.free_places import TRIES, Boxes, draw_place, has_place, largest_true
from pixelgen.source_images.images import SourceImage, Window

CROP_WORDS = 2 * TRIES + 3
"""The random words of 32 bits that :meth:`CropRoom.draw` takes."""

_UNIT = 256  # a smaller scale is a whole multiple of 1/256
_WHOLE = 4  # scales from here on are whole: areas of whole pixels are averaged in half the time
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

    def has_place(self, image: SourceImage, frame: tuple[int, int]) -> bool:
        """Return whether an image has room for a crop of a width and height."""
        window = _window(frame, round(self.min_scale * _UNIT))
        return has_place(_enlarged(image, self.margin), (image.width, image.height), window)

    def draw(
        self, image: SourceImage, frame: tuple[int, int], words: Sequence[int]
    ) -> Window | None:
        """Draw what part of an image becomes a crop; None without room.

        Args:
            image: The image, with the boxes of its objects.
            frame: Width and height of the crop.
            words: :data:`CROP_WORDS` random integers of 32 bits.
        """
        scales = _scales(self, image, frame)
        if scales is None:
            return None
        scale = _log_uniform(*scales, words[0])
        if scale >= _WHOLE * _UNIT:
            scale -= scale % _UNIT
        window = _window(frame, scale)
        boxes = _enlarged(image, self.margin)
        place = draw_place(boxes, (image.width, image.height), window, words[1:])
        return Window(*place, *window) if place else None


@lru_cache(maxsize=1 << 16)
def _scales(room: CropRoom, image: SourceImage, frame: tuple[int, int]) -> tuple[int, int] | None:
    """Return the least and the greatest scale for which an image has room; None without room."""
    least = round(room.min_scale * _UNIT)
    if not room.has_place(image, frame):
        return None
    size, boxes = (image.width, image.height), _enlarged(image, room.margin)
    most = min(size[0] * _UNIT // frame[0], size[1] * _UNIT // frame[1])
    if room.max_scale:
        most = min(most, round(room.max_scale * _UNIT))
    return least, largest_true(
        least, most, lambda scale: has_place(boxes, size, _window(frame, scale))
    )


def _window(frame: tuple[int, int], scale: int) -> tuple[int, int]:
    """Return the width and height of what becomes a frame at a scale."""
    return frame[0] * scale // _UNIT, frame[1] * scale // _UNIT


def _log_uniform(low: int, high: int, word: int) -> int:
    """Return the integer of low … high that a random word of 32 bits stands for, log-uniform."""
    ratio = _DECIMAL.ln(_DECIMAL.divide(Decimal(high), Decimal(low)))
    power = _DECIMAL.multiply(ratio, _DECIMAL.divide(Decimal(word), Decimal(1 << 32)))
    drawn = _DECIMAL.multiply(Decimal(low), _DECIMAL.exp(power))
    return min(max(round(drawn), low), high)


def _enlarged(image: SourceImage, margin: float) -> Boxes:
    """Return the boxes of an image, enlarged by a margin."""
    boxes = image.pixel_boxes
    margins = np.ceil((boxes[:, 2:] - boxes[:, :2]) * margin).astype(np.int32)
    enlarged: Boxes = np.concatenate([boxes[:, :2] - margins, boxes[:, 2:] + margins], axis=1)
    return enlarged
