"""The index of a set: the files that its layout makes of its rows once all images are there."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import File, ManifestView, Shard, ShardRecord
from pixelgen.storage import Chunks, Store

if TYPE_CHECKING:
    from hashlib import _Hash

_BATCH = 1000  # files that wait for one sync under --durability each


def manifest_view(
    job: Job, records: Callable[[], Iterator[tuple[Shard, ShardRecord]]]
) -> ManifestView:
    """Return what the files of the index are made of."""
    return ManifestView(job.info, job.layout.container, records)


def index_names(job: Job) -> Iterator[Iterator[str]]:
    """Yield the names of these files, those of each part of the layout by themselves.

    They hang on nothing but the job.
    """

    def unknown() -> Iterator[tuple[Shard, ShardRecord]]:
        for shard in job.shards():
            yield shard, ShardRecord(shard.number, [0] * (shard.stop - shard.start), [])

    for files in job.layout.index_by_component(manifest_view(job, unknown)):
        yield (name for name, _ in files)


def folders(job: Job) -> Iterator[str]:
    """Yield the folders of a set's files, each once."""
    layout = job.layout
    return chain(layout.container.folders(job.info), layout.index_folders(job.info))


def put_index(store: Store, files: Iterable[File]) -> Iterator[tuple[str, str]]:
    """Put the files of the index in place, some of a folder at a time; yield name and SHA-256."""
    for folder, group in groupby(files, key=lambda file: file[0].rpartition("/")[0]):
        while first := next(group, None):
            with store.batch(folder) as put:
                for name, data in chain([first], islice(group, _BATCH - 1)):
                    digest = hashlib.sha256()
                    put(name.rpartition("/")[2], hashed(data, digest))
                    yield name, digest.hexdigest()


def hashed(data: Chunks, digest: "_Hash") -> Iterator[Data]:
    """Yield the pieces of a file, each taken into its digest."""
    for piece in (data,) if isinstance(data, Data) else data:
        digest.update(piece)
        yield piece
