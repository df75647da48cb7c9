"""COCO as Roboflow exports it: a folder for each split, of images and their JSON file.

https://roboflow.com/formats/coco-json; https://rfdetr.roboflow.com, "Dataset Formats": RF-DETR
reads ``train``, ``valid`` and ``test``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.coco_json import coco_json
from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Roboflow(ImageFiles):
    """Roboflow's COCO: train/, or a folder for each split, of images and _annotations.coco.json.

    The split val is in valid/, the name that Roboflow and RF-DETR use. The manifest is
    manifest.jsonl: beside folders of such names, Hugging Face datasets ignores a metadata.jsonl.
    """

    name = "roboflow"
    manifest: ClassVar = "manifest.jsonl"

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of the split."""
        return split_folder(info, info.split(index))

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of each split."""
        return (split_folder(info, split) for split in info.split_names)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the JSON file of each split."""
        for split in manifest.info.split_names:
            folder = split_folder(manifest.info, split)
            yield f"{folder}/_annotations.coco.json", coco_json(manifest, split, folder)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision."""
        folder = f"{root}/{split_folder(info, info.first_split)}"
        file = f"{folder}/_annotations.coco.json"
        return f"torchvision.datasets.CocoDetection({folder!r}, {file!r})"


def split_folder(info: DatasetInfo, split: str) -> str:
    """Return the folder of a split ('': of a dataset without splits)."""
    return "valid" if split == "val" and "valid" not in info.split_names else split or "train"
