"""The user's own images, for families that rearrange them: cut to the frame of an image.

An image is reduced by the largest whole factor that leaves the frame covered (averages of squares
of pixels, in integers) and cut to the frame at random.
"""

import os
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelgen.colors import luma
from pixelgen.errors import BadValue
from pixelgen.families.base import Family, render_named
from pixelgen.image_types import Coverage, Pixels, Shape
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream
from pixelgen.source_images import SourceFolder, SourceImage, decode_rgba, scan_folder


@dataclass(frozen=True)
class Sourced(Family):
    """A family that rearranges images of the user's; without any, images of dead leaves."""

    source: str = parameter("", "folder of your images; none: dead leaves")

    @property
    def drawn_from(self) -> str:
        """Dead leaves, unless a folder is given."""
        return "" if self.source else "dead_leaves"

    @abstractmethod
    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Make an image from another of the same shape; ``coverage`` is its alpha, if it has any.

        Both arrays may be changed in place.
        """

    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Rearrange an image of the folder, scanned just now; without one, of dead leaves."""
        if self.source:
            return self.render_from(scan_folder(self.source), stream, shape)
        image = render_named(self.drawn_from, stream, shape)
        stream.seek(stream.image, self.number, self.version)
        return self.rearrange(stream, shape, image, None)

    def render_from(
        self, folder: SourceFolder, stream: Stream, shape: Shape
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Rearrange a random crop of a random image of the folder."""
        image, (x, y, _) = _choose(folder, stream)
        stream.seek(stream.image, self.number, self.version)
        levels = _cut(decode_rgba(os.path.abspath(self.source), image), x, y, shape)
        return self.rearrange(stream, shape, _levels(levels, shape), _coverage(levels))

    def source_name(self, folder: SourceFolder, stream: Stream) -> str:
        """Return the name of the image of the folder that the stream's image is made from."""
        return _choose(folder, stream)[0].name


def _choose(folder: SourceFolder, stream: Stream) -> tuple[SourceImage, list[int]]:
    """Choose an image of the folder, and where to cut it: words of 32 bits."""
    stream.purpose(PARAMETERS)
    choice, *places = (int(word) for word in stream.integers(4, 32))
    return folder.images[choice * len(folder.images) >> 32], places


def _cut(levels: npt.NDArray[Any], x: int, y: int, shape: Shape) -> npt.NDArray[Any]:
    """Cut the frame at a place of 2**32 a side, out of an image reduced to little more."""
    height, width, channels = levels.shape
    factor = min(height // shape.height, width // shape.width)
    if not factor:
        raise BadValue(f"an image of {width}x{height} does not cover {shape.width}x{shape.height}")
    high, wide = shape.height * factor, shape.width * factor
    top, left = y * (height - high + 1) >> 32, x * (width - wide + 1) >> 32
    window = levels[top : top + high, left : left + wide]
    if factor == 1:
        return window
    squares = window.reshape(shape.height, factor, shape.width, factor, channels)
    sums = squares.sum(axis=(1, 3), dtype=np.uint64) + np.uint64(factor * factor // 2)
    means: npt.NDArray[Any] = sums // np.uint64(factor * factor)
    return means.astype(levels.dtype)


def _levels(levels: npt.NDArray[Any], shape: Shape) -> Pixels:
    """Bring RGBA of 8 or 16 bits to the channels and depth of a shape."""
    colors: npt.NDArray[Any] = levels[..., :3].astype(np.uint32)
    if shape.channels == 1:
        colors = luma(*np.moveaxis(colors, -1, 0))[..., None]
    if levels.dtype == np.uint8 and shape.depth == 16:
        colors *= np.uint32(257)
    elif levels.dtype != np.uint8 and shape.depth == 8:
        colors >>= np.uint32(8)
    return np.ascontiguousarray(colors.astype(shape.dtype))


def _coverage(levels: npt.NDArray[Any]) -> Coverage | None:
    alpha = levels[..., 3] if levels.dtype == np.uint8 else levels[..., 3] >> 8
    return None if (alpha == 255).all() else alpha.astype(np.uint8)
