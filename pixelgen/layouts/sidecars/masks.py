"""Masks for semantic segmentation: for each image a gray PNG in which no pixel is of an object.

The form of most datasets, such as https://mmsegmentation.readthedocs.io, "Add new datasets": the
name of a mask is that of its image, and the level of a pixel is the number of its class.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.formats.png import constant_png
from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.containers._image_files import subfolders
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.registry import parameter


@dataclass(frozen=True)
class Masks(Sidecar):
    """Segmentation: masks/NAME.png, all of one class, and masks.txt, NAMEs; one a --split."""

    name = "masks"
    excludes: ClassVar = {
        "yolo": "beside a folder named masks, Ultralytics does not train a detector"
    }

    value: int = parameter(
        0, "level of every pixel: 0 is the background, and 255 is often ignored", low=0, high=255
    )

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield masks/, or its sub-folders."""
        return subfolders("masks", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list of names, or one for each split, and the masks."""
        for name, split in manifest.split_files("masks", ".txt"):
            yield name, _names(manifest, split)
        for row in manifest.rows():
            mask = constant_png(row["width"], row["height"], self.value)
            yield f"masks/{_stem(row['file_name'])}.png", mask

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return a list of pairs of paths: no library has a call for this form."""
        images, masks = f"{root}/images", f"{root}/masks"
        names = f"{root}/{split_file('masks', info.first_split, '.txt')}"
        return (
            f"[(pathlib.Path({images!r}, f'{{name}}{info.suffix}'),"
            f" pathlib.Path({masks!r}, f'{{name}}.png'))"
            f" for name in pathlib.Path({names!r}).read_text().split()]"
        )


def _stem(file_name: str) -> str:
    return file_name.removeprefix("images/").rpartition(".")[0]


def _names(manifest: ManifestView, split: str) -> Iterator[bytes]:
    return (f"{_stem(row['file_name'])}\n".encode() for row in manifest.rows(split))
