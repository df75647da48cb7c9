"""Whole images only: the structure of a file is checked first, then all its pixels are decoded."""

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixelgen.pixlab.client.structure import CHECKS, Damage
from pixelgen.pixlab.client.structure.damage import check_size

if TYPE_CHECKING:
    import PIL.Image

_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError,
           AttributeError, AssertionError, struct.error, zlib.error)  # fmt: skip
"""What Pillow raises for files that it cannot decode, or whose metadata is damaged."""
_strict = threading.Lock()


def check_image(data: bytes, name: str, width: int, height: int) -> str:
    """Return Pillow's mode of an image file of a format; raise Damage unless it is whole."""
    first, *others = (
        _decode(file, name, width, height) for file in CHECKS[name](data, width, height)
    )
    if any(other.tobytes() != first.tobytes() for other in others):
        raise Damage("lacks a part of its pixels")
    return first.mode


def _decode(data: bytes, name: str, width: int, height: int) -> "PIL.Image.Image":
    from PIL import Image

    try:
        with _no_truncated_images():
            image = Image.open(io.BytesIO(data), formats=[name.upper()])
            seen = image.size
            if seen == (width, height):
                image.load()
    except _ERRORS:
        raise Damage("cannot be decoded") from None
    check_size(seen, width, height)
    return image


@contextmanager
def _no_truncated_images() -> Iterator[None]:
    """Have Pillow raise where an image breaks off, whatever else in the process wants of it.

    The switch is the whole process's, so one thread at a time decodes.
    """
    from PIL import ImageFile

    with _strict:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
