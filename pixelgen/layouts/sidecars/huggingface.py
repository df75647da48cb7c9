"""The card of a Hugging Face dataset, whose header says where the images are.

https://huggingface.co/docs/hub/datasets-manual-configuration. Without it ``load_dataset`` reads the
most common kind of file, which is text if each image has a label file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.errors import BadValue
from pixelgen.layouts.base import Container, File, ManifestView, Sidecar
from pixelgen.layouts.containers._image_files import has_subfolders
from pixelgen.layouts.containers.parquet import Parquet
from pixelgen.layouts.containers.webdataset import WebDataset
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.layouts.loader_text import is_pattern, keep_split, load_image_folder, load_shards
from pixelgen.registry import parameter

_SHARDED = {each.name: each for each in (WebDataset(), Parquet())}
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,49}", re.ASCII)
_BODY = """
# Negative samples

{count:,} images of {size} pixels, written by pixelgen; each has a row that tells what it
was made of. There is nothing in them to be found.
"""


@dataclass(frozen=True)
class HuggingFace(Sidecar):
    """Hugging Face: README.md, the dataset card, so that load_dataset(DIR) finds the images."""

    name = "hf"
    containers: ClassVar = ("files", "webdataset", "parquet")

    license: str = parameter("", "the license by its name on the Hub, such as cc0-1.0 or mit")

    def __post_init__(self) -> None:
        """Check the license: the Hub knows lower-case names only."""
        super().__post_init__()
        if self.license and not _LICENSE.fullmatch(self.license):
            raise BadValue(
                f"layout 'hf': license={self.license[:80]} must be a name of the Hub, of lower-case"
                " letters, digits, . and -; write cc0-1.0, mit, or other"
            )

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the card."""
        yield "README.md", _card(manifest.info, manifest.container, self.license)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Hugging Face datasets."""
        split, shards = info.first_split, _SHARDED.get(info.container)
        if is_pattern(root):
            if not shards:
                return load_image_folder(root, split)
            return load_shards(shards.name, root, shards.pattern(split), split or "train")
        if shards and split:
            return f"datasets.load_dataset({root!r}, split={split!r})"
        table = f'datasets.load_dataset({root!r}, split="train")'
        return keep_split(table, split) if split else f"datasets.load_dataset({root!r})"


def _card(info: DatasetInfo, container: Container, license_name: str) -> bytes:
    lines = ["---", *([f'license: "{license_name}"'] if license_name else [])]
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split, paths in _paths(info, container).items():
        lines += [f"  - split: {split}", "    path:", *(f'    - "{path}"' for path in paths)]
    body = _BODY.format(count=info.count, size=str(info.image.size).replace("x", "×"))
    return "\n".join([*lines, "---", body]).encode()


def _paths(info: DatasetInfo, container: Container) -> dict[str, list[str]]:
    """Return the patterns of each split's files; image files have a split column instead."""
    if not isinstance(container, WebDataset | Parquet):
        images = "images/*/*" if has_subfolders(info) else "images/*"
        return {"train": [images, container.manifest]}
    return {split or "train": [container.pattern(split)] for split in info.split_names}
