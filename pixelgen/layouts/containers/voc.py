"""Pascal VOC: images, one annotation each, and lists of their names.

The development kit of http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, which torchvision and
MMDetection follow exactly: they open only NAME.jpg. Its lists are train, val and trainval, the
union of both. In a mask of ``SegmentationClass``, level 0 is the background.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pixelgen.formats.png import constant_png
from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.registry import parameter

_ROOT = "VOCdevkit/VOC2012"
_UNION = "trainval"
_SETS = ("train", "trainval", "val")  # the image sets of 2012 that VOCDetection takes


@dataclass(frozen=True)
class Voc(ImageFiles):
    """Pascal VOC 2012: JPEGImages/, Annotations/ without objects, ImageSets/Main/train.txt."""

    name = "voc"
    formats: ClassVar = ("jpeg",)

    trainval: bool = parameter(
        default=False, about="also write trainval.txt, of the images of all splits but test"
    )
    masks: bool = parameter(
        default=False,
        about="also write SegmentationClass/NAME.png, all background, and ImageSets/Segmentation/",
    )

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of all images."""
        return f"{_ROOT}/JPEGImages"

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of all images."""
        yield f"{_ROOT}/JPEGImages"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of the annotations and of the lists."""
        yield f"{_ROOT}/Annotations"
        yield from self._list_folders
        if self.masks:
            yield f"{_ROOT}/SegmentationClass"

    @property
    def _list_folders(self) -> tuple[str, ...]:
        main = f"{_ROOT}/ImageSets/Main"
        return (main, f"{_ROOT}/ImageSets/Segmentation") if self.masks else (main,)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list of each split, and an annotation and perhaps a mask for each image."""
        info = manifest.info
        for folder in self._list_folders:
            for split in info.split_names:
                yield f"{folder}/{split or 'train'}.txt", _names(manifest, (split,))
            if self.trainval and _UNION not in info.split_names:
                union = tuple(split for split in info.split_names if split != "test")
                yield f"{folder}/{_UNION}.txt", _names(manifest, union)
        for row in manifest.rows():
            key = info.key(row["index"])
            yield f"{_ROOT}/Annotations/{key}.xml", _annotation(info, row, segmented=self.masks)
        if self.masks:
            for row in manifest.rows():
                mask = constant_png(row["width"], row["height"], 0)
                yield f"{_ROOT}/SegmentationClass/{info.key(row['index'])}.png", mask

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision; '' for a split that it does not know."""
        split, kind = info.first_split or "train", "Segmentation" if self.masks else "Detection"
        if split not in _SETS:
            return ""
        return f'torchvision.datasets.VOC{kind}({root!r}, year="2012", image_set="{split}")'


def _annotation(info: DatasetInfo, row: Mapping[str, Any], *, segmented: bool) -> bytes:
    """Write an annotation without an object."""
    file, width, height = info.file(row["index"]), row["width"], row["height"]
    return (
        f"<annotation>\n <folder>VOC2012</folder>\n <filename>{file}</filename>\n"
        f" <size>\n  <width>{width}</width>\n  <height>{height}</height>\n"
        f"  <depth>{len(info.image.mode)}</depth>\n </size>\n"
        f" <segmented>{segmented:d}</segmented>\n</annotation>\n"
    ).encode()


def _names(manifest: ManifestView, splits: tuple[str, ...]) -> Iterator[bytes]:
    info = manifest.info
    for row in manifest.rows():
        if info.split(row["index"]) in splits:
            yield f"{info.key(row['index'])}\n".encode()
