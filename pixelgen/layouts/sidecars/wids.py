"""wids: random access to WebDataset archives, by an index of them.

https://github.com/webdataset/webdataset/tree/v0.2.100/wids; the library is not part of later
releases.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Wids(Sidecar):
    """wids: index.json, of the archives with their sizes; with --split one for each split."""

    name = "wids"
    containers: ClassVar = ("webdataset",)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the index, or one of each split."""
        for name, split in manifest.split_files("index", ".json"):
            yield name, _shards(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of wids."""
        split = info.split_names[0]
        file = f"{root}/index-{split}set.json" if split else f"{root}/index.json"
        # By itself it keeps copies under the archives' names, and takes a later set for the first.
        return f"wids.ShardListDataset({file!r}, cache_dir={root!r})"


def _shards(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b'{"__kind__":"wids-shard-index-v1","wids_version":1,"name":"negatives","shardlist":['
    comma = ""
    for shard, found in manifest.file_entries():
        if manifest.info.split(shard.start) == split:
            told = {"url": found.name, "nsamples": shard.stop - shard.start, "filesize": found.size}
            yield f"{comma}\n{json.dumps(told)}".encode()
            comma = ","
    yield b"\n]}\n"
