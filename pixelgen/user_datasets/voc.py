"""PASCAL VOC: a folder with Annotations/, an XML file for each image, and ImageSets/.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/. VOC has no list of classes: they are the names of
the objects in all files, sorted.
"""

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
_NAME = ["annotation", "object", "name"]  # a part of an object has a name, too


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
        names |= _names_in(file)
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


def _names_in(path: Path) -> set[str]:
    """Return the classes of the objects in a file."""
    try:
        if not path.is_file() or path.stat().st_size > _FILE_LIMIT:
            raise BadValue(f"{path} is not a file of at most {_FILE_LIMIT:,} bytes; remove it")
        data = path.read_bytes()
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror}") from None
    reader = _Names(path)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadValue(f"{path} is not well-formed XML: {error}; correct it") from None
    return reader.names


class _Names:
    """Collects the text of annotation/object/name."""

    def __init__(self, path: Path) -> None:
        self.names: set[str] = set()
        self._path = path
        self._open: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, _: object) -> None:
        self._open.append(name)
        self._text = []
        if len(self._open) > _DEPTH_LIMIT:
            raise BadValue(f"{self._path} has over {_DEPTH_LIMIT} elements in each other")

    def _add(self, text: str) -> None:
        if self._open == _NAME:
            self._text.append(text)

    def _end(self, _: str) -> None:
        if self._open == _NAME:
            self.names.add("".join(self._text).strip())
        self._open.pop()

    def _refuse(self, *_: object) -> None:
        """Refuse a document type: its entities can name other files, or grow without end."""
        raise BadValue(f"{self._path} has a document type (DOCTYPE), which VOC has not; remove it")
