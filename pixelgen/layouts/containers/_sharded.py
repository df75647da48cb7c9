"""Shard files: containers that put many images into one file, for the many and the small."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from pixelgen.errors import PixelgenError
from pixelgen.formats.base import Data
from pixelgen.layouts.base import Container, File, FileEntry, Samples, ShardRecord
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.registry import parameter
from pixelgen.storage import Store

_MOST_IMAGES = 1000
_FEWEST_SHARDS = 8  # workers of a loader: one that finds no shard of its own is an error to some


@dataclass(frozen=True)
class Sharded(Container):
    """A file a shard; a subclass names it, packs it and unpacks it."""

    splits_shards: ClassVar = True
    most_bytes: ClassVar = 256 << 20

    per_shard: int = parameter(
        0, "images in a file; 0: 1,000, or fewer to make at least 8 files and none too large",
        low=0, high=1_000_000,
    )  # fmt: skip

    @abstractmethod
    def file(self, split: str, number: int, total: int) -> str:
        """Return the name of file ``number`` of the ``total`` of a split ('': of the set)."""

    @abstractmethod
    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Yield the bytes of a shard's file; a piece stays as it is until the next is taken."""

    @abstractmethod
    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield the images of a shard's file, in order; raise ValueError if it is damaged."""

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int | None:
        """Return the bytes of a shard's file, where its record tells them."""
        return None

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return the images in a file: a shard is one."""
        fitting = min(_MOST_IMAGES, self.most_bytes // image_bytes, count // _FEWEST_SHARDS)
        return self.per_shard or max(1, fitting)

    def place(self, info: DatasetInfo, number: int) -> str:
        """Return the name of the file of shard ``number``: numbers count within a split."""
        split = info.splits.of(number) if info.splits else ""
        total = info.split_units(split, info.shard_count)
        return self.file(split, info.split_units(split, number), total)

    def write(
        self, store: Store, info: DatasetInfo, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish the file whole."""
        digest = hashlib.sha256()
        size = 0

        def noted() -> Iterator[Data]:
            nonlocal size
            for piece in self.pack(info, shard, samples):
                size += len(piece)
                if checksum:
                    digest.update(piece)
                yield piece

        store.put(self.place(info, shard.number), noted())
        return size, digest.hexdigest() if checksum else ""

    def contents(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield the file."""
        yield self.place(info, shard.number), self.pack(info, shard, samples)

    def location(self, info: DatasetInfo, index: int) -> dict[str, str]:
        """Return the image's name in the file, and the file that it is in."""
        place = self.place(info, index // info.shard_size)
        return {"file_name": info.file(index), "shard": place}

    def files(self, info: DatasetInfo, shard: Shard) -> Iterator[str]:
        """Yield the file."""
        yield self.place(info, shard.number)

    def file_entries(
        self, info: DatasetInfo, shard: Shard, record: ShardRecord
    ) -> Iterator[FileEntry]:
        """Yield the file."""
        size = record.file_size or self.size(info, shard, record)
        yield FileEntry(self.place(info, shard.number), size, record.file_hash)

    def read(self, store: Store, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield each image of the file; raise PixelgenError if it is damaged."""
        name = self.place(info, shard.number)
        try:
            with store.reader(name) as file:
                yield from self.unpack(file, info, shard)
        except ValueError as error:
            raise PixelgenError(f"{store.path(name)} is damaged: {error}") from None

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of the splits' files."""
        names = (self.file(split, 0, 1) for split in info.split_names)
        return iter(dict.fromkeys(name.rpartition("/")[0] for name in names))


def series(split: str) -> str:
    """Return how the names of a split's files begin, or those of all where there are no splits."""
    return f"negatives-{split}" if split else "negatives"


def take(file: BinaryIO, size: int, most: int) -> bytes:
    """Read so many bytes; raise ValueError if there are fewer, or it would be more than ``most``.

    A size that a file gives is not to be believed.
    """
    if size > most:
        raise ValueError(f"it says that an image has {size:,} bytes")
    data = file.read(size)
    if len(data) != size:
        raise ValueError("it is cut short")
    return data
