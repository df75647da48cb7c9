"""One data.yaml of the user's images and of negatives.

It is the user's, with a further folder, or list of files, in the splits that negatives join.
Entries are written so that Ultralytics 8 finds them: in a list of places a leading ``../`` is not
tried without, as it is in a single one, and in a text file some versions replace each ``./``.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pixelgen.errors import BadValue, PixelgenError, shell_path
from pixelgen.joining.negatives import (
    Joined,
    MergeRequest,
    Negatives,
    NewFile,
    Part,
    check_name,
    write_new,
)
from pixelgen.joining.own_images import check_most
from pixelgen.layouts.base import split_file
from pixelgen.user_datasets.yolo import SPLITS, YoloFile, images_of, read_file

_TARGETS = {
    "": "train", "train": "train", "training": "train", "val": "val", "valid": "val",
    "validation": "val", "dev": "val", "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip
"""The split of the user's that the images of a split join; validation only by its name."""


def merge_yolo(request: MergeRequest) -> Joined:
    """Write a data.yaml with the images of both.

    Raises:
        BadValue: If the negatives have no labels, if a split of theirs has no place, or if most
            of the user's images do not exist.
        Conflict: If a file exists.
    """
    user, negatives, out = request.user, request.negatives, request.out
    _check(negatives, out)
    file = read_file(user.path)
    base = file.base if file.keeps_path else out.parent
    values = {key: value for key, value in file.values.items() if key != "path" or file.keeps_path}
    for split in SPLITS:
        if texts := file.texts(split):
            spelled = _respell(file, texts, base, alone=not isinstance(values[split], list))
            values[split] = spelled if isinstance(values[split], list) else spelled[0]
    lists: list[NewFile] = []
    parts, added, missing = [], dict[str, list[str]](), dict[str, None]()
    for split in negatives.job.info.split_names:
        target = _TARGETS[split]
        own = dict(user.split_images).get(target, 0)
        indices = negatives.choose(split, request.share, own)
        negatives.check_names(indices, user, {}, _own_images(file))
        missing |= dict.fromkeys(_missing(file, target))
        parts.append(Part(target, own, len(indices)))
        is_absolute = all(map(os.path.isabs, file.texts(target) or file.texts("train")))
        place = Path(negatives.root) / (split_file("images", split, ".txt") if split else "images")
        if request.share is not None:
            place = out.parent / f"{out.stem}-negatives{f'-{split}' if split else ''}.txt"
            lists.append(
                (place, partial(_list, negatives, indices, None if is_absolute else place))
            )
        added.setdefault(target, []).append(_spell(place, None if is_absolute else base))
    for target, places in added.items():
        values[target] = _respell(file, file.texts(target), base, alone=False) + places
    write_new([*lists, (out, _dumper(values))])
    return Joined(str(out), tuple(parts), missing=tuple(missing))


def _check(negatives: Negatives, out: Path) -> None:
    """Refuse what cannot be written, or read by Ultralytics."""
    root, layout = negatives.store.root, negatives.job.layout
    if "yolo" not in (each.name for each in layout.sidecars):
        raise BadValue(
            f"{root} has no labels for YOLO; first run: pixelgen index {shell_path(root)} --layout"
            " yolo"
        )
    if lost := [each for each in negatives.job.info.split_names if each not in _TARGETS]:
        raise BadValue(
            f"split {lost[0]} of {root} has no place in a data.yaml, which has train, val and test;"
            " make negatives with these names"
        )
    check_name(out, (".yaml", ".yml"))
    if "\n" in negatives.root:
        raise BadValue(f"the path {negatives.root!r} has a line break; move the negatives")


def _own_images(file: YoloFile) -> Iterator[str]:
    """Yield the images of all splits."""
    for split in SPLITS:
        for text in file.texts(split):
            yield from images_of(file.resolve(text))


def _missing(file: YoloFile, split: str) -> Iterator[str]:
    """Yield the images that the text files of a split list, and that do not exist.

    Raises:
        BadValue: If they are more than half of those of a text file.
    """
    for place in map(file.resolve, file.texts(split)):
        if place.is_file():  # what a text file lists counts from where the trainer runs
            yield from check_most([*images_of(place)], ".", f"{place} names")


def _respell(file: YoloFile, texts: list[str], base: Path, *, alone: bool) -> list[str]:
    """Return places of the user's so that they count from ``base``; unchanged if they do."""
    is_same = base.resolve() == file.base.resolve()
    return [
        each
        if Path(each).is_absolute() or (is_same and (alone or (base / each).exists()))
        else _spell(file.resolve(each), base)
        for each in texts
    ]


def _spell(place: Path, base: Path | None) -> str:
    """Return a path as it is written: absolute, or from a folder."""
    real = os.path.realpath(place)
    return os.path.relpath(real, os.path.realpath(base)) if base else real


def _list(negatives: Negatives, indices: list[int], place: Path | None) -> Iterator[bytes]:
    """Yield the lines of a list of images: absolute, or from the folder of the list below it."""
    folder = negatives.root
    if place is not None:
        near = os.path.relpath(folder, os.path.realpath(place.parent))
        is_below = not near.startswith("..") and "./" not in near
        folder = f"./{near}".removesuffix("/.") if is_below else folder
    yield "".join(f"{folder}/{row['file_name']}\n" for row in negatives.rows(indices)).encode()


def _dumper(values: dict[str, Any]) -> Callable[[], Iterator[bytes]]:
    try:
        import yaml
    except ImportError:  # it was there when the file was read
        raise PixelgenError("PyYAML is missing; install it again") from None
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return lambda: iter((text.encode(),))


def loader(joined: Joined) -> str:
    """Return the call of Ultralytics that trains with a joined data.yaml."""
    return f'ultralytics.YOLO("yolo11n.yaml").train(data={joined.path!r})'
