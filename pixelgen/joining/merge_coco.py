"""One COCO file of the user's images and of negatives.

It is the user's file, byte for byte, with more images in its list: annotations, categories and all
else stay as they are.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from pixelgen.errors import BadValue, Conflict
from pixelgen.joining.negatives import (
    Joined,
    MergeRequest,
    Negatives,
    Part,
    check_name,
    write_new,
)
from pixelgen.joining.own_images import find_images
from pixelgen.user_datasets.coco import file_name, iter_objects, open_object

_CHUNK = 4 << 20  # bytes
_ROWS = 1000  # rows that are written at once


@dataclass(frozen=True)
class ImageList:
    """The images of a COCO file: where their list ends, their names, and some of their ids.

    ``end`` is the offset of the bracket that closes the list, ``ids`` are those that negatives
    have, too, each with its file name.
    """

    end: int
    names: tuple[str, ...]
    ids: dict[int, str]


def merge_coco(request: MergeRequest) -> Joined:
    """Write a COCO file with the images of both.

    Raises:
        BadValue: If the file does not end in .json, the split is unknown, or the user's images are
            not found.
        Conflict: If the file exists.
    """
    user, negatives, out = request.user, request.negatives, request.out
    check_name(out, (".json",))
    indices = negatives.choose(_split(negatives, request.split), request.share, user.images)
    first = negatives.job.info.first_id
    found = _read_images(user.path, {first + index for index in indices})
    own = find_images(user, found.names, request.images)
    paths = (os.path.join(own.root, name) for name in found.names)  # noqa: PTH118 - many names
    negatives.check_names(indices, user, found.ids, paths)
    is_absolute = own.root == "/"
    folder = negatives.root if is_absolute else os.path.relpath(negatives.root, own.root)

    def rows() -> Iterator[str]:
        for row in negatives.rows(indices):
            image = {"id": first + row["index"], "file_name": f"{folder}/{row['file_name']}"}
            image |= {"width": row["width"], "height": row["height"]}
            yield json.dumps(image, separators=(",", ":"))

    write_new([(out, lambda: _insert(user.path, found, rows()))])
    return Joined(str(out), (Part("", user.images, len(indices)),), own.root, own.missing)


def _split(negatives: Negatives, split: str | None) -> str:
    """Return the split that is taken; '' if there are none.

    Raises:
        BadValue: If it does not exist, or if there are others than train and none is named.
    """
    names = negatives.job.info.split_names
    if names == ("",) and split is None:
        return ""
    if (split or "train") not in names:
        there = "no splits; remove --split" if names == ("",) else f"splits {', '.join(names)}"
        way = "" if names == ("",) else f"; give one: --split {names[0]}"
        raise BadValue(f"{negatives.store.root} has {there}{way}")
    return split or "train"


def _read_images(path: Path, wanted: set[int]) -> ImageList:
    with open_object(path) as members:
        for name in members.names():
            if name != "images":
                members.skip()
                continue
            names, ids = [], {}
            for image in iter_objects(members, name, path):
                names.append(file_name(image, path))
                if image.get("id") in wanted:
                    ids[image["id"]] = names[-1]
            return ImageList(members.offset - 1, tuple(names), ids)
    raise BadValue(f"{path} has no images; give a COCO file")


def _insert(path: Path, found: ImageList, rows: Iterable[str]) -> Iterator[bytes]:
    """Yield the bytes of a file with rows at the end of its list of images."""
    with path.open("rb") as file:
        yield from _copy(file, found.end)
        separator, waiting = "," if found.names else "", iter(rows)
        while batch := list(islice(waiting, _ROWS)):
            yield f"{separator}\n{f',{chr(10)}'.join(batch)}".encode()
            separator = ","
        if file.read(1) != b"]":
            raise Conflict(f"{path} changed while it was read; let it be written whole, then merge")
        yield b"]"
        yield from _copy(file, None)


def _copy(file: BinaryIO, size: int | None) -> Iterator[bytes]:
    """Yield the next bytes of a file, or all that are left."""
    while data := file.read(_CHUNK if size is None else min(size, _CHUNK)):
        size = None if size is None else size - len(data)
        yield data
        if size == 0:
            return


def loader(joined: Joined) -> str:
    """Return the call of torchvision that loads a joined COCO file."""
    values: tuple[Any, ...] = (joined.root, joined.path)
    return "torchvision.datasets.CocoDetection({!r}, {!r})".format(*values)
