"""Files in folders: what most loaders read."""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import Container, Names, Samples, Shard
from pixelgen.store import Chunks, LocalStore

_FLAT_LIMIT = 10_000
_PER_FOLDER = 1_000  # a multiple of every shard size, so that a shard stays in one folder


@dataclass(frozen=True)
class Files(Container):
    """One file an image under images/, in sub-folders of 1,000 past 10,000 images."""

    name = "files"

    def write(
        self, store: LocalStore, names: Names, shard: Shard, samples: Samples, *, checksum: bool
    ) -> str:
        """Publish each image by itself."""
        with store.batch(_folder(names, shard.start)) as put:
            for index, data in samples:
                put(names.file(index), data)
        return ""

    def contents(
        self, names: Names, shard: Shard, samples: Samples
    ) -> Iterator[tuple[str, Chunks]]:
        """Yield each image."""
        folder = _folder(names, shard.start)
        return ((f"{folder}/{names.file(index)}", data) for index, data in samples)

    def location(self, names: Names, index: int) -> dict[str, str]:
        """Return the path relative to the manifest."""
        return {"file_name": f"{_folder(names, index)}/{names.file(index)}"}

    def files(self, names: Names, shard: Shard) -> Iterator[str]:
        """Yield a file for each image."""
        folder = _folder(names, shard.start)
        return (f"{folder}/{names.file(index)}" for index in range(shard.start, shard.stop))

    def read(self, store: LocalStore, names: Names, shard: Shard) -> Iterator[bytes]:
        """Yield each file."""
        return map(store.read, self.files(names, shard))

    def folders(self, names: Names) -> Iterator[str]:
        """Yield images/, or its sub-folders."""
        step = _PER_FOLDER if names.count > _FLAT_LIMIT else _FLAT_LIMIT
        return (_folder(names, index) for index in range(0, names.count, step))

    def loader(self, root: str, shards: int, suffix: str) -> str:
        """Return the call of Hugging Face datasets, or numpy's for arrays."""
        if suffix == ".npy":
            return f"[numpy.load(p) for p in sorted(pathlib.Path({root!r}).rglob('*.npy'))]"
        return f'datasets.load_dataset("imagefolder", data_dir={root!r}, split="train")'


def _folder(names: Names, index: int) -> str:
    return f"images/{index // _PER_FOLDER:03d}" if names.count > _FLAT_LIMIT else "images"
