"""NVIDIA DALI: the offsets of the files of each sample in a WebDataset archive.

https://docs.nvidia.com/deeplearning/dali/user-guide/docs/operations/nvidia.dali.fn.readers.webdataset.html,
the format of its ``wds2idx``: a version and a count, then for each sample the extension, the
offset, the size and the name of each of its files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, ShardRecord, Sidecar
from pixelgen.layouts.containers._ustar import BLOCK, padded_size
from pixelgen.layouts.containers.webdataset import WebDataset, member_sizes
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.layouts.loader_text import glob_files


@dataclass(frozen=True)
class Dali(Sidecar):
    """NVIDIA DALI: negatives-000000.idx and so on, the offsets of the files in each archive."""

    name = "dali"
    containers: ClassVar = ("webdataset",)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield an index for each archive."""
        for shard, record in manifest.records():
            (archive,) = manifest.container.files(manifest.info, shard)
            yield _index_name(archive), _samples(manifest.info, shard, record)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of DALI."""
        archives = WebDataset().pattern(info.first_split)
        tars, indexes = (glob_files(root, each) for each in (archives, _index_name(archives)))
        return (
            f"nvidia.dali.fn.readers.webdataset(paths={tars}, index_paths={indexes},"
            f" ext={[info.suffix[1:], 'cls']})"
        )


def _index_name(archive: str) -> str:
    return archive.removesuffix(".tar") + ".idx"


def _samples(info: DatasetInfo, shard: Shard, record: ShardRecord) -> Iterator[bytes]:
    yield f"v1.2 {len(shard.indices)}\n".encode()
    offset = 0
    for _, members in groupby(member_sizes(info, shard, record), key=lambda member: member[0]):
        files = []
        for key, extension, size in members:
            files.append(f"{extension} {offset + BLOCK} {size} {key}.{extension}")
            offset += padded_size(size)
        yield " ".join(files).encode() + b"\n"
