"""What a format is: an encoder in memory, and the limits of what it can hold."""

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
"""Pixels to the bytes of a file; they stay as they are until the next call."""

EVERY_MODE: Mapping[str, tuple[int, ...]] = dict.fromkeys(("L", "LA", "RGB", "RGBA"), (8, 16))


@dataclass(frozen=True)
class Format(Component):
    """A kind of image file.

    A subclass sets ``name``, ``suffix``, ``holds`` (modes, each with its depths in bits), ``side``
    (the longest side in pixels), and writes :meth:`encode`; a lossy one :meth:`is_lossless` too.
    """

    kind: ClassVar[str] = "format"
    suffix: ClassVar[str]
    holds: ClassVar[Mapping[str, tuple[int, ...]]]
    side: ClassVar[int]
    drops_opaque_alpha: ClassVar[bool] = False

    @abstractmethod
    def encode(self, pixels: Pixels) -> bytes:
        """Return the bytes of a file that holds pixels of one of the format's modes and depths."""

    def encoder(self, shape: Shape, texture: Texture) -> Encode:
        """Return a faster :meth:`encode` for many images of one shape and texture."""
        return self.encode

    def is_lossless(self, mode: str) -> bool:
        """Tell whether a reader gets back the very pixels."""
        return True

    def suffix_for(self, mode: str) -> str:
        """Return the end of a file's name, with its dot."""
        return self.suffix

    def encoded_by(self, texture: Texture) -> str:
        """Name the library, with its version, that the bytes hang on; '' if they are ours."""
        return ""

    def check(self, width: int, height: int, mode: str, depth: int) -> None:
        """Raise BadValue, with the way out, where the format cannot hold such an image."""
        if mode not in self.holds:
            lack = "an alpha channel" if mode in ("LA", "RGBA") else f"mode {mode}"
            raise BadValue(f"{self.name} cannot hold {lack}; use {_formats_for(mode, depth)}")
        if depth not in self.holds[mode]:
            raise BadValue(
                f"{self.name} cannot hold {depth}-bit {mode}; use {_formats_for(mode, depth)}"
            )
        if max(width, height) > self.side:
            raise BadValue(
                f"{self.name} holds sides of at most {self.side} pixels, not {width}x{height}"
            )


def _formats_for(mode: str, depth: int) -> str:
    """List the formats that hold a mode and depth."""
    names = [
        part.name
        for part in registry.components(Format.kind).values()
        if issubclass(part, Format) and depth in part.holds.get(mode, ())
    ]
    return ", ".join(names[:-1]) + " or " + names[-1]
