"""The base class of containers that write many images into one file."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import BinaryIO, ClassVar

from pixelgen.errors import Conflict
from pixelgen.formats.base import Data
from pixelgen.layouts.base import Container, File, FileEntry, Samples, ShardRecord
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.registry import parameter
from pixelgen.storage import Store
from pixelgen.storage.checksums import MeasuredChunks

_MAX_IMAGES = 1000
_MIN_SHARDS = 8  # some loaders fail if a worker finds no shard of its own


@dataclass(frozen=True)
class Sharded(Container):
    """One file a shard; a subclass names it, packs it and unpacks it."""

    splits_shards: ClassVar = True
    most_bytes: ClassVar = 256 << 20

    per_shard: int = parameter(
        0, "images in a file; 0: 1,000, or fewer to make at least 8 files and none too large",
        low=0, high=1_000_000,
    )  # fmt: skip

    @abstractmethod
    def file(self, split: str, number: int, total: int) -> str:
        """Return the name of file ``number`` of ``total`` of a split ('': without splits)."""

    @abstractmethod
    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Yield the bytes of a shard's file; a chunk is valid until the next is requested."""

    @abstractmethod
    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield the images of a shard's file, in order; raise ValueError if it is damaged."""

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int | None:
        """Return the size of a shard's file in bytes, if it follows from the record."""
        return None

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return the number of images in a file."""
        fitting = min(_MAX_IMAGES, self.most_bytes // image_bytes, count // _MIN_SHARDS)
        return self.per_shard or max(1, fitting)

    def shard_file(self, info: DatasetInfo, number: int) -> str:
        """Return the name of the file of shard ``number``; files are numbered within a split."""
        split = info.split_of_shard(number)
        total = info.split_units(split, info.shard_count)
        return self.file(split, info.split_units(split, number), total)

    def write(
        self, store: Store, info: DatasetInfo, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish the file."""
        chunks = MeasuredChunks(self.pack(info, shard, samples), checksum=checksum)
        store.put(self.shard_file(info, shard.number), chunks)
        return chunks.size, chunks.sha256

    def contents(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield the file."""
        yield self.shard_file(info, shard.number), self.pack(info, shard, samples)

    def location(self, info: DatasetInfo) -> Callable[[int], str]:
        """Write the image's name in the file, and the name of the file."""
        shard_file = lru_cache(maxsize=1)(partial(self.shard_file, info))

        def write(index: int) -> str:
            shard = shard_file(info.shard_number(index))
            return f'"file_name":"{info.file(index)}","shard":"{shard}"'

        return write

    def files(self, info: DatasetInfo, shard: Shard) -> Iterator[str]:
        """Yield the file."""
        yield self.shard_file(info, shard.number)

    def file_entries(
        self, info: DatasetInfo, shard: Shard, record: ShardRecord
    ) -> Iterator[FileEntry]:
        """Yield the file."""
        size = record.file_size or self.size(info, shard, record)
        yield FileEntry(self.shard_file(info, shard.number), size, record.file_hash)

    def read(self, store: Store, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield each image of the file; raise Conflict if it is damaged."""
        name = self.shard_file(info, shard.number)
        try:
            with store.reader(name) as file:
                yield from self.unpack(file, info, shard)
        except ValueError as error:
            raise Conflict(f"{store.path(name)} is damaged: {error}") from None

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of the splits' files."""
        names = (self.file(split, 0, 1) for split in info.split_names)
        return iter(dict.fromkeys(name.rpartition("/")[0] for name in names))


def file_prefix(split: str) -> str:
    """Return how the names of a split's files begin ('': of a dataset without splits)."""
    return f"negatives-{split}" if split else "negatives"


def read_exactly(file: BinaryIO, size: int, limit: int) -> bytes:
    """Read ``size`` bytes.

    The limit guards against sizes in a damaged or hostile file.

    Raises:
        ValueError: If there are fewer bytes, or if ``size`` exceeds ``limit``.
    """
    if size > limit:
        raise ValueError(f"it claims an image of {size:,} bytes, and at most {limit:,} are allowed")
    data = file.read(size)
    if len(data) != size:
        raise ValueError("it is truncated")
    return data
