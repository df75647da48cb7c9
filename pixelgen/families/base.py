"""What a family is: a pure function from a random stream to the pixels of one image."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.registry import Component, parse
from pixelgen.rng import Stream


@dataclass(frozen=True)
class Family(Component):
    """What fills an image.

    A subclass sets ``name`` and ``number`` (its own for ever: it is part of the random stream's
    counter), writes :meth:`render`, and says by ``texture`` if its images compress. When its pixels
    must change, so does ``version``, and the changelog says so.
    """

    kind: ClassVar[str] = "family"
    number: ClassVar[int]
    version: ClassVar[int] = 1

    @property
    def texture(self) -> Texture:
        """How the images compress."""
        return Texture.NOISE

    @property
    def has_coverage(self) -> bool:
        """Tell whether :meth:`render` says where its noise is; if not, it is everywhere."""
        return False

    @property
    def source(self) -> str:
        """The folder of the user's images that it takes, if any."""
        return ""

    def entry(self, stream: Stream) -> str:
        """Return the name of the user's image that an image is made of, if any."""
        return ""

    @abstractmethod
    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Draw one image natively in the channels and depth asked for, from ``stream`` alone."""

    def sample(self, seed: int, image: int, shape: Shape) -> Pixels:
        """Render one image of a seed by itself, without colour or coverage."""
        stream = Stream(seed)
        stream.seek(image)
        return _render_here(self, stream, shape)


def render_named(name: str, stream: Stream, shape: Shape) -> Pixels:
    """Render the image of another family, for one that is made from it; moves the stream there."""
    return _render_here(parse(Family, name), stream, shape)


def _render_here(family: Family, stream: Stream, shape: Shape) -> Pixels:
    """Render the stream's image of a family, and leave its coverage out."""
    stream.seek(stream.image, family.number, family.version)
    drawn = family.render(stream, shape)
    return drawn[0] if isinstance(drawn, tuple) else drawn


def fingerprint(pixels: Pixels) -> str:
    """Return the SHA-256 of the levels in C order, 16-bit ones little-endian."""
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(little.tobytes()).hexdigest()
