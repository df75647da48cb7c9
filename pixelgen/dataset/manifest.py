"""The end of a run: the index, ``SHA256SUMS``, and last of all the manifest, a row an image."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from pixelgen.dataset.journal import SUMS, Journal, file_hash
from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.sidecar_files import hashed, manifest_view, put_index
from pixelgen.dataset.source_record import extras
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import Shard, ShardRecord
from pixelgen.storage import Store

ShardRecords: TypeAlias = Iterable[tuple[Shard, ShardRecord]]


def rows(job: Job, records: ShardRecords) -> Iterator[bytes]:
    """Yield the lines of the manifest, a piece a shard."""
    row = job.info.row
    for shard, record in records:
        yield b"".join(row(image_record) for image_record in record.image_records(shard))


def sums(job: Job, records: ShardRecords, others: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """Yield the lines of SHA256SUMS: the set's files, then the others (name, SHA-256)."""
    for shard, record in records:
        found = job.layout.container.file_entries(job.info, shard, record)
        yield "".join(f"{file.sha256}  {file.name}\n" for file in found).encode()
    for name, sha256 in others:
        yield f"{sha256}  {name}\n".encode()


def sum_of(store: Store, name: str) -> str:
    """Return the SHA-256 that the sums give for a file, or ''."""
    for line in store.lines(SUMS):
        digest, _, file = line.decode(errors="replace").rstrip("\n").partition("  ")
        if file == name:
            return digest
    return ""


def publish(job: Job, store: Store, done: Journal) -> None:
    """Write the index and the sums, sync everything, and put the manifest in place last."""
    digest = hashlib.sha256()
    manifest = store.stage(job.manifest, hashed(rows(job, done.records()), digest))
    try:
        index = put_index(store, job.layout.index(manifest_view(job, done.records)))
        if job.checksum == "none":
            deque(index, maxlen=0)
        else:
            plan = ((name, file_hash(store, name)) for name in (PLAN, *extras(job)))
            others = chain(plan, index, [(job.manifest, digest.hexdigest())])
            store.put(SUMS, sums(job, done.records(), others))
        _sync(store, done)
    except BaseException:
        store.discard(manifest)
        raise
    store.publish(manifest)


def _sync(store: Store, done: Journal) -> None:
    """Bring the set to the disk; where that fails, believe nothing of it."""
    try:
        store.sync()
    except PixelgenError:
        done.discard_unsynced()
        raise
