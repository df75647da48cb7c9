"""numpy's arrays, many images in each: what a training loop maps into memory."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from pixelgen.formats.base import Data
from pixelgen.formats.uncompressed import npy_header
from pixelgen.layouts.base import Samples, ShardRecord
from pixelgen.layouts.containers._sharded import Sharded, series, take
from pixelgen.layouts.dataset_info import DatasetInfo, Shard


@dataclass(frozen=True)
class Npy(Sharded):
    """Arrays of (images, height, width, channels): negatives-000000.npy and so on."""

    name = "npy"
    formats: ClassVar = ("npy",)

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in six digits."""
        return f"{series(split)}-{number:06d}.npy"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Lay out one header for all, and the levels of each."""
        yield _header(info, shard)
        own = len(npy_header(_shape(info), info.depth))
        for sample in samples:
            yield memoryview(sample.data)[own:]

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the images without their headers."""
        own = len(npy_header(_shape(info), info.depth))
        return len(_header(info, shard)) + sum(size - own for size in record.sizes)

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Give each image its header back."""
        header = _header(info, shard)
        if take(file, len(header), len(header)) != header:
            raise ValueError("its header is not that of the set")
        own = npy_header(_shape(info), info.depth)
        height, width, channels = _shape(info)
        octets = height * width * channels * info.depth // 8
        for _ in range(shard.start, shard.stop):
            yield own + take(file, octets, octets)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return numpy's call, which maps them into memory."""
        split = info.split_names[0]
        paths = f"{glob.escape(root)}/{series(split)}-*.npy"
        return f'[numpy.load(p, mmap_mode="r") for p in sorted(glob.glob({paths!r}))]'


def _shape(info: DatasetInfo) -> tuple[int, int, int]:
    return info.height, info.width, info.channels


def _header(info: DatasetInfo, shard: Shard) -> bytes:
    return npy_header((shard.stop - shard.start, *_shape(info)), info.depth)
