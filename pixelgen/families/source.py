"""The user's own images, for families that rearrange them: which, in which order, and their pixels.

A folder's images are taken in the order of their names; each is known by the SHA-256 of its bytes,
and the folder by that of the list of both. An image is read when it is wanted, checked against its
hash, reduced by the largest whole factor that leaves the frame covered (averages of squares of
pixels, in integers) and cut to the frame. It is taken as it is stored, whatever its EXIF data say
of its orientation; of 16-bit images Pillow reads 8 bits, but for gray ones. What the bytes of a
JPEG decode to is Pillow's affair.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.colors import luma
from pixelgen.errors import BadValue, PixelgenError
from pixelgen.families.base import Family, render_named
from pixelgen.image_files import UnusableImage, decode, read_file
from pixelgen.image_types import Coverage, Pixels, Shape
from pixelgen.registry import option
from pixelgen.rng import PARAMETERS, Stream

_NAME = re.compile(
    r"[^.].*\.(avif|bmp|gif|jp2|jpe?g|pgm|png|ppm|tga|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
_NAMED = 3  # of the images that are too small
_LISTED = 100  # of the images that cannot be used
MOST_IMAGES = 1_000_000
"""The images of a folder: all of their names and hashes are kept in memory."""


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
def _decoded(path: Path, entry: Entry) -> npt.NDArray[Any]:
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
