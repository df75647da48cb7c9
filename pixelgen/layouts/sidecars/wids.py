"""wids: random access to WebDataset archives through an index.

https://github.com/webdataset/webdataset/tree/v0.2.100/wids; the library is not part of later
releases.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar, json_array, split_file
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Wids(Sidecar):
    """wids: index.json, the archives with their sizes; with --split one for each split."""

    name = "wids"
    containers: ClassVar = ("webdataset",)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the index, or one for each split."""
        for name, split in manifest.split_files("index", ".json"):
            yield name, _index(manifest, split)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of wids."""
        file = f"{root}/{split_file('index', info.first_split, '.json')}"
        # The default cache is keyed by the archives' names alone: a second dataset would read it.
        return f"wids.ShardListDataset({file!r}, cache_dir={root!r})"


def _index(manifest: ManifestView, split: str) -> Iterator[bytes]:
    yield b'{"__kind__":"wids-shard-index-v1","wids_version":1,"name":"negatives","shardlist":'
    yield from json_array(_shards(manifest, split))
    yield b"}\n"


def _shards(manifest: ManifestView, split: str) -> Iterator[str]:
    for shard, file in manifest.file_entries(split):
        entry = {"url": file.name, "nsamples": len(shard.indices), "filesize": file.size}
        yield json.dumps(entry)
