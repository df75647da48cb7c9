"""Pascal VOC: images, an annotation for each, and lists of their names.

The development kit of http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, which torchvision and
MMDetection follow to the letter: they open NAME.jpg and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import Catalogue, File
from pixelgen.layouts.containers._image_files import Loose
from pixelgen.layouts.dataset_info import Roster

_ROOT = "VOCdevkit/VOC2012"


@dataclass(frozen=True)
class Voc(Loose):
    """Pascal VOC 2012: JPEGImages/, Annotations/ without objects, ImageSets/Main/train.txt."""

    name = "voc"
    formats: ClassVar = ("jpeg",)

    def folder(self, roster: Roster, index: int) -> str:
        """Return the one folder of images."""
        return f"{_ROOT}/JPEGImages"

    def folders(self, roster: Roster) -> Iterator[str]:
        """Yield it."""
        yield f"{_ROOT}/JPEGImages"

    def index_folders(self, roster: Roster) -> Iterator[str]:
        """Yield those of the annotations and the lists."""
        yield f"{_ROOT}/Annotations"
        yield f"{_ROOT}/ImageSets/Main"

    def index(self, catalogue: Catalogue) -> Iterator[File]:
        """Yield the list of each split, and an annotation for each image."""
        for split in catalogue.roster.split_names:
            yield f"{_ROOT}/ImageSets/Main/{split or 'train'}.txt", _names(catalogue, split)
        for row in catalogue.rows():
            key = catalogue.roster.key(row["index"])
            yield f"{_ROOT}/Annotations/{key}.xml", _annotation(catalogue.roster, key)

    def loader(self, root: str, roster: Roster) -> str:
        """Return the call of torchvision."""
        split = roster.split_names[0] or "train"
        return f'torchvision.datasets.VOCDetection({root!r}, year="2012", image_set="{split}")'


def _annotation(roster: Roster, key: str) -> bytes:
    """Write an annotation without an object."""
    return (
        f"<annotation>\n <folder>VOC2012</folder>\n <filename>{key}{roster.suffix}</filename>\n"
        f" <size>\n  <width>{roster.width}</width>\n  <height>{roster.height}</height>\n"
        f"  <depth>{roster.channels}</depth>\n </size>\n <segmented>0</segmented>\n</annotation>\n"
    ).encode()


def _names(catalogue: Catalogue, split: str) -> Iterator[bytes]:
    return (f"{catalogue.roster.key(row['index'])}\n".encode() for row in catalogue.rows(split))
