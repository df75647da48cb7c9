"""The COCO format: one JSON file of images and an empty list of annotations.

https://cocodataset.org/#format-data. Loaders fail without ``annotations``, and Detectron2 without a
category. Image ids must be unique, since MMDetection and others index images by id.
"""

import json
from collections.abc import Iterator

from pixelgen.layouts.base import ManifestView, json_array
from pixelgen.layouts.dataset_info import DatasetInfo


def coco_json(manifest: ManifestView, split: str, folder: str = "") -> Iterator[bytes]:
    """Yield the file of a split's images, or of all; their names are relative to ``folder``."""
    yield b'{"info":{"description":"negative samples"},"licenses":[],"images":'
    yield from json_array(_images(manifest, split, f"{folder}/"))
    yield f',"annotations":[],"categories":[{_categories(manifest.info)}]}}\n'.encode()


def _categories(info: DatasetInfo) -> str:
    """Return the categories as JSON."""
    return ",".join(
        f'{{"id":{number},"name":{json.dumps(name)},"supercategory":""}}'
        for number, name in zip(info.category_numbers, info.categories, strict=True)
    )


def _images(manifest: ManifestView, split: str, prefix: str) -> Iterator[str]:
    for row in manifest.rows(split):
        name = row["file_name"].removeprefix(prefix)
        image = {"id": row["index"] + manifest.info.first_id, "file_name": name}
        image |= {"width": row["width"], "height": row["height"]}
        yield json.dumps(image, separators=(",", ":"))
