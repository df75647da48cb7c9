"""COCO: one JSON file of images and annotations, of which there are none.

https://cocodataset.org/#format-data. Loaders fail without ``annotations``, and Detectron2 without a
category; MMDetection and others take images of one id for one image.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.dataset_info import DatasetInfo

_TAIL = '\n],"annotations":[],"categories":[{"id":1,"name":%s,"supercategory":""}]}\n'


@dataclass(frozen=True)
class Coco(Sidecar):
    """COCO: coco.json, of images without annotations; with --split one for each split."""

    name = "coco"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the JSON, or one of each split."""
        for name, split in manifest.split_files("coco", ".json"):
            yield name, _images(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision."""
        split = info.split_names[0]
        file = f"{root}/coco-{split}set.json" if split else f"{root}/coco.json"
        return f"torchvision.datasets.CocoDetection({root!r}, {file!r})"


def _images(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b'{"info":{"description":"negative samples"},"licenses":[],"images":['
    comma = ""
    for row in manifest.rows(split):
        image = {"id": row["index"] + 1, "file_name": row["file_name"]}
        image |= {"width": row["width"], "height": row["height"]}
        yield f"{comma}\n{json.dumps(image, separators=(',', ':'))}".encode()
        comma = ","
    yield (_TAIL % json.dumps(manifest.info.label or "object")).encode()
