"""numpy arrays of many images each, which a training loop can map into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from pixelgen.formats.base import Data
from pixelgen.formats.uncompressed import npy_header
from pixelgen.layouts.base import Samples, ShardRecord
from pixelgen.layouts.containers._sharded import Sharded, file_prefix, read_exactly
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.layouts.loader_text import glob_files


@dataclass(frozen=True)
class Npy(Sharded):
    """Arrays of (images, height, width, channels): negatives-000000.npy and so on."""

    name = "npy"
    formats: ClassVar = ("npy",)
    has_one_size: ClassVar = True

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in six digits."""
        return f"{file_prefix(split)}-{number:06d}.npy"

    def pattern(self, split: str) -> str:
        """Return a glob pattern for the files of a split."""
        return f"{file_prefix(split)}-*.npy"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Write one header for all images, then the levels of each."""
        yield _header(info, shard)
        skipped = len(npy_header(_shape(info), info.image.depth))
        for sample in samples:
            yield memoryview(sample.data)[skipped:]

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the images without their headers."""
        skipped = len(npy_header(_shape(info), info.image.depth))
        return len(_header(info, shard)) + sum(size - skipped for size in record.sizes)

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield each image with a header of its own."""
        header = _header(info, shard)
        if read_exactly(file, len(header), len(header)) != header:
            raise ValueError("its header does not match the dataset")
        image_header = npy_header(_shape(info), info.image.depth)
        height, width, channels = _shape(info)
        size = height * width * channels * info.image.depth // 8
        for _ in shard.indices:
            yield image_header + read_exactly(file, size, size)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return numpy's call, which maps them into memory."""
        paths = glob_files(root, self.pattern(info.first_split))
        return f'[numpy.load(p, mmap_mode="r") for p in {paths}]'


def _shape(info: DatasetInfo) -> tuple[int, int, int]:
    return info.image.shape_at(0).levels


def _header(info: DatasetInfo, shard: Shard) -> bytes:
    return npy_header((len(shard.indices), *_shape(info)), info.image.depth)
