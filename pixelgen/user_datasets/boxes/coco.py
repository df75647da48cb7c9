"""COCO: the boxes of all annotations, crowds among them.

https://cocodataset.org/#format-data: ``bbox`` is x, y, width, height in pixels. An annotation
without one is taken by its polygons.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import checked_id
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex, check_not_relative
from pixelgen.user_datasets.coco import file_name, iter_objects, open_object


class _Listed(NamedTuple):
    """An image of the file: its path, its name in the source, None if not there, and its size."""

    path: str
    name: str | None
    size: tuple[int, int] | None


def read(path: Path, names: NameIndex) -> Labels:
    """Read the boxes of the images that a file lists.

    Raises:
        BadValue: If it is not a COCO file, or for an annotation of an image that it does not list.
    """
    listed: dict[int, _Listed] = {}
    annotated: dict[int, ImageLabels] = {}
    with open_object(path) as members:
        for member in members.names():
            if member == "images":
                listed = _read_images(iter_objects(members, member, path), names, path)
            elif member == "annotations":
                annotated = _read_annotations(iter_objects(members, member, path), path)
            else:
                members.skip()
    _check_listed(path, listed, annotated)
    found: dict[str, ImageLabels] = {}
    for number, (_, name, size) in listed.items():
        if name is not None:
            labels = annotated.get(number, ImageLabels(""))
            labels.where, labels.size = f"{path}, image {number}", size
            if name in found:  # listed twice
                labels.boxes.extend(found[name].boxes)
            found[name] = labels
    others = [each.path for each in listed.values() if each.name is None]
    names.check_any(found, path, others)
    check_not_relative(found.values(), path)
    return Labels.noted(found, path, others)


def _read_images(
    items: Iterable[dict[str, Any]], names: NameIndex, path: Path
) -> dict[int, _Listed]:
    listed: dict[int, _Listed] = {}
    for item in items:
        number = checked_id(item.get("id"), "image", path)
        if number in listed:
            raise BadValue(f"{path} has two images of id {number}; renumber one")
        file = file_name(item, path)
        listed[number] = _Listed(file, names.find(file, path), _size(item))
    return listed


def _read_annotations(items: Iterable[dict[str, Any]], path: Path) -> dict[int, ImageLabels]:
    annotated: dict[int, ImageLabels] = {}
    for place, item in enumerate(items):
        own_id = f"annotation {str(item['id'])[:50]}" if "id" in item else f"annotations[{place}]"
        where, number = f"{path}, {own_id}", item.get("image_id")
        if isinstance(number, bool) or not isinstance(number, int):
            problem = (
                f"has image_id {str(number)[:50]!r}" if "image_id" in item else "has no image_id"
            )
            raise BadValue(f"{where} {problem}; write the id of one of the images, a whole number")
        labels = annotated.setdefault(number, ImageLabels(""))
        labels.where = where
        _add(labels, item)
    return annotated


def _check_listed(
    path: Path, listed: dict[int, _Listed], annotated: dict[int, ImageLabels]
) -> None:
    if not listed:
        raise BadValue(
            f"{path} lists no images; give a COCO file of annotations, such as"
            " instances_train2017.json"
        )
    if unknown := annotated.keys() - listed.keys():
        raise BadValue(
            f"{path} has annotations of image {min(unknown)}, which it does not list: its images"
            f" have the ids {min(listed)} to {max(listed)}; correct image_id, which may count from"
            " 0 or 1 by mistake"
        )


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    size = image.get("width"), image.get("height")
    is_given = all(isinstance(side, int) and side > 0 for side in size)
    return (int(str(size[0])), int(str(size[1]))) if is_given else None


def _add(labels: ImageLabels, annotation: dict[str, Any]) -> None:
    box, polygons = annotation.get("bbox"), annotation.get("segmentation")
    if isinstance(box, list) and len(box) == 4:
        x, y, width, height = box
        try:
            labels.add([x, y, x + width, y + height])
        except TypeError:
            labels.add(box)  # which says what is not a number
    elif isinstance(polygons, list) and polygons:
        for polygon in polygons:
            if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
                raise BadValue(f"{labels.where}: a polygon must have points x, y, x, y, …")
            labels.add_points(polygon)
    else:
        raise BadValue(f"{labels.where} has no bbox of four numbers; write one: [x, y, w, h]")
