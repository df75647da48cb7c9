"""Image files that others made: read within limits, decoded by a list of formats, and scanned.

A folder's images are taken in the order of their names; each is known by the SHA-256 of its bytes,
and the folder by that of the list of both. An image is read when it is wanted, and checked against
its hash. It is taken as it is stored, whatever its EXIF data say of its orientation; of 16-bit
images Pillow reads 8 bits, but for gray ones. What the bytes of a JPEG decode to is Pillow's
affair.

Pillow chooses a decoder by what a file begins with, whatever its name ends with, and one of them
runs a program (Ghostscript, for PostScript). So the decoders are named here, and the sizes of a
file and of its image are looked at before anything is decoded.
"""

import hashlib
import io
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue, PixelgenError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP")
"""The decoders, by Pillow's names: those of the formats that pixelgen writes."""

MOST_BYTES = 1 << 29
MOST_PIXELS = 178_956_970  # where Pillow by itself refuses to decode
MOST_IMAGES = 1_000_000
"""The images of a folder: all of their names and hashes are kept in memory."""

_NAME = re.compile(
    r"[^.].*\.(avif|bmp|gif|jp2|jpe?g|pgm|png|ppm|tga|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
_NAMED = 3  # of the images that are too small
_LISTED = 100  # of the images that cannot be used

_RAISED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError,
           OverflowError, struct.error, zlib.error)  # fmt: skip
"""What Pillow's decoders raise for files that are damaged, or not theirs."""


class UnusableImage(Exception):
    """A file that is not an image, or a damaged one, or one that is too large: in a few words."""


def read_file(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Raises UnusableImage for one of more than ``most`` bytes, and for a pipe, a device or a folder,
    none of which is waited for; OSError where it cannot be read.
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

    Raises UnusableImage where it is not one of :data:`FORMATS`, not of the ``size`` given as width
    and height, of more than :data:`MOST_PIXELS`, or damaged. The image of a file of several is the
    first.
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


class Entry(NamedTuple):
    """An image of a folder: its path below it, its SHA-256, and its sides in pixels."""

    name: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Folder:
    """The images of a folder, as they were when it was first looked at.

    ``skipped`` says of each file that was left out why it cannot be used.
    """

    path: str
    entries: tuple[Entry, ...]
    skipped: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Name the folder by what is in it: the SHA-256 of its names, hashes and sides."""
        lines = "".join(f"{sha256} {w}x{h} {name}\n" for name, sha256, w, h in self.entries)
        return hashlib.sha256(lines.encode()).hexdigest()

    def check(self, width: int, height: int) -> None:
        """Raise BadValue naming the images that do not cover a frame of these sides."""
        small = [e for e in self.entries if e.width < width or e.height < height]
        if small:
            named = ", ".join(f"{e.name} ({e.width}x{e.height})" for e in small[:_NAMED])
            more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
            raise BadValue(
                f"images of {self.path} are smaller than {width}x{height}: {named}{more}; take them"
                " out, or choose a smaller --size"
            )


_FOLDERS: dict[Path, Folder] = {}


def folder(path: str) -> Folder:
    """Return a folder as it was remembered, or else as it is now; see :func:`scan`."""
    return _FOLDERS.get(Path(path).absolute()) or remember(scan(path))


def remember(found: Folder) -> Folder:
    """Make a folder the one that its path stands for in this process, whatever it holds now."""
    _FOLDERS[Path(found.path).absolute()] = found
    return found


def scan(path: str, *, skip_damaged: bool = False) -> Folder:
    """Look at a folder, and decode each image in it once, whole.

    Raises BadValue if there is nothing in it, or naming every file that is not an image, or a
    damaged one; with ``skip_damaged`` those are left out. Links to files are followed, links to
    folders are not; hidden files and folders are left out.
    """
    entries: list[Entry] = []
    damaged: list[str] = []
    try:
        for name in sorted(_names(path), key=os.fsencode):
            try:
                entries.append(_entry(path, name))
            except UnusableImage as error:
                damaged.append(f"{name} is {error}")
    except OSError as error:
        raise BadValue(f"cannot read the source {error.filename}: {error.strerror}") from None
    if damaged and not skip_damaged:
        count = f"{len(damaged):,} {'file' if len(damaged) == 1 else 'files'}"
        raise BadValue(
            f"{count} in the source {path!r} cannot be used: {listed(damaged)}; take them out, or"
            " leave them out with --skip-damaged"
        )
    if not entries:
        raise BadValue(f"the source {path!r} holds no images (.png, .jpg, .webp, …)")
    return Folder(path, tuple(entries), tuple(damaged))


def listed(texts: Sequence[str]) -> str:
    """Join texts for a message, the first hundred of them."""
    more = f" and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _names(path: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    count = 0
    for parent, folders, files in os.walk(path, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            file = Path(parent, name)
            if _NAME.fullmatch(name) and file.is_file():
                count += 1
                if count > MOST_IMAGES:
                    raise BadValue(f"the source {path!r} holds more than {MOST_IMAGES:,} images")
                yield file.relative_to(path).as_posix()


def _entry(path: str, name: str) -> Entry:
    file = Path(path) / name
    if not str(file).isprintable():
        raise BadValue(f"the name of the image {str(file)!r} is not plain text; rename it")
    data = read_file(file)
    image = decode(data)
    if image.mode in ("F", "I"):
        raise UnusableImage("one with levels of 32 bits; make it one of 8 or 16 bits")
    return Entry(name, hashlib.sha256(data).hexdigest(), *image.size)


@lru_cache(maxsize=1)
def decode_rgba(path: Path, entry: Entry) -> npt.NDArray[Any]:
    """Return an image's levels, (height, width, 4), 8 or 16 bits, alpha last."""
    file = path / entry.name
    way = "put the old one back, or make the set anew in another directory"
    try:
        data = read_file(file)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise PixelgenError(f"{file.absolute()} was changed meanwhile; {way}")
        image = decode(data)
    except OSError as error:
        raise PixelgenError(f"cannot read {file.absolute()}: {error.strerror}; {way}") from None
    except UnusableImage as error:
        raise PixelgenError(f"{file.absolute()} is {error}; {way}") from None
    if image.mode.startswith("I;16"):
        gray = np.asarray(image).astype(np.uint16)
        return np.stack([gray, gray, gray, np.full_like(gray, 65535)], axis=-1)
    return np.asarray(image.convert("RGBA"))
