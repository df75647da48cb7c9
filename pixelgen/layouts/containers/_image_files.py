"""The base class of containers that write one file an image."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from pixelgen.layouts.base import Container, File, FileEntry, Samples, ShardRecord
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.storage import Put, Store

FLAT_LIMIT = 10_000
PER_FOLDER = 1_000


@dataclass(frozen=True)
class ImageFiles(Container):
    """One file an image; a subclass chooses the folder."""

    @abstractmethod
    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return the folder of an image's file."""

    def path(self, info: DatasetInfo, index: int) -> str:
        """Return the name of an image's file, relative to the dataset's directory."""
        return f"{self.folder(info, index)}/{info.file(index)}"

    def write(
        self, store: Store, info: DatasetInfo, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish the images, batched by folder."""
        with ExitStack() as stack:
            batches: dict[str, Put] = {}
            for sample in samples:
                folder = self.folder(info, sample.number)
                if folder not in batches:
                    batches[folder] = stack.enter_context(store.batch(folder))
                batches[folder](info.file(sample.number), sample.data)
        return 0, ""

    def contents(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield each image."""
        return ((self.path(info, sample.number), sample.data) for sample in samples)

    def location(self, info: DatasetInfo) -> Callable[[int], str]:
        """Write the path relative to the manifest."""
        return lambda index: f'"file_name":"{self.path(info, index)}"'

    def files(self, info: DatasetInfo, shard: Shard) -> Iterator[str]:
        """Yield a file for each image."""
        return (self.path(info, index) for index in shard.indices)

    def file_entries(
        self, info: DatasetInfo, shard: Shard, record: ShardRecord
    ) -> Iterator[FileEntry]:
        """Yield the images."""
        for image_record in record.image_records(shard):
            yield FileEntry(
                self.path(info, image_record.number), image_record.size, image_record.sha256
            )

    def read_one(self, store: Store, info: DatasetInfo, shard: Shard, index: int) -> bytes:
        """Return the bytes of an image's file."""
        return next(self.read(store, info, Shard(shard.number, (index,))))

    def read(self, store: Store, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield each file."""
        return (store.read(name, info.most_bytes) for name in self.files(info, shard))


def has_subfolders(info: DatasetInfo) -> bool:
    """Return whether a dataset has too many images for one folder."""
    return info.indices.stop - info.indices.start > FLAT_LIMIT


def subfolder(top: str, info: DatasetInfo, index: int) -> str:
    """Return the folder of an image: ``top``, or in a large dataset its sub-folder of 1,000."""
    return f"{top}/{index // PER_FOLDER:03d}" if has_subfolders(info) else top


def subfolders(top: str, info: DatasetInfo) -> Iterator[str]:
    """Yield ``top``, or in a large dataset its sub-folders."""
    if has_subfolders(info):
        first, last = info.indices.start // PER_FOLDER, (info.indices.stop - 1) // PER_FOLDER
        return (f"{top}/{number:03d}" for number in range(first, last + 1))
    return iter((top,) if info.count else ())
