"""The base class of formats: an encoder in memory, and the modes and sizes it supports."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from pixelgen import registry
from pixelgen.errors import BadValue
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.registry import Component

Data: TypeAlias = bytes | bytearray | memoryview

Encode: TypeAlias = Callable[[Pixels], Data]
"""Encodes pixels to the bytes of a file, which are valid until the next call."""

EVERY_MODE: Mapping[str, tuple[int, ...]] = dict.fromkeys(("L", "LA", "RGB", "RGBA"), (8, 16))


@dataclass(frozen=True)
class Format(Component):
    """A kind of image file.

    A subclass sets ``name``, ``suffix``, ``holds`` (modes, each with its depths in bits) and
    ``side`` (the longest side in pixels), and implements :meth:`encode`; a lossy format also
    :meth:`is_lossless`.
    """

    kind: ClassVar[str] = "format"
    suffix: ClassVar[str]
    holds: ClassVar[Mapping[str, tuple[int, ...]]]
    side: ClassVar[int]
    drops_opaque_alpha: ClassVar[bool] = False

    @abstractmethod
    def encode(self, pixels: Pixels) -> bytes:
        """Return the bytes of a file.

        Args:
            pixels: An array (height, width, channels) of uint8 or uint16, of a mode and a depth
                that the format ``holds``.
        """

    def encoder(self, shape: Shape, texture: Texture) -> Encode:
        """Return a faster :meth:`encode` for many images of one shape and texture."""
        return self.encode

    def is_lossless(self, mode: str) -> bool:
        """Return whether a reader gets exactly the same pixels."""
        return True

    def suffix_for(self, mode: str) -> str:
        """Return the file name suffix, with its dot."""
        return self.suffix

    def encoded_by(self, texture: Texture) -> str:
        """Return the library and version that the bytes depend on; '' if they depend on none."""
        return ""

    def check(self, width: int, height: int, mode: str, depth: int) -> None:
        """Raise BadValue, with an alternative, if the format cannot hold such an image."""
        if mode not in self.holds:
            lack = "an alpha channel" if mode in ("LA", "RGBA") else f"mode {mode}"
            raise BadValue(f"{self.name} cannot hold {lack}; use {_formats_for(mode, depth)}")
        if depth not in self.holds[mode]:
            raise BadValue(
                f"{self.name} cannot hold {depth}-bit {mode}; use {_formats_for(mode, depth)}"
            )
        if max(width, height) > self.side:
            raise BadValue(
                f"{self.name} cannot hold {width}x{height}; sides are at most {self.side} pixels"
            )


def _formats_for(mode: str, depth: int) -> str:
    """List the formats that hold a mode and depth."""
    names = [
        component.name
        for component in registry.components(Format.kind).values()
        if issubclass(component, Format) and depth in component.holds.get(mode, ())
    ]
    return ", ".join(names[:-1]) + " or " + names[-1]
