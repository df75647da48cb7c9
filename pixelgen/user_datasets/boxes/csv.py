"""CSV: a row a box, with the columns file, x, y, w, h in pixels, and perhaps split.

x and y are the left upper corner. A row without numbers lists an image without objects.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import read_lines
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex, check_not_relative

_COLUMNS = ("file", "x", "y", "w", "h")


def read(path: Path, names: NameIndex, split: str) -> Labels:
    """Read the boxes of a file; of a ``split``, if one is given, and only images that it lists.

    Raises:
        BadValue: If it has other columns, or for a box that is not of numbers.
    """
    found: dict[str, ImageLabels] = {}
    reader = csv.DictReader(read_lines(path), skipinitialspace=True)
    try:
        _check_columns(path, reader.fieldnames or (), split)
        for row in reader:
            name = names.find(str(row["file"]), path)
            if name is None or (split and row["split"] != split):
                continue
            labels = found.setdefault(name, ImageLabels(""))
            labels.where = f"{path}, line {reader.line_num}"
            texts = [row[column] for column in _COLUMNS[1:]]
            if any(texts):
                x, y, width, height = map(labels.number, texts)
                labels.add([x, y, x + width, y + height])
    except csv.Error as error:
        raise BadValue(f"{path} is not CSV: {error}; correct it") from None
    names.check_any(found, f"{path}, split {split!r}," if split else path)
    check_not_relative(found.values(), path)
    if split:
        return Labels(found)
    missing = names.names - found.keys()
    for name in missing:
        found[name] = ImageLabels(str(path))
    note = f"{path} has no box in {len(missing):,} of {len(names.names):,} images"
    return Labels(found, (note,) if missing else ())


def _check_columns(path: Path, columns: Sequence[str], split: str) -> None:
    needed = (*_COLUMNS, "split") if split else _COLUMNS
    if missing := [each for each in needed if each not in columns]:
        raise BadValue(
            f"{path} has no column {missing[0]}; its first line must name the columns"
            f" {','.join(needed)}"
        )
