"""OpenOOD's lists of images: on each line a path and the number of a class.

https://github.com/Jingkang50/OpenOOD, ``ImglistDataset``. A negative number means no class: the
image's soft label is then uniform over the classes, as outlier exposure wants it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.registry import parameter


@dataclass(frozen=True)
class Imglist(Sidecar):
    """OpenOOD: imglist.txt, of each image its path and a number; with --split one for each."""

    name = "imglist"
    containers: ClassVar = ("files", "imagefolder")

    label: int = parameter(
        -1, "number of the class; -1: out of distribution, of none", low=-1, high=1_000_000
    )

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list, or one for each split."""
        for name, split in manifest.split_files("imglist", ".txt"):
            yield name, self._lines(manifest, split)

    def _lines(self, manifest: ManifestView, split: str) -> Iterator[bytes]:
        for row in manifest.rows(split):
            yield f"{row['file_name']} {self.label}\n".encode()
