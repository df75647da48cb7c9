"""The base class of families: pure functions from a random stream to the pixels of one image."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.registry import Component, parse
from pixelgen.rng import Stream
from pixelgen.source_images import ImageSource, SourceFolder, Window


class SourcePart(NamedTuple):
    """The name of an image of the user's, '' without one, and the part that was taken."""

    name: str
    window: Window


NO_PART = SourcePart("", Window(0, 0, 0, 0, 0.0))


@dataclass(frozen=True)
class Family(Component):
    """A kind of noise.

    A subclass sets ``name`` and a unique ``number`` that never changes (it is part of the random
    stream's counter), implements :meth:`render`, and sets ``texture`` to how its images compress.
    When its pixels change, ``version`` increases and the changelog says so; unless they change with
    those of the family that it is ``drawn_from``.
    """

    kind: ClassVar[str] = "family"
    number: ClassVar[int]
    version: ClassVar[int] = 1
    shape_parameters: ClassVar[tuple[str, ...]] = ()
    """The parameters, all numbers, that :meth:`check_shape` depends on."""

    @property
    def texture(self) -> Texture:
        """How the images compress."""
        return Texture.NOISE

    @property
    def has_coverage(self) -> bool:
        """Return whether :meth:`render` returns a coverage; if not, the noise covers the image."""
        return False

    @property
    def memory(self) -> int:
        """The bytes of memory that drawing a large image takes, for each byte of its pixels.

        An upper bound, by which the number of workers is chosen: ``python -m benchmarks.memory``.
        """
        return 6

    @property
    def drawn_from(self) -> str:
        """The name of another family whose images it is made from; '' if none."""
        return ""

    @property
    def algorithms(self) -> set[str]:
        """Its name with the version of its pixels, and those of what it is made from."""
        others = parse(Family, self.drawn_from).algorithms if self.drawn_from else set()
        return {f"{self.name}/{self.version}", *others}

    @property
    def image_source(self) -> ImageSource | None:
        """The images of the user's that it reads, if any."""
        return None

    def source_part(self, folder: SourceFolder, stream: Stream, shape: Shape) -> SourcePart:
        """Return what the stream's image is made from: an image of ``folder``, and where in it."""
        return NO_PART

    def check_shape(self, shape: Shape) -> None:
        """Refuse a frame that these parameters cannot fill. Most families fill any frame.

        Raises:
            BadValue: For such a frame; says which parameters would fill it.
        """

    @abstractmethod
    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Draw one image, from nothing but ``stream``.

        Args:
            stream: Random integers, already at the image and the family.
            shape: Height and width in pixels, 1 or 3 channels, 8 or 16 bits per level.

        Returns:
            Levels 0 … ``shape.top`` in an array of ``shape.levels`` (height, width, channels) and
            ``shape.dtype``; with a coverage (height, width) of uint8, 0 (background) … 255, if
            ``has_coverage``.
        """

    def render_from(
        self, folder: SourceFolder, stream: Stream, shape: Shape
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Draw one image from those of :attr:`image_source`; families without one use none."""
        return self.render(stream, shape)

    def sample(self, seed: int, image: int, shape: Shape) -> Pixels:
        """Render one image, without color or coverage.

        Args:
            seed: 0 … 2¹²⁸ − 1.
            image: The index of the image, from 0.
            shape: What to draw.

        Returns:
            An array (height, width, channels) of uint8 or uint16.

        Raises:
            BadValue: For a frame that these parameters cannot fill.
        """
        self.check_shape(shape)
        stream = Stream(seed)
        stream.seek(image)
        return _render_without_coverage(self, stream, shape)


def render_named(name: str, stream: Stream, shape: Shape, background: int | None = None) -> Pixels:
    """Render the stream's image of another family; moves the stream to that family.

    What the family does not cover gets the level ``background`` in all channels, if it is given.
    """
    return _render_without_coverage(parse(Family, name), stream, shape, background)


def _render_without_coverage(
    family: Family, stream: Stream, shape: Shape, background: int | None = None
) -> Pixels:
    """Render the stream's image of a family, and discard its coverage."""
    stream.seek(stream.image, family.number, family.version)
    drawn = family.render(stream, shape)
    if not isinstance(drawn, tuple):
        return drawn
    pixels, coverage = drawn
    if background is not None:
        np.copyto(pixels, background, where=(coverage == 0)[..., None])
    return pixels


def fingerprint(pixels: Pixels) -> str:
    """Return the SHA-256 of the levels in C order, 16-bit ones little-endian."""
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(little.tobytes()).hexdigest()
