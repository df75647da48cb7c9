"""The files that a layout makes of the rows of a dataset once all images are there.

Most are those of sidecars; a container may have some, too.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby, islice

from pixelgen.job import Job
from pixelgen.layouts import File, ManifestView, Shard, ShardRecord
from pixelgen.manifest_rows import name_row_writer
from pixelgen.storage import Store
from pixelgen.storage.checksums import MeasuredChunks

_BATCH = 1000  # files that wait for one sync under --durability each


def sidecar_files(
    job: Job, records: Callable[[], Iterator[tuple[Shard, ShardRecord]]]
) -> Iterator[File]:
    """Yield the name and the bytes of each file, from the records of all shards."""
    return job.layout.index(ManifestView(job.info, job.layout.container, records))


def sidecar_names(job: Job) -> Iterator[Iterator[str]]:
    """Yield the names of these files, those of each component of the layout by themselves.

    They depend on nothing but the job.
    """
    container = job.layout.container

    def unknown() -> Iterator[tuple[Shard, ShardRecord]]:
        for shard in job.shards():
            yield shard, ShardRecord(shard.number, [0] * len(shard.indices), [])

    info = replace(job.info, row=name_row_writer(job.image, job.info, container))
    for files in job.layout.index_by_component(ManifestView(info, container, unknown)):
        yield (name for name, _ in files)


def dataset_folders(job: Job) -> Iterator[str]:
    """Yield the folders of a dataset's files, each once."""
    layout = job.layout
    return chain(layout.container.folders(job.info), layout.index_folders(job.info))


def put_sidecars(store: Store, files: Iterable[File]) -> Iterator[tuple[str, str]]:
    """Put files in place, some of a folder at a time; yield the name and SHA-256 of each."""
    for folder, group in groupby(files, key=lambda file: file[0].rpartition("/")[0]):
        while first := next(group, None):
            with store.batch(folder) as put:
                for name, data in chain([first], islice(group, _BATCH - 1)):
                    chunks = MeasuredChunks(data)
                    put(name.rpartition("/")[2], chunks)
                    yield name, chunks.sha256
