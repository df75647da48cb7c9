"""The images of a folder: scanned, listed, and read when they are wanted.

They are taken in the order of their names; each is known by the SHA-256 of its bytes, and the
folder by that of the list of both. An image is read when it is wanted, and checked against its
hash. It is taken as it is stored, whatever its EXIF data say of its orientation; of 16-bit images
Pillow reads 8 bits, but for gray ones. What the bytes of a JPEG decode to is Pillow's affair.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue, PixelgenError, suggest_comma
from pixelgen.source_images.files import UnusableImage, decode, read_file

MOST_IMAGES = 1_000_000
"""The images of a folder: all of their names and hashes are kept in memory."""

_NAME = re.compile(
    r"[^.].*\.(avif|bmp|gif|jp2|jpe?g|pgm|png|ppm|tga|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
_NAMED = 3  # of the images that are too small
_LISTED = 100  # of the images that cannot be used


class SourceImage(NamedTuple):
    """An image of a folder: its path below it, its SHA-256, and its sides in pixels."""

    name: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class SourceFolder:
    """The images of a folder, as they were when it was scanned.

    ``skipped`` says of each skipped file why it cannot be used.
    """

    path: str
    images: tuple[SourceImage, ...]
    skipped: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the names, hashes and sides of the images, in hexadecimal."""
        lines = "".join(f"{sha256} {w}x{h} {name}\n" for name, sha256, w, h in self.images)
        return hashlib.sha256(lines.encode()).hexdigest()

    def check_size(self, width: int, height: int) -> None:
        """Raise BadValue naming the images that are smaller than ``width`` x ``height`` pixels."""
        small = [each for each in self.images if each.width < width or each.height < height]
        if small:
            named = ", ".join(f"{name} ({w}x{h})" for name, _, w, h in small[:_NAMED])
            more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
            raise BadValue(
                f"images in {self.path} are smaller than {width}x{height}: {named}{more}; remove"
                " them, or choose a smaller --size"
            )


@dataclass(frozen=True)
class SourceCatalog:
    """The folders of images that the families of a job are made from; empty where there are none.

    It is a value: images are chosen from what it lists, whatever the folders hold by now.
    """

    folders: tuple[SourceFolder, ...] = ()

    @classmethod
    def scan(cls, paths: Iterable[str], *, skip_damaged: bool = False) -> Self:
        """Scan folders; raise BadValue as :func:`scan_folder` does."""
        return cls(tuple(scan_folder(path, skip_damaged=skip_damaged) for path in paths))

    def folder(self, path: str) -> SourceFolder:
        """Return the folder of a path; raise BadValue where it was not scanned."""
        for folder in self.folders:
            if folder.path == path:
                return folder
        raise BadValue(
            f"the images in {path!r} were not scanned by this job; use the one that"
            " scan_sources() returns: job = job.scan_sources()"
        )

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of what each folder lists."""
        return tuple(folder.digest for folder in self.folders)

    def skipped(self) -> Iterator[str]:
        """Yield a line for each folder in which files were skipped."""
        for folder in self.folders:
            if folder.skipped:
                yield f"skipped in {folder.path!r}: {shorten_list(folder.skipped)}"

    def paths(self) -> Iterator[str]:
        """Yield the paths of all images."""
        for folder in self.folders:
            for image in folder.images:
                yield f"{folder.path}/{image.name}"


NO_SOURCES = SourceCatalog()


def scan_folder(path: str, *, skip_damaged: bool = False) -> SourceFolder:
    """List the images of a folder, each of which is decoded once, whole.

    Links to files are followed, links to folders are not; hidden files and folders are skipped.

    Raises:
        BadValue: If it holds none, or naming every file that is not an image, or a damaged one;
            with ``skip_damaged`` those are skipped.
    """
    images: list[SourceImage] = []
    damaged: list[str] = []
    try:
        for name in sorted(_image_names(path), key=os.fsencode):
            try:
                images.append(_read_entry(path, name))
            except UnusableImage as error:
                damaged.append(f"{name} is {error}")
    except OSError as error:
        hint = suggest_comma(f"source={path}")
        raise BadValue(f"cannot read the source {error.filename}: {error.strerror}{hint}") from None
    if damaged and not skip_damaged:
        count = f"{len(damaged):,} {'file' if len(damaged) == 1 else 'files'}"
        raise BadValue(
            f"{count} in the source {path!r} cannot be used: {shorten_list(damaged)}; remove them,"
            " or skip them with --skip-damaged"
        )
    if not images:
        raise BadValue(f"the source {path!r} holds no images (.png, .jpg, .webp, …)")
    return SourceFolder(path, tuple(images), tuple(damaged))


def shorten_list(texts: Sequence[str]) -> str:
    """Join texts for a message: the first hundred."""
    more = f" and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _image_names(path: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    count = 0
    for parent, folders, files in os.walk(path, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            file = os.path.join(parent, name)
            if _NAME.fullmatch(name) and os.path.isfile(file):
                count += 1
                if count > MOST_IMAGES:
                    raise BadValue(f"the source {path!r} holds more than {MOST_IMAGES:,} images")
                yield os.path.relpath(file, path)


def _read_entry(path: str, name: str) -> SourceImage:
    file = os.path.join(path, name)
    if not file.isprintable():
        raise BadValue(f"the name of the image {file!r} is not plain text; rename it")
    data = read_file(file)
    image = decode(data)
    if image.mode in ("F", "I"):
        raise UnusableImage("one with levels of 32 bits; make it one of 8 or 16 bits")
    return SourceImage(name, hashlib.sha256(data).hexdigest(), *image.size)


@lru_cache(maxsize=1)
def decode_rgba(path: str, image: SourceImage) -> npt.NDArray[Any]:
    """Return the levels of an image of a folder: (height, width, 4), 8 or 16 bits, alpha last.

    ``path`` is absolute.

    Raises:
        PixelgenError: Where the file is not the one that was scanned.
    """
    file = os.path.join(path, image.name)
    way = "restore the file, or generate the dataset anew in another directory"
    try:
        data = read_file(file)
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise PixelgenError(f"{file} has changed since it was scanned; {way}")
        found = decode(data)
    except OSError as error:
        raise PixelgenError(f"cannot read {file}: {error.strerror}; {way}") from None
    except UnusableImage as error:
        raise PixelgenError(f"{file} is {error}; {way}") from None
    if found.mode.startswith("I;16"):
        gray = np.asarray(found).astype(np.uint16)
        return np.stack([gray, gray, gray, np.full_like(gray, 65535)], axis=-1)
    return np.asarray(found.convert("RGBA"))
