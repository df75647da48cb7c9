"""Image files in one folder, beside their manifest: what most loaders read."""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.containers._image_files import ImageFiles, subfolder, subfolders
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.layouts.loader_text import load_image_folder


@dataclass(frozen=True)
class Files(ImageFiles):
    """One file an image under images/, in sub-folders of 1,000 past 10,000 images."""

    name = "files"

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return images/, or its sub-folder."""
        return subfolder("images", info, index)

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield images/, or its sub-folders."""
        return subfolders("images", info)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Hugging Face datasets, or numpy's for arrays.

        With splits it loads the first one.
        """
        split, is_npy = info.first_split, info.suffix == ".npy"
        if is_npy and split:
            return (
                f"[numpy.load(pathlib.Path({root!r}, row['file_name'])) for row in map(json.loads,"
                f" pathlib.Path({root!r}, {self.manifest!r}).read_text().splitlines())"
                f" if row['split'] == {split!r}]"
            )
        if is_npy:
            return f"[numpy.load(p) for p in sorted(pathlib.Path({root!r}).rglob('*.npy'))]"
        return load_image_folder(root, split)
