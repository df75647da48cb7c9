"""dlib's image dataset metadata: an XML file of images, here without boxes.

http://dlib.net/imaging.html, "load_image_dataset_metadata".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Dlib(Sidecar):
    """dlib: dlib.xml, of images without boxes; with --split one for each split."""

    name = "dlib"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the XML file, or one for each split."""
        for name, split in manifest.split_files("dlib", ".xml"):
            yield name, _images(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of dlib."""
        file = f"{root}/{split_file('dlib', info.first_split, '.xml')}"
        return f"dlib.image_dataset_metadata.load_image_dataset_metadata({file!r})"


def _images(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b"<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<name>negatives</name>\n<images>\n"
    for row in manifest.rows(split):
        sides = f"width='{row['width']}' height='{row['height']}'"
        yield f"  <image file='{row['file_name']}' {sides}/>\n".encode()
    yield b"</images>\n</dataset>\n"
