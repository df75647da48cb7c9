"""numpy's arrays, many images in each: what a training loop maps into memory."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from pixelgen.formats.base import Data
from pixelgen.formats.uncompressed import npy_header
from pixelgen.layouts.base import Record, Samples
from pixelgen.layouts.containers._sharded import Sharded, series, take
from pixelgen.layouts.dataset_info import Roster, Shard


@dataclass(frozen=True)
class Npy(Sharded):
    """Arrays of (images, height, width, channels): negatives-000000.npy and so on."""

    name = "npy"
    formats: ClassVar = ("npy",)

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in six digits."""
        return f"{series(split)}-{number:06d}.npy"

    def pack(self, roster: Roster, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Lay out one header for all, and the levels of each."""
        yield _header(roster, shard)
        own = len(npy_header(_shape(roster), roster.depth))
        for sample in samples:
            yield memoryview(sample.data)[own:]

    def size(self, roster: Roster, shard: Shard, record: Record) -> int:
        """Add up the images without their headers."""
        own = len(npy_header(_shape(roster), roster.depth))
        return len(_header(roster, shard)) + sum(size - own for size in record.sizes)

    def unpack(self, file: BinaryIO, roster: Roster, shard: Shard) -> Iterator[bytes]:
        """Give each image its header back."""
        header = _header(roster, shard)
        if take(file, len(header), len(header)) != header:
            raise ValueError("its header is not that of the set")
        own = npy_header(_shape(roster), roster.depth)
        height, width, channels = _shape(roster)
        octets = height * width * channels * roster.depth // 8
        for _ in range(shard.start, shard.stop):
            yield own + take(file, octets, octets)

    def loader(self, root: str, roster: Roster) -> str:
        """Return numpy's call, which maps them into memory."""
        split = roster.split_names[0]
        paths = f"{glob.escape(root)}/{series(split)}-*.npy"
        return f'[numpy.load(p, mmap_mode="r") for p in sorted(glob.glob({paths!r}))]'


def _shape(roster: Roster) -> tuple[int, int, int]:
    return roster.height, roster.width, roster.channels


def _header(roster: Roster, shard: Shard) -> bytes:
    return npy_header((shard.stop - shard.start, *_shape(roster)), roster.depth)
