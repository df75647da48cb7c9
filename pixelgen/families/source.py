"""The user's own images, for families that rearrange them: which, in which order, and their pixels.

A folder's images are taken in the order of their names; each is known by the SHA-256 of its bytes,
and the folder by that of the list of both. An image is read when it is wanted, checked against its
hash, reduced by the largest whole factor that leaves the frame covered (averages of squares of
pixels, in integers) and cut to the frame. It is taken as it is stored, whatever its EXIF data say
of its orientation; of 16-bit images Pillow reads 8 bits, but for gray ones. What the bytes of a
JPEG decode to is Pillow's affair.
"""

import hashlib
import io
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.colors import luma
from pixelgen.errors import BadValue, PixelgenError
from pixelgen.families.base import Coverage, Family, Pixels, Shape, render_named
from pixelgen.parts import option
from pixelgen.stream import PARAMETERS, Stream

if TYPE_CHECKING:
    from PIL.Image import Image

_NAME = re.compile(
    r"[^.].*\.(avif|bmp|gif|jp2|jpe?g|pgm|png|ppm|tga|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
_NAMED = 3  # of the images that cannot be used


class Entry(NamedTuple):
    """An image of a folder: its path below it, its SHA-256, and its sides in pixels."""

    name: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Folder:
    """The images of a folder, as they were when it was first looked at."""

    path: str
    entries: tuple[Entry, ...]

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


def scan(path: str) -> Folder:
    """Look at a folder; raise BadValue if there is nothing in it, or something that is no image.

    Links to files are followed, links to folders are not; hidden files and folders are left out.
    """
    try:
        names = sorted(_names(path), key=os.fsencode)
        entries = tuple(_entry(path, name) for name in names)
    except OSError as error:
        raise BadValue(f"cannot read the source {error.filename}: {error.strerror}") from None
    if not entries:
        raise BadValue(f"the source {path!r} holds no images (.png, .jpg, .webp, …)")
    return Folder(path, entries)


def _names(path: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(path, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            file = Path(parent, name)
            if _NAME.fullmatch(name) and file.is_file():
                yield file.relative_to(path).as_posix()


def _entry(path: str, name: str) -> Entry:
    file = Path(path) / name
    if not str(file).isprintable():
        raise BadValue(f"the name of the image {str(file)!r} is not plain text; rename it")
    data = file.read_bytes()
    image = _open(data, file)
    if image.mode in ("F", "I"):
        raise BadValue(f"{file} has levels of 32 bits; make it one of 8 or 16 bits")
    try:
        image.verify()
    except (OSError, ValueError, SyntaxError) as error:
        raise BadValue(f"{file} is damaged ({error}); take it out") from None
    return Entry(name, hashlib.sha256(data).hexdigest(), *image.size)


def _open(data: bytes, path: Path) -> "Image":
    """Open an image, or raise BadValue naming the file."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BadValue(f"{path} is no image that Pillow reads; take it out") from None


@lru_cache(maxsize=1)
def _decoded(path: Path, entry: Entry) -> npt.NDArray[Any]:
    """Return an image's levels, (height, width, 4), 8 or 16 bits, alpha last."""
    file = path / entry.name
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PixelgenError(
            f"cannot read {file.absolute()}: {error.strerror}; put it back, or make the set anew in"
            " another directory"
        ) from None
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise PixelgenError(
            f"{file.absolute()} was changed meanwhile; put the old one back, or make the set anew"
            " in another directory"
        )
    image = _open(data, file)
    try:
        if image.mode.startswith("I;16"):
            gray = np.asarray(image).astype(np.uint16)
            return np.stack([gray, gray, gray, np.full_like(gray, 65535)], axis=-1)
        return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError) as error:
        raise PixelgenError(
            f"{file.absolute()} is damaged ({error}); take it out, and make the set anew in another"
            " directory"
        ) from None


@dataclass(frozen=True)
class Sourced(Family):
    """A family that takes the user's images; without any, images of dead leaves."""

    source: str = option("", "folder of your images; none: dead leaves")

    def entry(self, stream: Stream) -> str:
        """Return the name of the user's image that an image is made of, or ''."""
        return self._draw(stream)[0].name if self.source else ""

    def _draw(self, stream: Stream) -> tuple[Entry, list[int]]:
        """Choose an image of the folder, and where to cut it."""
        stream.purpose(PARAMETERS)
        choice, *places = (int(word) for word in stream.integers(4, 32))
        entries = folder(self.source).entries
        return entries[choice * len(entries) >> 32], places

    def taken(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage | None]:
        """Return the frame of the image chosen, and its alpha as coverage if it has any."""
        if not self.source:
            pixels = render_named("dead_leaves", stream, shape)
            stream.seek(stream.image, self.number, self.version)
            return pixels, None
        entry, (x, y, _) = self._draw(stream)
        stream.seek(stream.image, self.number, self.version)
        levels = _cut(_decoded(Path(self.source).absolute(), entry), x, y, shape)
        return _levels(levels, shape), _coverage(levels)


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
