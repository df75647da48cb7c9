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
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pixelgen.errors import BadValue, suggest_comma
from pixelgen.source_images.crop_room import CropRoom
from pixelgen.source_images.decoded import DecodedImages
from pixelgen.source_images.files import UnusableImage, decode, read_file
from pixelgen.source_images.images import SourceImage
from pixelgen.source_images.selection import Selection

if TYPE_CHECKING:
    from PIL.Image import Image

    from pixelgen.user_datasets.boxes.base import ImageLabels, Labels

MOST_IMAGES = 1_000_000
"""The images of a folder: all of their names and hashes are kept in memory."""

SUFFIXES = ("avif", "bmp", "gif", "jp2", "jpeg", "jpg", "pgm", "png", "ppm", "tga", "tif", "tiff",
            "webp")  # fmt: skip
"""The suffixes of the files that are read, in any case of letters."""

_NAME = re.compile(rf"[^.].*\.({'|'.join(SUFFIXES)})", re.IGNORECASE | re.DOTALL)
_NAMED = 3  # of the images that are too small
_LISTED = 100  # of the images that cannot be used
_ORIENTATION = 0x0112  # a tag of EXIF


@dataclass(frozen=True)
class ImageSource:
    """What a family reads of the user's: the images of a folder, or those with room for crops."""

    path: str
    room: CropRoom | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The source as the rows of the record have it."""
        return {"source": self.path, **({"crop": asdict(self.room)} if self.room else {})}


@dataclass(frozen=True)
class SourceFolder:
    """The images of a source, as they were when it was scanned.

    ``skipped`` says of each skipped file why it cannot be used; ``notes`` are what else the user
    should know, a line each.
    """

    source: ImageSource
    images: tuple[SourceImage, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the names, hashes, sides and boxes of the images, in hexadecimal."""
        lines = "".join(
            f"{sha256} {w}x{h}{'+' if boxes else ''}{boxes.hex()} {name}\n"
            for name, sha256, w, h, boxes in self.images
        )
        return hashlib.sha256(lines.encode()).hexdigest()

    @cached_property
    def decoded(self) -> DecodedImages:
        """The levels of the images."""
        return DecodedImages(os.path.abspath(self.source.path))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is computed or open: it cannot be pickled, nor need be copied."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class SourceCatalog:
    """What images are made from besides their job: folders of the user's, candidates of a search.

    Empty where there are none. It is a value: images are chosen from what it lists, whatever the
    folders hold by now.
    """

    folders: tuple[SourceFolder, ...] = ()
    selection: Selection | None = None

    @classmethod
    def scan(
        cls, sources: Iterable[ImageSource], frame: tuple[int, int], *, skip_damaged: bool = False
    ) -> Self:
        """Scan folders; raise BadValue as :func:`scan_folder` does."""
        return cls(
            tuple(scan_folder(source, frame, skip_damaged=skip_damaged) for source in sources)
        )

    def folder(self, source: ImageSource) -> SourceFolder:
        """Return the folder of a source; raise BadValue where it was not scanned."""
        for folder in self.folders:
            if folder.source == source:
                return folder
        raise BadValue(
            f"the images in {source.path!r} were not scanned by this job; use the one that"
            " scan_sources() returns: job = job.scan_sources()"
        )

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of what each folder lists, and then of the selection."""
        selected = (self.selection.digest,) if self.selection else ()
        return (*(folder.digest for folder in self.folders), *selected)

    def notes(self) -> Iterator[str]:
        """Yield what the user should know of the folders, a line each."""
        for folder in self.folders:
            if folder.skipped:
                yield f"skipped in {folder.source.path!r}: {shorten_list(folder.skipped)}"
            yield from folder.notes

    def paths(self) -> Iterator[str]:
        """Yield the paths of all images and labels."""
        for folder in self.folders:
            if folder.source.room and folder.source.room.labels:
                yield folder.source.room.labels
            for image in folder.images:
                yield f"{folder.source.path}/{image.name}"


NO_SOURCES = SourceCatalog()


def scan_folder(
    source: ImageSource, frame: tuple[int, int], *, skip_damaged: bool = False
) -> SourceFolder:
    """List the images of a source, each of which is decoded once, whole.

    Links to files are followed, links to folders are not; hidden files and folders are skipped. Of
    a source of crops, images that have no labels or no room are omitted, which its notes say.

    Args:
        source: The folder, and what is wanted of its images.
        frame: Width and height of what is cut out of each.
        skip_damaged: Skip damaged images, instead of refusing them.

    Raises:
        BadValue: If there are no such images; naming those that are damaged, no images, or smaller
            than the frame; for labels that cannot be read, or do not fit their images.
    """
    try:
        names = sorted(image_names(source.path), key=os.fsencode)
        if not names:
            raise BadValue(f"the source {source.path!r} holds no images (.png, .jpg, .webp, …)")
        labels = _read_labels(source, names)
        images, damaged = _read_images(source.path, names, labels)
    except OSError as error:
        hint = suggest_comma(f"source={source.path}")
        raise BadValue(f"cannot read the source {error.filename}: {error.strerror}{hint}") from None
    if damaged and not skip_damaged:
        count = f"{len(damaged):,} {'file' if len(damaged) == 1 else 'files'}"
        raise BadValue(
            f"{count} in the source {source.path!r} cannot be used:"
            f" {shorten_list(damaged)}; remove them, or skip them with --skip-damaged"
        )
    if not images:
        raise BadValue(f"the source {source.path!r} holds no image that can be used")
    if source.room is None:
        _check_size(source.path, images, frame)
        return SourceFolder(source, tuple(images), tuple(damaged))
    labelled = SourceFolder(source, tuple(images), tuple(damaged))
    return _with_room(labelled, source.room, frame, _label_notes(source, labels, names))


def _with_room(
    folder: SourceFolder, room: CropRoom, frame: tuple[int, int], notes: list[str]
) -> SourceFolder:
    """Return a folder without the images that have no room for crops, which are noted."""
    small = [image for image in folder.images if not room.has_place(image, frame)]
    if len(small) == len(folder.images):
        known = "".join(f" ({note})" for note in notes)  # of labels, which may be the reason
        raise BadValue(
            f"no image in {folder.source.path!r} has room for {frame[0]}x{frame[1]} pixels away"
            f" from objects; choose a smaller --size, margin or min_scale{known}"
        )
    if small:
        notes.append(
            f"skipped, as they have no room for {frame[0]}x{frame[1]} pixels away from objects:"
            f" {shorten_list([*map(_with_size, small)])}"
        )
    skipped = {image.name for image in small}
    fitting = tuple(image for image in folder.images if image.name not in skipped)
    return replace(folder, images=fitting, notes=tuple(notes))


def _read_labels(source: ImageSource, names: Sequence[str]) -> "Labels | None":
    from pixelgen.user_datasets.boxes.detect import read_labels  # here, as few jobs have labels

    room = source.room
    if room is None or not room.labels:
        return None
    return read_labels(room.labels, source.path, names, room.split)


def _read_images(
    path: str, names: Sequence[str], labels: "Labels | None"
) -> tuple[list[SourceImage], list[str]]:
    """Read the images of some names that have labels; return what is wrong with others."""
    images: list[SourceImage] = []
    damaged: list[str] = []
    for name in names:
        if labels is None or name in labels.images:
            try:
                images.append(_read_entry(path, name, labels.images[name] if labels else None))
            except UnusableImage as error:
                damaged.append(f"{name} is {error}")
    return images, damaged


def _label_notes(source: ImageSource, labels: "Labels | None", names: Sequence[str]) -> list[str]:
    """Return what the user should know of the labels of a source of crops."""
    room = source.room
    if labels is None or room is None:
        return [f"no labels for {source.path!r}: the whole of each image is taken as background"]
    notes = list(labels.notes)
    unlabelled = [name for name in names if name not in labels.images]
    if unlabelled:
        kind = f"are not in split {room.split!r} of" if room.split else "have no labels in"
        notes.append(f"skipped, as they {kind} {room.labels!r}: {shorten_list(unlabelled)}")
    return notes


def _with_size(image: SourceImage) -> str:
    return f"{image.name} ({image.width}x{image.height})"


def _check_size(path: str, images: Iterable[SourceImage], frame: tuple[int, int]) -> None:
    """Raise BadValue naming the images that are smaller than a frame."""
    width, height = frame
    small = [each for each in images if each.width < width or each.height < height]
    if small:
        named = ", ".join(map(_with_size, small[:_NAMED]))
        more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
        raise BadValue(
            f"images in {path} are smaller than {width}x{height}: {named}{more}; remove"
            " them, or choose a smaller --size"
        )


def shorten_list(texts: Sequence[str]) -> str:
    """Join texts for a message: the first hundred."""
    more = f" and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def image_names(path: str) -> Iterator[str]:
    """Yield the names of the images below a folder; raise OSError where it cannot be read."""

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


def _read_entry(path: str, name: str, labels: "ImageLabels | None") -> SourceImage:
    file = os.path.join(path, name)
    if not file.isprintable():
        raise BadValue(f"the name of the image {file!r} is not plain text; rename it")
    data = read_file(file)
    image = decode(data)
    if image.mode in ("F", "I"):
        raise UnusableImage("one with levels of 32 bits; make it one of 8 or 16 bits")
    boxes = b""
    if labels is not None:
        from pixelgen.user_datasets.boxes.base import pixel_boxes

        boxes = pixel_boxes(labels, image.size, _orientation(image)).astype("<i4").tobytes()
    return SourceImage(name, hashlib.sha256(data).hexdigest(), *image.size, boxes)


def _orientation(image: "Image") -> int:
    """Return how the image is meant to be displayed: the EXIF orientation, 1 … 8."""
    value = image.getexif().get(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1
