"""COCO: a JSON file of images, annotations and categories.

https://cocodataset.org/#format-data. The ids of categories may have gaps: COCO's own 80 have ids of
1 to 90. The file is read item by item, so a large one needs little memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import ImageNames, UserDataset, checked_classes, checked_id
from pixelgen.user_datasets.json_stream import JsonObject

MEMBERS = ("images", "annotations", "categories")


def read(path: Path) -> UserDataset:
    """Read a COCO file.

    Raises:
        BadValue: If it is not one, or if an id or a category is not as COCO defines it.
    """
    names, image_id, annotation_id = ImageNames(), 0, 0
    categories: dict[int, object] = {}
    found = set()
    with open_object(path) as members:
        for member in _iter_members(members, path):
            found.add(member)
            for item in iter_objects(members, member, path):
                if member == "images":
                    names.add(file_name(item, path))
                    image_id = max(image_id, checked_id(item.get("id"), "image", path))
                elif member == "annotations":
                    number = checked_id(item.get("id", 0), "annotation", path)
                    annotation_id = max(annotation_id, number)
                else:
                    number = checked_id(item.get("id"), "category", path)
                    if number in categories:
                        raise BadValue(f"{path} has two categories of id {number}; renumber one")
                    categories[number] = item.get("name")
    if missing := [each for each in MEMBERS if each not in found and each != "annotations"]:
        raise BadValue(
            f"{path} is not a COCO file: {' and '.join(missing)} missing; give the file of"
            " annotations, such as instances_train2017.json"
        )
    return UserDataset(
        kind="coco",
        path=path,
        folder=path.parent.parent if path.parent.name == "annotations" else path.parent,
        classes=checked_classes(categories.values(), path),
        category_ids=tuple(categories),
        highest_image_id=image_id,
        highest_annotation_id=annotation_id,
        stems=frozenset(names.stems),
        images=names.count,
    )


def _iter_members(members: JsonObject, path: Path) -> Iterator[str]:
    """Yield the members that are read; pass over the others."""
    for member in members.names():
        if members.has_byte_order_mark:  # json.load() of pycocotools refuses it
            raise BadValue(
                f"{path} begins with a byte order mark, which trainers refuse; save it as UTF-8"
                " without one"
            )
        if member in MEMBERS:
            yield member
        else:
            members.skip()


@contextmanager
def open_object(path: Path) -> Iterator[JsonObject]:
    """Open a COCO file, to be read from its beginning.

    Raises:
        BadValue: If it is not a file, or cannot be read.
    """
    if not path.is_file():
        raise BadValue(f"{path} is not a file; give a COCO file, such as instances_train.json")
    try:
        with path.open("rb") as file:
            yield JsonObject(file, path)
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror}") from None


def iter_objects(members: JsonObject, member: str, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the items of a member, each a JSON object.

    Raises:
        BadValue: If one is not.
    """
    for item in members.items():
        if not isinstance(item, dict):
            raise BadValue(f"{path}: {member} has {str(item)[:50]!r}, which is not an object")
        yield item


def file_name(image: dict[str, Any], path: Path) -> str:
    """Return the file of an image, as it is written.

    Raises:
        BadValue: If it has none.
    """
    name = image.get("file_name")
    if name is None:
        raise BadValue(f"{path}: an image has no file_name; write the path of its file")
    if not isinstance(name, str) or not name or "\0" in name:
        raise BadValue(f"{path}: an image has the file_name {str(name)[:50]!r}; it must be a path")
    return name
