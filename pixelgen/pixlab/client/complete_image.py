"""Whole images only: the structure of a file is checked first, then all its pixels are decoded."""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixelgen.pixlab.client.structure import CHECKS, Damage
from pixelgen.pixlab.client.structure.damage import check_size

if TYPE_CHECKING:
    import PIL.Image

_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError,
    AttributeError, AssertionError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for files that it cannot decode, or whose metadata is damaged."""
_pillow_lock = threading.Lock()


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
        with _strict_pillow():
            image = Image.open(io.BytesIO(data), formats=[name.upper()])
            size = image.size
            if size == (width, height):
                image.load()
    except _DECODE_ERRORS:
        raise Damage("cannot be decoded") from None
    check_size(size, width, height)
    return image


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Make Pillow reject truncated images and accept large ones, whatever the process has set.

    The size was compared with the requested one before, so Pillow's own limit adds nothing. Both
    settings belong to the whole process: so they are restored, and one thread at a time decodes.
    """
    from PIL import Image, ImageFile

    with _pillow_lock:
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def silence_pillow_warnings() -> None:
    """Ignore Pillow's warnings of odd metadata, which says nothing about whether an image is whole.

    For the whole process and for good, because ``warnings.catch_warnings`` is not thread-safe.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
