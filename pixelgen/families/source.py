"""The user's own images, for families that are made from them: a window, reduced to the frame.

For families that rearrange images the window is the frame times the largest whole factor that fits,
at a random place.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.colors import luma
from pixelgen.families.base import Family, SourcePart, render_named
from pixelgen.image_types import Coverage, Pixels, Shape
from pixelgen.numeric.box_filter import QUARTERS, reduce_area
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream
from pixelgen.source_images import (
    ImageSource,
    Levels,
    SourceFolder,
    SourceImage,
    Window,
    scan_folder,
)


class SourceWindow(NamedTuple):
    """An image of the user's, and the part of it that an image is made from."""

    image: SourceImage
    window: Window


@dataclass(frozen=True)
class Sourced(Family):
    """A family that is made from images of the user's; without any, from images of dead leaves."""

    source: str = parameter("", "folder of your images; none: dead leaves")

    @property
    def drawn_from(self) -> str:
        """Dead leaves, unless a folder is given."""
        return "" if self.source else "dead_leaves"

    @property
    def image_source(self) -> ImageSource | None:
        """The images of the folder."""
        return ImageSource(self.source) if self.source else None

    @abstractmethod
    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Make an image from another of the same shape; ``coverage`` is its alpha, if it has any.

        Both arrays may be changed in place.
        """

    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Rearrange an image of the folder, scanned just now; without one, of dead leaves."""
        if self.image_source:
            folder = scan_folder(self.image_source, (shape.width, shape.height))
            return self.render_from(folder, stream, shape)
        image = render_named(self.drawn_from, stream, shape)
        stream.seek(stream.image, self.number, self.version)
        return self.rearrange(stream, shape, image, None)

    def render_from(
        self, folder: SourceFolder, stream: Stream, shape: Shape
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Rearrange a random window of a random image of the folder."""
        image, (x, y, width, height, scale) = self.choose(folder, stream, shape)
        stream.seek(stream.image, self.number, self.version)
        window = folder.decoded.levels(image)[y : y + height, x : x + width]
        levels = reduce_area(window, shape.height, shape.width, round(scale * QUARTERS))
        return self.rearrange(stream, shape, _levels(levels, shape), _coverage(levels))

    def source_part(self, folder: SourceFolder, stream: Stream, shape: Shape) -> SourcePart:
        """Return the image of the folder that the stream's image is made from, and the window."""
        image, window = self.choose(folder, stream, shape)
        return SourcePart(image.name, window)

    def choose(self, folder: SourceFolder, stream: Stream, shape: Shape) -> SourceWindow:
        """Choose an image of the folder, and the window of it that becomes the frame."""
        stream.purpose(PARAMETERS)
        choice, x, y, _ = map(int, stream.integers(4, 32))
        image = folder.images[choice * len(folder.images) >> 32]
        factor = min(image.height // shape.height, image.width // shape.width)
        width, height = shape.width * factor, shape.height * factor
        left, top = x * (image.width - width + 1) >> 32, y * (image.height - height + 1) >> 32
        return SourceWindow(image, Window(left, top, width, height, float(factor)))


def _levels(levels: Levels, shape: Shape) -> Pixels:
    """Bring RGB or RGBA of 8 or 16 bits to the channels and depth of a shape."""
    if shape.channels == 3 and levels.dtype == shape.dtype:
        return np.ascontiguousarray(levels[..., :3])
    colors: Levels = levels[..., :3].astype(np.uint32)
    if shape.channels == 1:
        colors = luma(*np.moveaxis(colors, -1, 0))[..., None]
    if levels.dtype == np.uint8 and shape.depth == 16:
        colors *= np.uint32(257)
    elif levels.dtype != np.uint8 and shape.depth == 8:
        colors >>= np.uint32(8)
    return np.ascontiguousarray(colors.astype(shape.dtype))


def _coverage(levels: Levels) -> Coverage | None:
    """Return the alpha channel as 8 bits; None without one, or if all of it is opaque."""
    if levels.shape[-1] == 3:
        return None
    alpha = levels[..., 3] if levels.dtype == np.uint8 else levels[..., 3] >> 8
    return None if (alpha == 255).all() else alpha.astype(np.uint8)
