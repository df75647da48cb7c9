"""Ultralytics YOLO: an empty label file for each image, and the description of the dataset.

https://docs.ultralytics.com/datasets/detect/: the path of a label file is that of its
image, with ``labels`` for ``images``. Training needs label files; an empty one means no objects.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.containers._image_files import subfolders
from pixelgen.layouts.dataset_info import DatasetInfo

_VALIDATION = ("val", "valid", "validation", "dev", "test")


@dataclass(frozen=True)
class Yolo(Sidecar):
    """Ultralytics YOLO: labels/NAME.txt, empty, and data.yaml; with --split lists of images."""

    name = "yolo"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield labels/, or its sub-folders."""
        return subfolders("labels", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description, a list for each split, and the labels."""
        yield "data.yaml", _description(manifest.info)
        if manifest.info.splits:
            for name, split in manifest.split_files("images", ".txt"):
                yield name, image_paths(manifest, split)
        for row in manifest.rows():
            stem, _, _ = row["file_name"].removeprefix("images/").rpartition(".")
            yield f"labels/{stem}.txt", b""

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Ultralytics."""
        return f'ultralytics.YOLO("yolo11n.yaml").train(data={f"{root}/data.yaml"!r})'


def image_paths(manifest: ManifestView, split: str) -> Iterator[bytes]:
    """Yield the images of a split, or all, a line each, relative to the list."""
    return (f"./{row['file_name']}\n".encode() for row in manifest.rows(split))


def training_splits(info: DatasetInfo) -> tuple[str, str]:
    """Return the splits to train and to validate on ('': of a dataset without splits)."""
    names = info.split_names
    train = "train" if "train" in names else names[0]
    others = [name for name in names if name != train]
    return train, next((name for name in _VALIDATION if name in names), (*others, train)[0])


def _description(info: DatasetInfo) -> bytes:
    """Write data.yaml, without ``path``, which Ultralytics resolves from the working directory."""
    values: dict[str, Any] = {
        key: split_file("images", split, ".txt") if split else "images"
        for key, split in zip(("train", "val"), training_splits(info), strict=True)
    }
    values["names"] = dict(enumerate(info.categories))
    return "".join(f"{key}: {_yaml(value)}\n" for key, value in values.items()).encode()


def _yaml(value: Any) -> str:
    """Format a name as it is, and a mapping on lines of its own."""
    if isinstance(value, dict):
        return "".join(f"\n  {key}: {json.dumps(each)}" for key, each in value.items())
    return str(value)
