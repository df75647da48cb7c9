"""PASCAL VOC: a folder with Annotations/, an XML file for each image, and ImageSets/.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/. VOC has no list of classes: they are the names of
the objects in all files, sorted.
"""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import (
    CLASS_LIMIT,
    ImageNames,
    UserDataset,
    checked_classes,
    subfolders,
)

_FILE_LIMIT = 16 << 20  # bytes
_DEPTH_LIMIT = 50
_OBJECT = ["annotation", "object"]
_SIZE = ["annotation", "size"]
_SIDES = ("width", "height")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
"""The elements of a bndbox, in the order of :attr:`VocObjects.boxes`."""


def find_folder(path: Path) -> Path | None:
    """Return the folder of VOC in a path: itself, VOC2012, or VOCdevkit/VOC2012; None if none is.

    Raises:
        BadValue: If there are several.
    """
    below = [*subfolders(path), *subfolders(path / "VOCdevkit")]
    found = [
        each
        for each in (path, *below)
        if (each / "Annotations").is_dir() and (each / "ImageSets").is_dir()
    ]
    if len(found) > 1:
        raise BadValue(f"{path} has {len(found)} VOC datasets; give one, such as {found[0]}")
    return found[0] if found else None


def read(path: Path, folder: Path) -> UserDataset:
    """Read the XML files of a VOC dataset.

    Raises:
        BadValue: If one of them is not well-formed, too large, or has a document type.
    """
    names: set[str] = set()
    images = ImageNames()
    for file in sorted((folder / "Annotations").glob("*.xml")):
        images.add(file.name)
        names |= {*read_objects(file).names}
        if len(names) > CLASS_LIMIT:
            raise BadValue(f"{folder} has over {CLASS_LIMIT:,} classes; give a smaller dataset")
    real = folder.resolve()
    return UserDataset(
        kind="voc",
        path=path,
        folder=folder,
        classes=checked_classes(sorted(names), folder / "Annotations"),
        stems=frozenset(images.stems),
        images=images.count,
        image_folders=(real / "Annotations", real / "ImageSets", real / "JPEGImages"),
    )


@dataclass
class VocObjects:
    """What an XML file says: the names and boxes of its objects, and the size of the image.

    Attributes:
        names: The class of each object.
        boxes: The texts of xmin, ymin, xmax, ymax of each object; '' where one is missing.
        sides: The texts of the image's width and height; '' where one is missing.
    """

    names: list[str] = field(default_factory=list)
    boxes: list[list[str]] = field(default_factory=list)
    sides: list[str] = field(default_factory=lambda: ["", ""])

    def begin(self, element: list[str]) -> None:
        """Take the beginning of an element, by the names of those that it is in, and its own."""
        if element == _OBJECT:
            self.boxes.append([""] * len(CORNERS))

    def end(self, element: list[str], text: str) -> None:
        """Take the text of an element."""
        if element == [*_OBJECT, "name"]:  # a part of an object has a name, too
            self.names.append(text)
        elif element[:-1] == [*_OBJECT, "bndbox"] and element[-1] in CORNERS:
            self.boxes[-1][CORNERS.index(element[-1])] = text
        elif element[:-1] == _SIZE and element[-1] in _SIDES:
            self.sides[_SIDES.index(element[-1])] = text


def read_objects(path: Path) -> VocObjects:
    """Read the objects in an XML file.

    Raises:
        BadValue: If it is not well-formed, too large, or has a document type.
    """
    try:
        if not path.is_file() or path.stat().st_size > _FILE_LIMIT:
            raise BadValue(f"{path} is not a file of at most {_FILE_LIMIT:,} bytes; remove it")
        data = path.read_bytes()
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror}") from None
    reader = _Reader(path)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadValue(f"{path} is not well-formed XML: {error}; correct it") from None
    return reader.objects


class _Reader:
    """Collects the texts of elements that have no others in them."""

    def __init__(self, path: Path) -> None:
        self.objects = VocObjects()
        self._path = path
        self._open: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text_of
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, _: object) -> None:
        self._open.append(name)
        self._text = []
        if len(self._open) > _DEPTH_LIMIT:
            raise BadValue(f"{self._path} has over {_DEPTH_LIMIT} elements in each other")
        self.objects.begin(self._open)

    def _text_of(self, text: str) -> None:
        self._text.append(text)

    def _end(self, _: str) -> None:
        self.objects.end(self._open, "".join(self._text).strip())
        self._text = []
        self._open.pop()

    def _refuse(self, *_: object) -> None:
        """Refuse a document type: its entities can name other files, or grow without end."""
        raise BadValue(f"{self._path} has a document type (DOCTYPE), which VOC has not; remove it")
