"""MosaicML's shards (MDS, version 2), for streaming from disk or a bucket.

https://docs.mosaicml.com/projects/streaming, "Dataset format": the number of samples, where each
begins, the columns as JSON, the samples; of a sample the sizes of its columns that vary, then its
columns by name.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, ClassVar

from pixelgen.errors import BadValue
from pixelgen.formats.base import Data
from pixelgen.layouts.base import File, ManifestView, Samples, ShardRecord
from pixelgen.layouts.containers._sharded import Sharded, take
from pixelgen.layouts.dataset_info import DatasetInfo, Shard

_SIZES = struct.Struct("<II")  # of the image and of the row, which vary
_INDEX = struct.Struct("<q")
_LIMIT, _ROW_BYTES = 4_000_000_000, 1000


@dataclass(frozen=True)
class Mds(Sharded):
    """MosaicML streaming: shard.00000.mds and so on, of image, index and row, and an index.json.

    Each split has a folder of its own, as the library's own writers do it.
    """

    name = "mds"
    formats: ClassVar = ("png", "jpeg")
    most_bytes: ClassVar = 64 << 20  # that of the library's own writer, and held in memory

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return the images in a shard; raise BadValue for more than its 32-bit places can tell."""
        images = super().shard_size(count, image_bytes)
        if images * (image_bytes + _ROW_BYTES) > _LIMIT and images > 1:
            most = max(1, _LIMIT // (image_bytes + _ROW_BYTES))
            raise BadValue(f"an mds shard holds at most 4 GB; use mds:per_shard={most}")
        return images

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in five digits, below the folder of the split."""
        return f"{split}{split and '/'}shard.{number:05d}.mds"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Lay out a shard: the samples must be known before their places are."""
        laid = [
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
        yield _head(info, [len(each) for each in laid])
        yield from laid

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the samples and their places."""
        rows = sum(len(info.row(image_record)) - 1 for image_record in record.image_records(shard))
        fixed = (_SIZES.size + _INDEX.size) * len(record.sizes)
        return len(_head(info, [0] * len(record.sizes))) + fixed + sum(record.sizes) + rows

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Read the image out of each sample."""
        count = shard.stop - shard.start
        head = 4 * (count + 2)
        places = struct.unpack(f"<{count + 2}I", take(file, head, head))[1:]
        for start in places[:-1]:
            file.seek(start)
            size, _ = _SIZES.unpack(take(file, _SIZES.size, _SIZES.size))
            yield take(file, size, info.most_bytes)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the index of the shards of each split."""
        for split in manifest.info.split_names:
            folder = f"{split}{split and '/'}"
            yield f"{folder}index.json", _index(manifest, folder)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of MosaicML streaming."""
        split = info.split_names[0]
        which = f", split={split!r}" if split else ""
        return f"streaming.StreamingDataset(local={root!r}{which}, batch_size=1)"


def _config(info: DatasetInfo) -> dict[str, Any]:
    """Return what a shard tells of its columns."""
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
    """Lay out what stands before the samples."""
    config = json.dumps(_config(info), sort_keys=True).encode()
    first = 4 * (len(sizes) + 2) + len(config)
    places = [first, *(first + size for size in accumulate(sizes))]
    return struct.pack(f"<{len(places) + 1}I", len(sizes), *places) + config


def _index(manifest: ManifestView, folder: str) -> Iterator[bytes]:
    yield b'{"version": 2, "shards": ['
    comma = ""
    for shard, found in manifest.file_entries():
        above, slash, base = found.name.rpartition("/")
        if above + slash != folder:
            continue
        raw: dict[str, Any] = {"basename": base, "bytes": found.size, "hashes": {}}
        told = {"raw_data": raw, "samples": shard.stop - shard.start, "zip_data": None}
        yield f"{comma}\n{json.dumps(_config(manifest.info) | told, sort_keys=True)}".encode()
        comma = ","
    yield b"\n]}\n"
