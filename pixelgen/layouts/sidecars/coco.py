"""The COCO format in a file beside the images, see :mod:`pixelgen.layouts.coco_json`.

COCO's own files are ``annotations/instances_SPLIT.json``, and Datumaro and YOLOX read a file in
``annotations`` alone. Datumaro looks for the images in ``images``, whose name is then not part of
the file names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.errors import BadValue
from pixelgen.layouts.base import File, ManifestView, Sidecar, split_file
from pixelgen.layouts.coco_json import coco_json
from pixelgen.layouts.dataset_info import DatasetInfo, names_a_split
from pixelgen.registry import parameter

_FILE = "coco.json"
_FOLDER = "annotations"
_IN_FOLDER = re.compile(rf"{_FOLDER}/[0-9A-Za-z][0-9A-Za-z_-]{{0,63}}\.json", re.ASCII)


@dataclass(frozen=True)
class Coco(Sidecar):
    """COCO: coco.json, of images without annotations; with --split one for each split.

    YOLOX and Datumaro read ``coco:path=annotations/instances_default.json,root=images``.
    """

    name = "coco"

    path: str = parameter(_FILE, "the file: coco.json, or annotations/NAME.json")
    root: str = parameter(".", "the folder that file names are in", choices=(".", "images"))

    def __post_init__(self) -> None:
        """Check the path: no other file may have it, and no loader may take it for a split."""
        super().__post_init__()
        example = f"write {_FOLDER}/instances_default.json"
        if self.path != _FILE and not _IN_FOLDER.fullmatch(self.path):
            raise BadValue(
                f"layout 'coco': path={self.path[:80]} must be {_FILE} or {_FOLDER}/NAME.json, with"
                f" a NAME of ASCII letters, digits, _ and -; {example}"
            )
        if names_a_split(self.path):
            raise BadValue(
                f"layout 'coco': path={self.path} would be taken for a split of the images by"
                f" Hugging Face datasets; {example}"
            )

    def file(self, split: str) -> str:
        """Return the name of the file of a split ('': of a dataset without splits)."""
        return split_file(self.path.removesuffix(".json"), split, ".json")

    def image_folder(self, root: str) -> str:
        """Return the folder that file names are in, of a dataset in the directory ``root``."""
        return root if self.root == "." else f"{root}/{self.root}"

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folder of the file, if it has one."""
        yield from (_FOLDER,) if "/" in self.path else ()

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the JSON file, or one for each split."""
        for split in manifest.info.split_names:
            yield self.file(split), coco_json(manifest, split, self.root)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of torchvision."""
        images, file = self.image_folder(root), f"{root}/{self.file(info.first_split)}"
        return f"torchvision.datasets.CocoDetection({images!r}, {file!r})"
