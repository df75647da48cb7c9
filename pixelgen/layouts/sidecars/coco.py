"""COCO: one JSON file of images and an empty list of annotations.

https://cocodataset.org/#format-data. Loaders fail without ``annotations``, and Detectron2 without a
category. Image ids must be unique, since MMDetection and others index images by id.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar, json_array, split_file
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Coco(Sidecar):
    """COCO: coco.json, of images without annotations; with --split one for each split."""

    name = "coco"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the JSON file, or one for each split."""
        for name, split in manifest.split_files("coco", ".json"):
            yield name, _file(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision."""
        file = f"{root}/{split_file('coco', info.first_split, '.json')}"
        return f"torchvision.datasets.CocoDetection({root!r}, {file!r})"


def _file(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b'{"info":{"description":"negative samples"},"licenses":[],"images":'
    yield from json_array(_images(manifest, split))
    yield f',"annotations":[],"categories":[{_categories(manifest.info)}]}}\n'.encode()


def _categories(info: DatasetInfo) -> str:
    """Return the categories as JSON."""
    return ",".join(
        f'{{"id":{number},"name":{json.dumps(name)},"supercategory":""}}'
        for number, name in zip(info.category_numbers, info.categories, strict=True)
    )


def _images(manifest: ManifestView, split: str) -> Iterator[str]:
    for row in manifest.rows(split):
        image = {"id": row["index"] + manifest.info.first_id, "file_name": row["file_name"]}
        image |= {"width": row["width"], "height": row["height"]}
        yield json.dumps(image, separators=(",", ":"))
