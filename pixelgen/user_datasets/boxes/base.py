"""What the readers of boxes share: their result, names of images, and boxes in stored pixels."""

import math
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue

PixelBoxes = npt.NDArray[np.int32]
"""(n, 4): left, top, right, bottom in pixels; right and bottom are not part of a box."""

Size = tuple[int, int]

_COORDINATE_LIMIT = 1e9
_ROUNDED = 0.01  # of a pixel: what shares written with six digits are off
_BEYOND = 0.01  # of a side: what rounding may put a relative box outside
_NAMED = 3  # of the images that the source does not have


@dataclass
class ImageLabels:
    """The boxes of an image as its labels give them.

    Attributes:
        boxes: Left, top, right, bottom of one box after the other, in pixels or, if
            ``is_relative``, as shares of the sides.
        size: Width and height of the image as the labels give them, if they do.
        where: The file of the labels, and what is needed to find the boxes there.
    """

    where: str
    is_relative: bool = False
    size: Size | None = None
    boxes: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, values: Sequence[Any]) -> None:
        """Add a box of left, top, right, bottom.

        Raises:
            BadValue: If they are not numbers, or not shares where they must be, or if the box has a
                negative side.
        """
        numbers = [self.number(value) for value in values]
        left, top, right, bottom = numbers
        if right < left or bottom < top:
            raise BadValue(
                f"{self.where}: a box has the sides {right - left:g} x {bottom - top:g}; they must"
                " not be negative"
            )
        if self.is_relative and not -0.5 - _BEYOND <= min(numbers) <= max(numbers) <= 1.5 + _BEYOND:
            raise BadValue(
                f"{self.where}: a coordinate of {max(numbers):g} is not a share of a side, 0 to 1;"
                " divide pixels by the width and height of the image"
            )
        self.boxes.extend(numbers)

    def add_points(self, values: Sequence[Any]) -> None:
        """Add the box of a polygon of points x, y, x, y, …; raise BadValue as :meth:`add` does."""
        numbers = [self.number(value) for value in values]
        across, down = numbers[::2], numbers[1::2]
        self.add([min(across), min(down), max(across), max(down)])

    def number(self, value: Any) -> float:
        """Return a coordinate; raise BadValue if it is not a number."""
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not abs(number) <= _COORDINATE_LIMIT or isinstance(value, bool):
            shown = "null" if value is None else repr(str(value)[:50])  # as JSON has it
            raise BadValue(f"{self.where}: {shown} is not a coordinate of a box")
        return number


@dataclass(frozen=True)
class Labels:
    """The labels of the images in a folder.

    Attributes:
        images: By the name of each image that is labelled; other images have unknown objects.
        notes: What the user should know of how labels were read, a line each.
    """

    images: dict[str, ImageLabels]
    notes: tuple[str, ...] = ()

    @classmethod
    def noted(
        cls, images: dict[str, ImageLabels], where: object, others: Collection[str], why: str = ""
    ) -> Self:
        """Return labels with notes of images without a box, and of labels without an image.

        Args:
            images: The labels by image, at least one.
            where: The file or folder of the labels.
            others: What the labels call images that the source does not have.
            why: More about the images without a box.
        """
        notes = []
        if count := sum(not each.boxes for each in images.values()):
            all_too = ": the whole of each is taken as background" if count == len(images) else ""
            notes.append(f"{where} has no box in {count:,} of {len(images):,} images{why}{all_too}")
        if others:
            named = ", ".join(each[:200] for each in sorted(others)[:_NAMED])
            more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
            noun = "image" if len(others) == 1 else "images"
            notes.append(
                f"{where} has labels of {len(others):,} {noun} not found in the source:"
                f" {named}{more}"
            )
        return cls(images, tuple(notes))


