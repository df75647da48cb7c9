"""Which files of a finished dataset are not on the disk as its manifest says, by name and size.

No file but the manifest is read: each of the others costs one look-up of its size. Whatever says
that a dataset is complete asks here first. Bytes are compared by :mod:`pixelgen.dataset.verify`.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from pixelgen.dataset.existing_plan import way_to_manifest
from pixelgen.dataset.manifest_reader import ShardLines, align_rows, group_aligned, read_rows
from pixelgen.dataset.plan import checksum_files
from pixelgen.dataset.selection_record import MINING, SCORES
from pixelgen.dataset.sidecar_files import sidecar_names
from pixelgen.dataset.source_record import read_record, record_files
from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.layouts import FileEntry, ShardRecord
from pixelgen.source_images import NO_SOURCES
from pixelgen.storage import Store

_BYTES = re.compile(rb'"bytes":(\d{1,16})[,}]')
_NAMED = 3  # of the files that are missing
COUNTED = 100_000
"""The missing files that are counted; where there are more, they are not counted."""


class MissingFile(NamedTuple):
    """A file that is missing or has another size, and how many images are in it."""

    name: str
    images: int


def missing_files(job: Job, store: Store) -> Iterator[MissingFile]:
    """Yield the files of a finished dataset that are missing or have another size.

    A manifest has another size where it has fewer rows than there are images, or more. Raises
    Conflict where the record of the user's images is damaged.
    """
    job = job.with_sources(read_record(store, job) or NO_SOURCES)
    with store.size_lookup() as size_of:
        rows = align_rows(job, store.lines(job.manifest))
        is_manifest_whole = True
        for entry in group_aligned(job, rows, None):
            if is_manifest_whole and not all(entry.rows):
                is_manifest_whole = False
                yield MissingFile(job.manifest, 0)
            files = list(_files(job, entry))
            for found in files:
                size = size_of(found.name)
                if size is None or found.size not in (None, size):
                    yield MissingFile(found.name, len(entry.rows) // len(files))
        if rows.has_more():
            yield MissingFile(job.manifest, 0)
        lists = chain(checksum_files(job), record_files(job))
        for name in chain(lists, chain.from_iterable(sidecar_names(job))):
            if size_of(name) is None:
                yield MissingFile(name, 0)


def check_present(job: Job, store: Store) -> None:
    """Raise Conflict, with what brings them back, where a finished dataset lacks files."""
    missing = list(islice(missing_files(job, store), COUNTED))
    if missing:
        raise Conflict(describe_missing(job, store, missing))


def describe_missing(job: Job, store: Store, missing: list[MissingFile]) -> str:
    """Say in a line which files are missing, and what brings them back."""
    if [each.name for each in missing] == [job.manifest] and store.size(job.manifest) is None:
        return f"{store.path(job.manifest)} is {way_to_manifest(store, job)}"
    count = f"{'at least ' if len(missing) >= COUNTED else ''}{len(missing):,}"
    named = ", ".join(each.name for each in missing[:_NAMED])
    named += ", …" if len(missing) > _NAMED else ""
    files = "file is" if len(missing) == 1 else "files are"
    way = f"to make them again, run: pixelgen repair {shell_path(store.root)}"
    if job.remote:
        way = "remote images cannot be made again: restore the files, or move the dataset away"
    elif {each.name for each in missing} <= {MINING, SCORES}:
        way = "they cannot be made again without the model: restore them from a copy"
    return f"{count} {files} missing in {store.root}, or of another size: {named}; {way}"


def _files(job: Job, entry: ShardLines) -> Iterator[FileEntry]:
    """Yield the files of a shard with the sizes in the rows; None where a row has none."""
    shard, container = entry.shard, job.layout.container
    if record_files(job) and not job.sources.digests:  # the record is missing, and rows need it
        yield from (FileEntry(name, None, "") for name in container.files(job.info, shard))
        return
    sizes = [int(found[1]) if (found := _BYTES.search(row)) else 0 for row in entry.rows]
    if job.remote:
        record, _ = read_rows(job, entry)
    else:
        hashes = ["0" * 64] * len(sizes) if job.checksum != "none" else []
        record = ShardRecord(shard.number, sizes, hashes)
    files = list(container.file_entries(job.info, shard, record))
    is_one_file = len(files) != len(sizes)
    for file, size in zip(files, [all(sizes)] if is_one_file else sizes, strict=True):
        yield file if size else file._replace(size=None)
