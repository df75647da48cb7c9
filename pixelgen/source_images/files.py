"""Image files that others made: read within limits, and decoded by a list of formats.

Pillow chooses a decoder by what a file begins with, whatever its name ends with, and one of them
runs a program (Ghostscript, for PostScript). So the decoders are named here, and the sizes of a
file and of its image are looked at before anything is decoded.
"""

import io
import os
import stat
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP")
"""The decoders, by Pillow's names: those of the formats that pixelgen writes."""

MOST_BYTES = 1 << 29
WARNED_PIXELS = 89_478_485  # PIL.Image.MAX_IMAGE_PIXELS, above which Pillow warns
MOST_PIXELS = 178_956_970  # twice as many, above which Pillow by itself refuses to decode

_RAISED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError,
           OverflowError, struct.error, zlib.error)  # fmt: skip
"""What Pillow's decoders raise for files that are damaged, or not theirs."""


class UnusableImage(Exception):
    """A file that is not an image, or a damaged one, or one that is too large: in a few words."""


def read_file(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        UnusableImage: For one of more than ``most`` bytes, and for a pipe, a device or a folder,
            none of which is waited for.
        OSError: Where it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise UnusableImage("not a regular file")
        if found.st_size > most:
            raise UnusableImage(f"{found.st_size:,} bytes long, and the most is {most:,}")
        return file.read(most)


def decode(data: bytes, size: tuple[int, int] | None = None) -> "Image":
    """Return an image, decoded whole.

    The image of a file of several is the first.

    Raises:
        UnusableImage: Where it is not one of :data:`FORMATS`, not of the ``size`` given as width
            and height, of more than :data:`MOST_PIXELS`, or damaged.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that are looked at here, and of odd metadata
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError:
            raise UnusableImage(f"one of more than {MOST_PIXELS:,} pixels") from None
        except _RAISED:
            raise UnusableImage("not an image of a kind that is read") from None
        width, height = image.size
        if size not in (None, (width, height)):
            raise UnusableImage(f"{width}x{height} pixels, not {'x'.join(map(str, size or ()))}")
        if width * height > MOST_PIXELS:
            raise UnusableImage(f"one of more than {MOST_PIXELS:,} pixels")
        try:
            image.load()
        except (*_RAISED, Image.DecompressionBombError) as error:
            raise UnusableImage(f"damaged ({error})") from None
    return image


def is_inside(name: str) -> bool:
    """Return whether a name from a file is that of a file below a folder, spelled plainly.

    It is relative, has no ``..``, ``.`` or empty part, and is printable.
    """
    parts = name.split("/")
    return name.isprintable() and not {"", ".", ".."} & set(parts)
