"""Ultralytics YOLO: an empty label file for each image, and the data set's description.

https://docs.ultralytics.com/datasets/detect/: labels lie where ``images`` in a path is replaced by
``labels``. Without any label file training is refused; an empty one says that nothing is there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.containers._image_files import all_numbered
from pixelgen.layouts.dataset_info import DatasetInfo

_VALIDATION = ("val", "valid", "validation", "dev", "test")


@dataclass(frozen=True)
class Yolo(Sidecar):
    """Ultralytics YOLO: labels/NAME.txt, empty, and data.yaml; with --split lists of images."""

    name = "yolo"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield labels/, or its sub-folders."""
        return all_numbered("labels", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description, a list for each split, and the labels."""
        yield "data.yaml", _description(manifest.info)
        if manifest.info.splits:
            for name, split in manifest.split_files("images", ".txt"):
                yield name, _paths(manifest, split)
        for row in manifest.rows():
            stem, _, _ = row["file_name"].removeprefix("images/").rpartition(".")
            yield f"labels/{stem}.txt", b""

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Ultralytics."""
        return f'ultralytics.YOLO("yolo11n.yaml").train(data={f"{root}/data.yaml"!r})'


def _paths(manifest: ManifestView, split: str) -> Iterator[bytes]:
    """List the images of a split, from the list's own folder."""
    return (f"./{row['file_name']}\n".encode() for row in manifest.rows(split))


def _description(info: DatasetInfo) -> bytes:
    """Write data.yaml: without ``path``, which would be looked for below the working directory."""
    names = info.split_names
    train = "train" if "train" in names else names[0]
    others = [name for name in names if name != train]
    val = next((name for name in _VALIDATION if name in names), (*others, train)[0])
    places: dict[str, Any] = {
        key: f"images-{split}set.txt" if split else "images"
        for key, split in (("train", train), ("val", val))
    }
    told = places | {"names": {0: info.label or "object"}}
    return "".join(f"{key}: {_yaml(value)}\n" for key, value in told.items()).encode()


def _yaml(value: Any) -> str:
    """Write a name as it is, and a table on lines of its own."""
    if isinstance(value, dict):
        return "".join(f"\n  {key}: {json.dumps(each)}" for key, each in value.items())
    return str(value)
