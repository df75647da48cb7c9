"""Ultralytics YOLO: a data.yaml that names the classes and, for each split, where images are.

https://docs.ultralytics.com/datasets/detect/. Paths mean what ``check_det_dataset`` and
``BaseDataset.get_img_files`` of ultralytics 8 take them for: ``path`` counts from the working
directory, without it the others count from the file's folder; a split is a folder, a text file of
images, or a list of both; in a text file only a leading ``./`` counts from its folder. Where the
working directory has no such images, ``path`` counts from the file's folder, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelgen.errors import BadValue, PixelgenError, install_extra
from pixelgen.user_datasets.base import (
    CLASS_LIMIT,
    ImageNames,
    UserDataset,
    checked_classes,
    iter_images,
    read_lines,
    read_text,
)

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class YoloFile:
    """A data.yaml: its values, and the folder that its paths count from.

    ``keeps_path`` says that this folder is the value of ``path``, wherever the file is.
    """

    path: Path
    values: dict[str, Any]
    base: Path
    keeps_path: bool

    def texts(self, split: str) -> list[str]:
        """Return where the images of a split are, as it is written; none without such a split.

        Raises:
            BadValue: If it is not text, or a list of texts.
        """
        value = self.values.get(split)
        texts = value if isinstance(value, list) else [] if value in (None, "") else [value]
        for each in texts:
            if not isinstance(each, str) or not each or "\0" in each:
                raise BadValue(
                    f"{self.path}: {split} is {str(each)[:50]!r}; it must be a path, or a list of"
                    " paths"
                )
        return texts

    def resolve(self, text: str) -> Path:
        """Return the folder or file that a text of a split stands for.

        Raises:
            BadValue: If it does not exist.
        """
        found = self._place(text)
        if not found.is_dir() and not found.is_file():
            raise BadValue(
                f"{self.path} names {text[:200]!r}, and {self.base / text} does not exist; correct"
                " it, or run this where you train"
            )
        if found.resolve() == Path("/"):
            raise BadValue(f"{self.path} names {text[:200]!r}, which is the whole file system")
        return found

    def has_split(self) -> bool:
        """Return whether a folder or file of a split exists."""
        texts = (text for split in SPLITS for text in self.texts(split))
        return any(self._place(text).exists() for text in texts)

    def _place(self, text: str) -> Path:
        found = self.base / text
        if not found.exists() and text.startswith("../"):  # as in the files of Roboflow
            return self.base / text[3:]
        return found


def read(path: Path) -> UserDataset:
    """Read a data.yaml, and list the images that it names.

    Raises:
        BadValue: If it is not one, or if a folder or file that it names does not exist.
    """
    file = read_file(path)
    names, counts, folders = ImageNames(), [], []
    for split in SPLITS:
        before, places = names.count, [file.resolve(each) for each in file.texts(split)]
        for place in places:
            for image in images_of(place):
                names.add(image)
        folders += [each.resolve() for each in places if each.is_dir()]
        if places:
            counts.append((split, names.count - before))
    return UserDataset(
        kind="yolo",
        path=path,
        folder=path.parent,
        classes=class_names(file),
        stems=frozenset(names.stems),
        images=names.count,
        split_images=tuple(counts),
        image_folders=tuple(folders),
    )


def read_file(path: Path) -> YoloFile:
    """Read a data.yaml; of its images see only whether a place of theirs exists.

    Raises:
        BadValue: If it is not one.
    """
    values = load_yaml(read_text(path), path)
    if not isinstance(values, dict) or "train" not in values:
        raise BadValue(f"{path} has no train; give the data.yaml of an Ultralytics dataset")
    root = values.get("path")
    if root is None or root == "":
        return YoloFile(path, values, path.parent, keeps_path=False)
    if not isinstance(root, str) or "\0" in root:
        raise BadValue(f"{path}: path is {str(root)[:50]!r}; it must be a folder")
    files = [
        YoloFile(path, values, base, keeps_path=keeps_path)
        for base, keeps_path in ((Path(root), True), (path.parent / root, False))
        if base.is_dir()
    ]
    if files:  # path: . is a folder everywhere
        return next((each for each in files if each.has_split()), files[0])
    raise BadValue(
        f"{path} has path {root[:200]!r}, which is not a folder here or beside the file; write an"
        " absolute path, or run this where you train"
    )


def load_yaml(text: str, path: Path) -> Any:
    """Return the value of a YAML text.

    Raises:
        BadValue: If it is not YAML, or has aliases.
        PixelgenError: If PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError:
        raise PixelgenError(f"reading {path} needs PyYAML; {install_extra('yaml')}") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Refuses aliases: with them a small text can stand for an endless value."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it has an alias (*name); write the value out")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)  # noqa: S506 – a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadValue(f"{path} is not valid YAML: {reason}; correct it") from None


def class_names(file: YoloFile) -> tuple[str, ...]:
    """Return the names of the classes, as Ultralytics reads them.

    Raises:
        BadValue: If there are none, or their numbers have gaps.
    """
    names: Any = file.values.get("names")
    count: Any = file.values.get("nc")
    has_count = isinstance(count, int) and not isinstance(count, bool)
    if names is None and has_count and 0 < count <= CLASS_LIMIT:
        names = [f"class_{number}" for number in range(count)]
    if isinstance(names, dict):
        numbered = {str(key): name for key, name in names.items()}  # a key may be '0'
        if {*numbered} != {*map(str, range(len(names)))}:
            raise BadValue(f"{file.path}: the numbers of names must be 0, 1, 2, … without gaps")
        names = [numbered[str(number)] for number in range(len(names))]
    if not isinstance(names, list):
        raise BadValue(f"{file.path} has no names; list the classes: names: [cat, dog]")
    if count is not None and (not has_count or count != len(names)):
        raise BadValue(
            f"{file.path} has nc {str(count)[:50]} and {len(names)} names; give one for each"
        )
    plain = (str(each) if isinstance(each, int | float) else each for each in names)
    return checked_classes(plain, file.path)


def images_of(place: Path) -> Iterator[str]:
    """Yield the images in a folder, or those that a text file lists."""
    if place.is_dir():
        yield from iter_images(place)
        return
    for line in read_lines(place):
        if line.strip():
            text = line.strip()
            yield f"{place.parent}/{text[2:]}" if text.startswith("./") else text
