"""What is read of a dataset of the user's, and what its readers share."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pixelgen.errors import BadValue

JSON_LIMIT = 1 << 53
"""The largest integer that every JSON reader keeps."""

LONGEST_CLASS = 200
"""Characters of the name of a class of the user's."""

TEXT_LIMIT = 1 << 20
"""Bytes of a description or a line; a longer one is refused."""

CLASS_LIMIT = 100_000
"""The most classes that are read."""

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif",
     ".heic", ".dng", ".mpo", ".pfm", ".jp2")
)  # fmt: skip
"""The suffixes of image files, in lower case: those of Ultralytics, torchvision and Pillow."""

_FILE_LIMIT = 100_000_000  # a folder with more is not a dataset, but all of a file system
_NUMBERED = re.compile(r"[0-9]{6,}\Z", re.ASCII)


@dataclass(frozen=True)
class UserDataset:
    """What negatives must know of a dataset of the user's to join it.

    Attributes:
        kind: coco, yolo, voc, imagefolder or huggingface.
        path: The file or folder, as the user named it.
        folder: The folder that it is, or that it is in; of annotations/x.json, that above.
        classes: The names of the classes, in the order of the dataset.
        category_ids: The ids of the classes in a COCO file, each 0 … 2⁵³; else empty.
        highest_image_id: The highest id of an image, 0 … 2⁵³; 0 where there are none.
        highest_annotation_id: The same of annotations.
        stems: The names without suffix of the images that end in six digits or more; no other
            name can be that of a negative.
        images: The number of images.
        split_images: The splits that the dataset names, each with its number of images.
        image_folders: The folders of which every image belongs to the dataset, as real paths.
    """

    kind: str
    path: Path
    folder: Path
    classes: tuple[str, ...]
    stems: frozenset[str]
    images: int
    category_ids: tuple[int, ...] = ()
    highest_image_id: int = 0
    highest_annotation_id: int = 0
    split_images: tuple[tuple[str, int], ...] = ()
    image_folders: tuple[Path, ...] = ()

    def joined_images(self, splits: tuple[str, ...]) -> int:
        """Return how many images negatives join that have these splits, or none: then train."""
        counts = dict(self.split_images)
        return sum(counts.get(each, 0) for each in splits or ("train",)) or self.images


@dataclass
class ImageNames:
    """Counts images by their names, and keeps the stems that names of negatives could equal."""

    count: int = 0
    stems: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        """Count an image by its name, or its path."""
        self.count += 1
        stem = os.path.splitext(os.path.basename(name))[0]
        if _NUMBERED.search(stem):
            self.stems.add(stem)


def is_class_name(name: str) -> bool:
    """Return whether a class of the user's may have a name, which has no spaces around it."""
    return 0 < len(name) <= LONGEST_CLASS and name.isprintable()


def checked_classes(names: Iterable[object], path: Path) -> tuple[str, ...]:
    """Return the names of classes, without spaces around them.

    Raises:
        BadValue: Unless each is printable text of at most 200 characters, and they differ.
    """
    read: dict[str, None] = {}
    for number, given in enumerate(names):
        name = given.strip() if isinstance(given, str) else ""
        if not is_class_name(name):
            raise BadValue(
                f"{path}: the class {str(given)[:50]!r} must be 1 to {LONGEST_CLASS} printable"
                " characters; rename it"
            )
        if name in read:
            raise BadValue(f"{path} has the class {name[:50]!r} twice; rename one of the two")
        if number >= CLASS_LIMIT:
            raise BadValue(f"{path} has over {CLASS_LIMIT:,} classes; give a smaller dataset")
        read[name] = None
    if not read:
        raise BadValue(f"{path} has no classes; give the file or folder of a labelled dataset")
    return tuple(read)


def checked_id(value: object, noun: str, path: Path) -> int:
    """Return an id of a COCO file.

    Raises:
        BadValue: Unless it is an integer of 0 … 2⁵³.
    """
    if value is None:
        raise BadValue(f"{path}: the {noun} id is missing; give every {noun} a whole number")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= JSON_LIMIT:
        raise BadValue(
            f"{path}: the {noun} id {str(value)[:50]!r} must be a whole number of 0 to"
            f" {JSON_LIMIT}; renumber every {noun}"
        )
    return value


def read_text(path: Path, limit: int = TEXT_LIMIT) -> str:
    """Return the text of a small file.

    Raises:
        BadValue: If it cannot be read, has over ``limit`` bytes, or is not UTF-8.
    """
    if not path.is_file():
        raise BadValue(f"{path} is not a file; give the file or folder of a dataset")
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror}") from None
    if len(data) > limit:
        raise BadValue(f"{path} has over {limit:,} bytes, and such a file is smaller")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{path} is not UTF-8: {error.reason}; save it as UTF-8") from None


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, without their ends.

    Raises:
        BadValue: If it cannot be read, is not UTF-8, or has a line of over 1 MiB.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(TEXT_LIMIT):
                if len(line) == TEXT_LIMIT:
                    raise BadValue(f"{path} has a line of over {TEXT_LIMIT:,} characters")
                yield line.rstrip("\r\n")
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadValue(f"{path} is not UTF-8: {error.reason}; save it as UTF-8") from None


def is_image(name: str) -> bool:
    """Return whether a file is an image, by its name."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")


def iter_images(folder: Path) -> Iterator[str]:
    """Yield the paths of the images in a folder and the folders below, each folder once.

    Links to folders are followed, as loaders follow them. The order is not defined.

    Raises:
        BadValue: If a folder cannot be listed, or there are too many files.
    """
    seen: set[tuple[int, int]] = set()
    waiting, files = [str(folder)], 0
    while waiting:
        place = waiting.pop()
        try:
            status = os.stat(place)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                for entry in entries:
                    files += 1
                    if entry.is_dir():
                        waiting.append(entry.path)
                    elif is_image(entry.name):
                        yield entry.path
        except OSError as error:
            raise BadValue(f"cannot list {place}: {error.strerror}") from None
        if files > _FILE_LIMIT:
            raise BadValue(f"{folder} has over {_FILE_LIMIT:,} files; give the folder of a dataset")


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []
