"""Ultralytics YOLO: an empty label file for each image, and the description of the dataset.

https://docs.ultralytics.com/datasets/detect/: the path of a label file is that of its
image, with ``labels`` for ``images``. Training needs label files; an empty one means no objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.containers._image_files import subfolders
from pixelgen.layouts.data_yaml import data_yaml
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Yolo(Sidecar):
    """Ultralytics YOLO: labels/NAME.txt, empty, and data.yaml; with --split lists of images."""

    name = "yolo"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield labels/, or its sub-folders."""
        return subfolders("labels", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description, a list for each split, and the labels."""
        yield "data.yaml", data_yaml(manifest.info, _images)
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


def _images(split: str) -> str:
    return split_file("images", split, ".txt") if split else "images"
