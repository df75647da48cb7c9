"""The manifest: ``metadata.jsonl``, a JSON object an image; and ``SHA256SUMS`` beside it.

A row hangs on nothing but the job, the index, and the size and hash of the file, so it can be told
beforehand but for those two. Its keys are the same in every row and none is null: that is what lets
pandas, Hugging Face datasets, polars and jq take the file as it is. The seed is hexadecimal text,
the one form that none of them turns into a float.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from pixelgen.errors import PixelgenError
from pixelgen.generator import Generator
from pixelgen.job import Job
from pixelgen.journal import MANIFEST, PLAN, SUMS, Journal, file_hash
from pixelgen.layouts import Record, Shard
from pixelgen.sources import extras
from pixelgen.store import LocalStore

Records: TypeAlias = Iterable[tuple[Shard, Record]]


def row_writer(job: Job) -> Callable[[int, int, str], bytes]:
    """Return the function that writes a row's line from index, size in bytes and SHA-256."""
    before: dict[str, object] = {
        "width": job.width,
        "height": job.height,
        "mode": job.mode,
        "depth": job.depth,
        "format": job.format.name.upper(),
    }
    head, origin = _members(before), _origin_writer(job)
    location, names = job.layout.location, job.names

    def row(index: int, size: int, sha256: str) -> bytes:
        # Names are plain ASCII by construction, and json.dumps would take longer than all the rest.
        place = ",".join(f'"{column}":"{name}"' for column, name in location(names, index).items())
        digest = f'"sha256":"{sha256}",' if sha256 else ""
        tail = origin(index)
        return f'{{{place},"index":{index},{head},"bytes":{size},{digest}{tail}}}\n'.encode()

    return row


def _origin_writer(job: Job) -> Callable[[int], str]:
    """Return the function that writes what an image was made of: one text for all, if it can."""
    generator = Generator(job)

    def write(index: int) -> str:
        family, density, source = generator.origin(index)
        columns: dict[str, object] = {"generator": family}
        if job.sources:
            columns["source"] = source
        columns["seed"] = hex(job.seed)
        if job.color is not None:
            columns |= {"color": str(job.color), "density": density}
        return _members(columns)

    if not job.family.is_fixed or job.sources:
        return write
    always = write(0)
    return lambda _: always


def _members(values: Mapping[str, object]) -> str:
    return json.dumps(values, separators=(",", ":"))[1:-1]


def rows(job: Job, records: Records) -> Iterator[bytes]:
    """Yield the lines of the manifest, a piece a shard."""
    write = row_writer(job)
    for shard, record in records:
        hashes = record.hashes or [""] * len(record.sizes)
        yield b"".join(map(write, range(*shard[1:]), record.sizes, hashes))


def sums(job: Job, records: Records, others: dict[str, str]) -> Iterator[bytes]:
    """Yield the lines of SHA256SUMS: the set's files, then the others (name: SHA-256)."""
    for shard, record in records:
        found = job.layout.objects(job.names, shard, record)
        yield "".join(f"{file.sha256}  {file.name}\n" for file in found).encode()
    yield "".join(f"{sha256}  {name}\n" for name, sha256 in others.items()).encode()


def sum_of(store: LocalStore, name: str) -> str:
    """Return the SHA-256 that the sums give for a file, or ''."""
    for line in store.lines(SUMS):
        digest, _, file = line.decode(errors="replace").rstrip("\n").partition("  ")
        if file == name:
            return digest
    return ""


def publish(job: Job, store: LocalStore, done: Journal) -> None:
    """Write the sums, sync everything, and put the manifest in place last."""
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in rows(job, done.records()):
            digest.update(piece)
            yield piece

    manifest = store.stage(MANIFEST, hashed())
    try:
        if job.checksum != "none":
            others = {name: file_hash(store, name) for name in (PLAN, *extras(job))}
            others[MANIFEST] = digest.hexdigest()
            store.put(SUMS, sums(job, done.records(), others))
        _sync(store, done)
    except BaseException:
        store.discard(manifest)
        raise
    store.publish(manifest)


def _sync(store: LocalStore, done: Journal) -> None:
    """Bring the set to the disk; where that fails, believe nothing of it."""
    try:
        store.sync()
    except PixelgenError:
        done.distrust()
        raise
