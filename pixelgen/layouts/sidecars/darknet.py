"""Darknet: lists of images, the names of the classes, and the file that names both.

https://github.com/AlexeyAB/darknet, "How to train (to detect your custom objects)". Darknet
resolves paths from the working directory, and takes the label file of an image from its path, with
``/labels/`` for ``/images/``: hence ``./`` before each path. The usual name train.txt would make
Hugging Face datasets see no image.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.data_yaml import training_splits
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.layouts.sidecars.yolo import image_paths


@dataclass(frozen=True)
class Darknet(Sidecar):
    """Darknet: darknet.data, darknet.names and darknet.txt, paths; one a --split.

    Empty label files are those of ``yolo``. All is to be used in the dataset's directory.
    """

    name = "darknet"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description, the names, and the list or one for each split."""
        info = manifest.info
        yield "darknet.data", _description(info)
        yield "darknet.names", "".join(f"{name}\n" for name in info.categories).encode()
        for name, split in manifest.split_files("darknet", ".txt"):
            yield name, image_paths(manifest, split)


def _description(info: DatasetInfo) -> bytes:
    train, val = (split_file("darknet", split, ".txt") for split in training_splits(info))
    return (
        f"classes = {len(info.categories)}\ntrain = {train}\nvalid = {val}\n"
        "names = darknet.names\nbackup = backup\n"
    ).encode()
