"""A folder that Hugging Face's ``load_dataset`` reads: of images with metadata, or of Parquet.

https://huggingface.co/docs/datasets/image_dataset. The classes are those of a ClassLabel, as
dataset_info.json, the card (README.md) or a Parquet file gives them; else the texts of the column
``label``, sorted; else the folders.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelgen.errors import BadValue, PixelgenError, install_extra
from pixelgen.user_datasets import imagefolder
from pixelgen.user_datasets.base import (
    CLASS_LIMIT,
    ImageNames,
    UserDataset,
    checked_classes,
    iter_images,
    read_lines,
    read_text,
    subfolders,
)
from pixelgen.user_datasets.yolo import load_yaml

METADATA = ("metadata.jsonl", "metadata.csv")
INFO = "dataset_info.json"
_DEPTH_LIMIT = 10
_INFO_LIMIT = 16 << 20  # bytes: it may list many files


def is_huggingface(path: Path) -> bool:
    """Return whether a folder has metadata, a description or Parquet files of Hugging Face."""
    return bool(_metadata(path)) or (path / INFO).is_file() or bool(_parquet(path))


def _folders(path: Path) -> list[Path]:
    """Return a folder and the folders in it, except those of datasets of pixelgen."""
    return [path, *(each for each in subfolders(path) if not (each / "pixelgen.json").exists())]


def _metadata(path: Path) -> list[Path]:
    """Return the files of metadata."""
    return [each / name for each in _folders(path) for name in METADATA if (each / name).is_file()]


def _parquet(path: Path) -> list[Path]:
    return [file for each in _folders(path) for file in sorted(each.glob("*.parquet"))]


def read(path: Path) -> UserDataset:
    """Read the classes and the names of images of a folder.

    Raises:
        BadValue: If it does not name its classes, or a file of it is damaged.
    """
    names, tables = ImageNames(), _parquet(path)
    for image in iter_images(path):
        names.add(image)
    classes = next(filter(None, _sources(path, tables)), None)
    if not classes:
        raise BadValue(
            f"{path} does not name its classes; give them in place of --beside, such as --classes"
            " cat,dog"
        )
    return UserDataset(
        kind="huggingface",
        path=path,
        folder=path,
        classes=checked_classes(classes, path),
        stems=frozenset(names.stems),
        images=names.count or sum(map(_rows_in, tables)),
        image_folders=(path.resolve(),),
    )


def _sources(path: Path, tables: list[Path]) -> Iterator[list[Any] | None]:
    """Yield the classes from each source in turn; None or an empty list where it has none."""
    if (path / INFO).is_file():
        yield _class_label(_load(read_text(path / INFO, _INFO_LIMIT), path / INFO), path)
    if (path / "README.md").is_file():
        yield _of_card(path / "README.md")
    if tables:
        yield _of_parquet(tables[0])
    metadata = _metadata(path)
    yield _of_metadata(metadata)
    if not metadata and imagefolder.is_imagefolder(path):
        yield list(imagefolder.read(path).classes)


def _load(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"{path} is not JSON: {str(error)[:100]}; correct it") from None


def _class_label(value: Any, path: Path) -> list[Any] | None:
    """Return the names of the only ClassLabel within a value, or of that named label.

    Raises:
        BadValue: If there are several others.
    """
    found = dict(_class_labels(value, "", 0))
    if len(found) > 1 and "label" not in found:
        raise BadValue(
            f"{path} has the classes of {', '.join(sorted(found))[:200]}; give those that you"
            " train with by --classes, in place of --beside"
        )
    return found.get("label") or next(iter(found.values()), None)


def _class_labels(value: Any, name: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield the columns that are a ClassLabel, each with its names."""
    if depth > _DEPTH_LIMIT:
        return
    if isinstance(value, dict):
        inner = value.get("class_label")  # as cards write it
        names = value.get("names") if value.get("_type") == "ClassLabel" else None
        names = inner.get("names") if isinstance(inner, dict) else names
        if isinstance(names, dict):
            names = [names[key] for key in sorted(names, key=_as_number)]
        if isinstance(names, list) and names:
            yield name, names
            return
        own = value.get("name")
        for key, each in value.items():
            inside = str(own) if isinstance(own, str) and key == "dtype" else str(key)
            yield from _class_labels(each, inside, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _class_labels(each, name, depth + 1)


def _as_number(key: object) -> int:
    text = str(key)
    return int(text) if text.isdecimal() and len(text) < 10 else 1 << 40


def _of_card(path: Path) -> list[Any] | None:
    """Return the classes that the head of a card gives in dataset_info."""
    text = read_text(path, _INFO_LIMIT)
    head = text.removeprefix("---\n").partition("\n---")[0] if text.startswith("---\n") else ""
    if "dataset_info" not in head or "class_label" not in head:
        return None
    values = load_yaml(head, path)
    return _class_label(values.get("dataset_info") if isinstance(values, dict) else None, path)


def _of_parquet(path: Path) -> list[Any] | None:
    """Return the classes that the schema of a Parquet file gives."""
    metadata = _parquet_file(path).schema_arrow.metadata or {}
    text = metadata.get(b"huggingface", b"null").decode(errors="replace")
    return _class_label(_load(text, path), path)


def _rows_in(path: Path) -> int:
    return int(_parquet_file(path).metadata.num_rows)


def _parquet_file(path: Path) -> Any:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise PixelgenError(f"reading {path} needs pyarrow; {install_extra('parquet')}") from None
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadValue(f"{path} is not a Parquet file: {str(error)[:100]}; restore it") from None


def _of_metadata(paths: list[Path]) -> list[Any] | None:
    """Return the texts of the column label, sorted, if it has texts."""
    found: set[str] = set()
    for path in paths:
        for row in _rows(path):
            label = row.get("label") if isinstance(row, dict) else None
            is_name = isinstance(label, str) and not (path.suffix == ".csv" and label.isdecimal())
            if is_name and len(found) <= CLASS_LIMIT:
                found.add(str(label))
    return sorted(found)


def _rows(path: Path) -> Iterator[Any]:
    if path.suffix == ".jsonl":
        yield from (_load(line, path) for line in read_lines(path) if line.strip())
        return
    try:
        yield from csv.DictReader(read_lines(path))
    except csv.Error as error:
        raise BadValue(f"{path} is not CSV: {error}; correct it") from None
