"""One folder a class: what torchvision's ImageFolder and Keras read.

https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class ImageFolder(ImageFiles):
    """One file an image in the folder of its class, 'negatives' or --class, inside its split's.

    The manifest is manifest.jsonl: a metadata.jsonl would make Hugging Face datasets drop the
    images of classes that are added beside it.
    """

    name = "imagefolder"
    manifest: ClassVar = "manifest.jsonl"

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of the class, inside that of the split."""
        return _folder(info, info.split(index))

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the class's folder of each split."""
        return (_folder(info, split) for split in info.split_names)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision."""
        folder = f"{root}/{info.first_split}".rstrip("/")
        return f"torchvision.datasets.ImageFolder({folder!r})"


def _folder(info: DatasetInfo, split: str) -> str:
    label = info.label or "negatives"
    return f"{split}/{label}" if split else label
