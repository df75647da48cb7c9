"""Pascal VOC: images, one annotation each, and lists of their names.

The development kit of http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, which torchvision and
MMDetection follow exactly: they open only NAME.jpg.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.dataset_info import DatasetInfo

_ROOT = "VOCdevkit/VOC2012"
_SETS = ("train", "trainval", "val")  # the image sets of 2012 that VOCDetection takes


@dataclass(frozen=True)
class Voc(ImageFiles):
    """Pascal VOC 2012: JPEGImages/, Annotations/ without objects, ImageSets/Main/train.txt."""

    name = "voc"
    formats: ClassVar = ("jpeg",)

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of all images."""
        return f"{_ROOT}/JPEGImages"

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of all images."""
        yield f"{_ROOT}/JPEGImages"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of the annotations and of the lists."""
        yield f"{_ROOT}/Annotations"
        yield f"{_ROOT}/ImageSets/Main"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list of each split, and an annotation for each image."""
        for split in manifest.info.split_names:
            yield f"{_ROOT}/ImageSets/Main/{split or 'train'}.txt", _names(manifest, split)
        for row in manifest.rows():
            key = manifest.info.key(row["index"])
            yield f"{_ROOT}/Annotations/{key}.xml", _annotation(manifest.info, key)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision; '' for a split that it does not know."""
        split = info.first_split or "train"
        if split not in _SETS:
            return ""
        return f'torchvision.datasets.VOCDetection({root!r}, year="2012", image_set="{split}")'


def _annotation(info: DatasetInfo, key: str) -> bytes:
    """Write an annotation without an object."""
    return (
        f"<annotation>\n <folder>VOC2012</folder>\n <filename>{key}{info.suffix}</filename>\n"
        f" <size>\n  <width>{info.image.width}</width>\n  <height>{info.image.height}</height>\n"
        f"  <depth>{info.image.shape.channels}</depth>\n </size>\n"
        " <segmented>0</segmented>\n</annotation>\n"
    ).encode()


def _names(manifest: ManifestView, split: str) -> Iterator[bytes]:
    return (f"{manifest.info.key(row['index'])}\n".encode() for row in manifest.rows(split))