class NameIndex:
    """Finds the images of a folder by the paths that labels give them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = {*names}
        self._by_file: dict[str, list[str]] = {}
        for name in sorted(self.names):
            self._by_file.setdefault(_file(name), []).append(name)

    def find(self, path: str, where: object) -> str | None:
        """Return the image of a path; None if the folder has none.

        The path may be relative to another folder, absolute, or one of Windows.

        Raises:
            BadValue: If several images may be meant.
        """
        plain = path.replace("\\", "/").removeprefix("./")
        if plain in self.names:
            return plain
        found = self._by_file.get(_file(plain), [])
        if len(found) > 1:
            found = [
                name
                for name in found
                if f"/{plain}".endswith(f"/{name}") or f"/{name}".endswith(f"/{plain}")
            ] or found
        if len(found) > 1:
            raise BadValue(
                f"{where} names {path[:200]!r}, which may be {found[0]} or {found[1]}; give the"
                " folder that its paths count from as source"
            )
        return found[0] if found else None

    def check_any(
        self, labelled: Iterable[str], where: object, others: Collection[str] = ()
    ) -> None:
        """Raise BadValue if no image has labels; naming one of the others that have."""
        if not self.names.intersection(labelled):
            other = f", but of others, such as {min(others)[:200]}" if others else ""
            raise BadValue(
                f"{where} has labels of none of the {len(self.names):,} images in the source, such"
                f" as {min(self.names)}{other}; give the labels of these images"
            )


def _file(path: str) -> str:
    return path.rpartition("/")[2].casefold()


def check_not_relative(images: Iterable[ImageLabels], where: object) -> None:
    """Raise BadValue if boxes that should be in pixels are all within 0 … 1."""
    highest = max((max(each.boxes, default=0.0) for each in images), default=0.0)
    if 0 < highest <= 1:
        raise BadValue(
            f"{where}: all boxes are within 0 to 1, as shares of the sides, and must be in pixels;"
            " multiply them by the width and height of each image"
        )


def pixel_boxes(labels: ImageLabels, size: Size, orientation: int) -> PixelBoxes:
    """Return the boxes of an image in its pixels as they are stored, rounded outwards.

    Labels count from the image as it is stored or as it is displayed, which differ by the EXIF
    ``orientation``, 1 … 8. Their size says which; if it does not, each box is taken both ways.

    Raises:
        BadValue: If the labels give another size, or for a box that is wholly outside the image.
    """
    displayed = size[::-1] if orientation >= 5 else size
    readings = [(size, 1)]
    if orientation != 1:
        readings.append((displayed, orientation))
    if labels.size:
        readings = [each for each in readings if each[0] == labels.size]
        if not readings:
            shown = "x".join(map(str, labels.size))
            raise BadValue(
                f"{labels.where}: the size is {shown}, and the image has {size[0]}x{size[1]}"
                " pixels; give the labels of this image, not of a resized one"
            )
    boxes = np.array(labels.boxes, np.float64).reshape(-1, 4)
    found, is_inside = [], np.zeros(len(boxes), bool)
    for frame, turn in readings:
        pixels, inside = _in_pixels(
            boxes * (frame * 2 if labels.is_relative else (1, 1) * 2), frame
        )
        found.append(_stored(pixels[inside], size, turn))
        is_inside |= inside
    if not is_inside.all():
        left, top, right, bottom = boxes[~is_inside][0]
        raise BadValue(
            f"{labels.where}: the box from {left:g},{top:g} to {right:g},{bottom:g} is outside the"
            f" image of {size[0]}x{size[1]} pixels; correct it"
        )
    whole: PixelBoxes = np.concatenate(found).astype(np.int32)
    return whole


def _in_pixels(
    boxes: npt.NDArray[np.float64], frame: Size
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Round boxes outwards and cut them to a frame; say which of them are in it at all."""
    low, high = (
        np.floor(boxes[:, :2] + _ROUNDED),
        np.maximum(np.ceil(boxes[:, 2:] - _ROUNDED), np.floor(boxes[:, :2] + _ROUNDED) + 1),
    )
    inside = ((high > 0) & (low < frame)).all(axis=1)
    pixels = np.concatenate([np.clip(low, 0, frame), np.clip(high, 0, frame)], axis=1)
    return pixels.astype(np.int64), inside


def _stored(boxes: npt.NDArray[np.int64], size: Size, orientation: int) -> npt.NDArray[np.int64]:
    """Turn boxes of the displayed image into those of the stored one.

    Source: the tag Orientation of Exif 2.32, section 4.6.4.
    """
    left, top, right, bottom = boxes.T
    if orientation >= 5:  # the displayed image has rows where the stored one has columns
        left, top, right, bottom = top, left, bottom, right
    width, height = size
    if orientation in (2, 3, 7, 8):
        left, right = width - right, width - left
    if orientation in (3, 4, 6, 7):
        top, bottom = height - bottom, height - top
    return np.stack([left, top, right, bottom], axis=1)
