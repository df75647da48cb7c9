"""Ultralytics YOLO in a folder for each split, as most datasets of its documentation are.

https://docs.ultralytics.com/datasets/detect/: ``images/train`` and ``labels/train``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.data_yaml import data_yaml
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class YoloFolder(ImageFiles):
    """Ultralytics YOLO by split: images/train/, labels/train/, empty, and data.yaml.

    The manifest is manifest.jsonl: beside folders of such names, Hugging Face datasets ignores a
    metadata.jsonl. For these two together, use files,yolo.
    """

    name = "yolofolder"
    manifest: ClassVar = "manifest.jsonl"

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of the split below images/."""
        return _images(info.split(index))

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of each split."""
        return map(_images, info.split_names)

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of each split below labels/."""
        return map(_labels, info.split_names)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description, and the labels of each split."""
        yield "data.yaml", data_yaml(manifest.info, _images)
        for split in manifest.info.split_names:
            for row in manifest.rows(split):
                yield f"{_labels(split)}/{manifest.info.key(row['index'])}.txt", b""

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Ultralytics."""
        return f'ultralytics.YOLO("yolo11n.yaml").train(data={f"{root}/data.yaml"!r})'


def _images(split: str) -> str:
    return f"images/{split or 'train'}"


def _labels(split: str) -> str:
    return f"labels/{split or 'train'}"
