"""CSV: a row a box, with the columns file, x, y, w, h in pixels, and perhaps split.

x and y are the left upper corner. A row without numbers lists an image without objects.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import read_lines
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex, check_not_relative

_SIDES = ("x", "y", "w", "h")
_COLUMNS = ("file", *_SIDES)


def read(path: Path, names: NameIndex, split: str) -> Labels:
    """Read the boxes of a file; of a ``split``, if one is given, and only images that it lists.

    Raises:
        BadValue: If it has other columns, or for a box that is not of numbers.
    """
    found: dict[str, ImageLabels] = {}
    others = set()
    reader = csv.DictReader(read_lines(path), skipinitialspace=True)
    try:
        _check_columns(path, reader.fieldnames or (), split)
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            _check_row(row, where, split)
            if split and row["split"] != split:
                continue
            name = names.find(row["file"], path)
            if name is None:
                others.add(row["file"])
                continue
            labels = found.setdefault(name, ImageLabels(""))
            labels.where = where
            if row["x"]:
                x, y, width, height = (labels.number(row[column]) for column in _SIDES)
                labels.add([x, y, x + width, y + height])
    except csv.Error as error:
        raise BadValue(f"{path} is not CSV: {error}; correct it") from None
    for name, labels in found.items():  # a box outside the image may be of any line
        labels.where = f"{path}, {name}"
    names.check_any(found, f"{path}, split {split!r}," if split else path, others)
    check_not_relative(found.values(), path)
    for name in () if split else names.names - found.keys():
        found[name] = ImageLabels(str(path))
    return Labels.noted(found, path, others)


def _check_row(row: Mapping[str, str | None], where: str, split: str) -> None:
    """Raise BadValue if a row lacks its file or split, or some of its numbers, but not all."""
    needed = _COLUMNS if any(row[each] for each in _SIDES) else ("file",)
    missing = [each for each in needed if not row[each]]
    if split and row["split"] is None:
        missing.append("split")
    if missing:
        raise BadValue(
            f"{where}: {' and '.join(missing)} missing; write all of {','.join(_COLUMNS)}, or leave"
            " x,y,w,h empty for an image without objects"
        )


def _check_columns(path: Path, columns: Sequence[str], split: str) -> None:
    needed = (*_COLUMNS, "split") if split else _COLUMNS
    if missing := [each for each in needed if each not in columns]:
        raise BadValue(
            f"{path} has no column {missing[0]}; its first line must name the columns"
            f" {','.join(needed)}"
        )
