"""labels.csv, the table of image and label that classification tools read.

For example fastai's ``ImageDataLoaders.from_csv``, https://docs.fast.ai/vision.data.html, which
takes the first two columns. Neither paths nor names of classes can have a character that needs
quotes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar


@dataclass(frozen=True)
class Labels(Sidecar):
    """Classification: labels.csv, columns image and label, by --class; with --split one each."""

    name = "labels"
    containers: ClassVar = ("files", "imagefolder")

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the table, or one for each split."""
        for name, split in manifest.split_files("labels", ".csv"):
            yield name, _table(manifest, split)


def _table(manifest: ManifestView, split: str) -> Iterator[bytes]:
    label = manifest.info.label or "negatives"
    yield b"image,label\n"
    for row in manifest.rows(split):
        yield f"{row['file_name']},{label}\n".encode()
