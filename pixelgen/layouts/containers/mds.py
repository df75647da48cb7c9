"""MosaicML's shards (MDS, version 2), for streaming from disk or a bucket.

https://docs.mosaicml.com/projects/streaming, "Dataset format": the number of samples, the
offset of each, the columns as JSON, the samples. A sample is the sizes of its variable columns,
then its columns by name.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, ClassVar

from pixelgen.errors import BadValue
from pixelgen.formats.base import Data
from pixelgen.layouts.base import File, ManifestView, Samples, ShardRecord, json_array
from pixelgen.layouts.containers._sharded import Sharded, read_exactly
from pixelgen.layouts.dataset_info import DatasetInfo, Shard

_SIZES = struct.Struct("<II")  # of the image and of the row, the variable columns
_INDEX = struct.Struct("<q")
_LIMIT, _ROW_BYTES = 4_000_000_000, 1000


@dataclass(frozen=True)
class Mds(Sharded):
    """MosaicML streaming: shard.00000.mds and so on, of image, index and row, and an index.json.

    Each split has a folder of its own, as the library's own writers create.
    """

    name = "mds"
    formats: ClassVar = ("png", "jpeg")
    most_bytes: ClassVar = 64 << 20  # as in the library's own writer; a shard is held in memory

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return the number of images in a shard; raise BadValue if offsets exceed 32 bits."""
        images = super().shard_size(count, image_bytes)
        if images * (image_bytes + _ROW_BYTES) > _LIMIT and images > 1:
            most = max(1, _LIMIT // (image_bytes + _ROW_BYTES))
            raise BadValue(
                f"per_shard={images}: an mds shard holds at most 4 GB; use mds:per_shard={most}"
            )
        return images

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in five digits, below the folder of the split."""
        return f"{_folder(split)}shard.{number:05d}.mds"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Pack a shard: all samples first, since their offsets come before them."""
        packed = [
            b"".join(
                (
                    _SIZES.pack(len(sample.data), len(row)),
                    sample.data,
                    _INDEX.pack(sample.number),
                    row,
                )
            )
            for sample in samples
            for row in [info.row(sample.image_record)[:-1]]
        ]
        yield _head(info, [len(each) for each in packed])
        yield from packed

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the samples and their offsets."""
        rows = sum(len(info.row(image_record)) - 1 for image_record in record.image_records(shard))
        fixed = (_SIZES.size + _INDEX.size) * len(record.sizes)
        return len(_head(info, [0] * len(record.sizes))) + fixed + sum(record.sizes) + rows

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Read the image out of each sample."""
        count = len(shard.indices)
        head = 4 * (count + 2)
        offsets = struct.unpack(f"<{count + 2}I", read_exactly(file, head, head))[1:]
        for start in offsets[:-1]:
            file.seek(start)
            size, _ = _SIZES.unpack(read_exactly(file, _SIZES.size, _SIZES.size))
            yield read_exactly(file, size, info.most_bytes)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the index of the shards of each split."""
        for split in manifest.info.split_names:
            yield f"{_folder(split)}index.json", _index(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of MosaicML streaming."""
        split = f", split={info.first_split!r}" if info.first_split else ""
        return f"streaming.StreamingDataset(local={root!r}{split}, batch_size=1)"


def _folder(split: str) -> str:
    return f"{split}/" if split else ""


def _config(info: DatasetInfo) -> dict[str, Any]:
    """Return the description of the columns."""
    return {
        "column_encodings": [info.format, "int", "json"],
        "column_names": ["image", "index", "row"],
        "column_sizes": [None, _INDEX.size, None],
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": None,
        "version": 2,
    }


def _head(info: DatasetInfo, sizes: list[int]) -> bytes:
    """Pack the part before the samples."""
    config = json.dumps(_config(info), sort_keys=True).encode()
    first = 4 * (len(sizes) + 2) + len(config)
    offsets = [first, *(first + size for size in accumulate(sizes))]
    return struct.pack(f"<{len(offsets) + 1}I", len(sizes), *offsets) + config


def _index(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b'{"version": 2, "shards": '
    yield from json_array(_shards(manifest, split))
    yield b"}\n"


def _shards(manifest: ManifestView, split: str) -> Iterator[str]:
    config = _config(manifest.info)
    for shard, file in manifest.file_entries(split):
        basename = file.name.rpartition("/")[2]
        raw: dict[str, Any] = {"basename": basename, "bytes": file.size, "hashes": {}}
        entry = {"raw_data": raw, "samples": len(shard.indices), "zip_data": None}
        yield json.dumps(config | entry, sort_keys=True)
