"""The end of a run: the sidecars, ``SHA256SUMS``, and last of all the manifest, a row an image."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from pixelgen.dataset.journal import Journal
from pixelgen.dataset.plan import PLAN, SUMS
from pixelgen.dataset.sidecar_files import put_sidecars, sidecar_files
from pixelgen.dataset.source_record import record_files
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import Shard, ShardRecord
from pixelgen.storage import Store
from pixelgen.storage.checksums import MeasuredChunks, sha256_of

ShardRecords: TypeAlias = Iterable[tuple[Shard, ShardRecord]]


def manifest_lines(job: Job, records: ShardRecords) -> Iterator[bytes]:
    """Yield the lines of the manifest, those of a shard at a time."""
    row = job.info.row
    for shard, record in records:
        yield b"".join(row(image_record) for image_record in record.image_records(shard))


def checksum_lines(
    job: Job, records: ShardRecords, others: Iterable[tuple[str, str]]
) -> Iterator[bytes]:
    """Yield the lines of SHA256SUMS: the images' files, then the others (name, SHA-256)."""
    for shard, record in records:
        found = job.layout.container.file_entries(job.info, shard, record)
        yield "".join(f"{file.sha256}  {file.name}\n" for file in found).encode()
    for name, sha256 in others:
        yield f"{sha256}  {name}\n".encode()


def listed_checksum(store: Store, name: str) -> str:
    """Return the SHA-256 that SHA256SUMS lists for a file, or ''."""
    for line in store.lines(SUMS):
        digest, _, file = line.decode(errors="replace").rstrip("\n").partition("  ")
        if file == name:
            return digest
    return ""


def is_as_listed(store: Store, name: str) -> bool:
    """Return whether a file exists and, if SHA256SUMS lists it, has the SHA-256 that it lists."""
    if store.size(name) is None:
        return False
    return listed_checksum(store, name) in ("", sha256_of(store.chunks(name)))


def publish(job: Job, store: Store, done: Journal) -> None:
    """Write the sidecars and SHA256SUMS, sync everything, and put the manifest in place last."""
    lines = MeasuredChunks(manifest_lines(job, done.records()))
    manifest = store.stage(job.manifest, lines)
    try:
        sidecars = put_sidecars(store, sidecar_files(job, done.records))
        if job.checksum == "none":
            deque(sidecars, maxlen=0)
        else:
            own = ((name, sha256_of(store.chunks(name))) for name in (PLAN, *record_files(job)))
            others = chain(own, sidecars, [(job.manifest, lines.sha256)])
            store.put(SUMS, checksum_lines(job, done.records(), others))
        _sync(store, done)
    except BaseException:
        store.discard(manifest)
        raise
    store.publish(manifest)


def _sync(store: Store, done: Journal) -> None:
    """Bring the dataset to the disk; where that fails, discard what may be lost."""
    try:
        store.sync()
    except PixelgenError:
        done.discard_unsynced()
        raise
