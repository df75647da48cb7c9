"""NVIDIA DALI: where the files of each sample lie in a WebDataset archive.

https://docs.nvidia.com/deeplearning/dali/user-guide/docs/operations/nvidia.dali.fn.readers.webdataset.html,
the format of its ``wds2idx``: a version and a count, then for each sample the extension, the
offset, the size and the name of each of its files.
"""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, ShardRecord, Sidecar
from pixelgen.layouts.containers._sharded import series
from pixelgen.layouts.containers._ustar import BLOCK, padded
from pixelgen.layouts.containers.webdataset import members_of
from pixelgen.layouts.dataset_info import DatasetInfo, Shard


@dataclass(frozen=True)
class Dali(Sidecar):
    """NVIDIA DALI: negatives-000000.idx and so on, of what is where in each archive."""

    name = "dali"
    containers: ClassVar = ("webdataset",)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield an index for each archive."""
        for shard, record in manifest.records():
            (archive,) = manifest.container.files(manifest.info, shard)
            name = archive.removesuffix(".tar") + ".idx"
            yield name, _samples(manifest.info, shard, record)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of DALI."""
        paths = f"{glob.escape(root)}/{series(info.split_names[0])}-*"
        tars, indexes = (f"sorted(glob.glob({paths + end!r}))" for end in (".tar", ".idx"))
        return (
            f"nvidia.dali.fn.readers.webdataset(paths={tars}, index_paths={indexes},"
            f" ext={[info.suffix[1:], 'cls']})"
        )


def _samples(info: DatasetInfo, shard: Shard, record: ShardRecord) -> Iterator[bytes]:
    yield f"v1.2 {shard.stop - shard.start}\n".encode()
    place = 0
    for _, members in groupby(members_of(info, shard, record), key=lambda member: member[0]):
        told = []
        for key, extension, size in members:
            told.append(f"{extension} {place + BLOCK} {size} {key}.{extension}")
            place += padded(size)
        yield " ".join(told).encode() + b"\n"
