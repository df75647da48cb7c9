"""Verify: a finished set against its manifest, its sums and its job.

Sizes and SHA-256 tell every changed bit; of a set without checksums only sizes are told. ``deep``
renders and encodes every image again and compares bytes, so it needs neither hashes nor trust.
"""

import errno
import hashlib
from collections.abc import Container, Iterator
from functools import partial
from itertools import chain, repeat, takewhile
from typing import Any, NamedTuple

from pixelgen import journal
from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.index import catalogue
from pixelgen.job import Job
from pixelgen.journal import JOURNAL, PLAN, SUMS, file_hash
from pixelgen.layouts import File, Object, Record, Shard
from pixelgen.records import Entry, cut, read
from pixelgen.sources import SOURCES, extras, is_sound, recall
from pixelgen.store import Store
from pixelgen.writer import Run, least_work, samples

MANIFESTS = ("metadata.jsonl", "manifest.jsonl")


class Damage(NamedTuple):
    """A file that is not as it should be, and what is wrong with it."""

    name: str
    what: str


class Checked(NamedTuple):
    """What came of a check: the images and bytes it covered, the damage, and the shard if any."""

    images: int
    bytes: int
    damage: list[Damage]
    shard: Shard | None = None


def planned(store: Store) -> dict[str, Any]:
    """Return the plan of a set; raise Conflict or PixelgenError where there is none."""
    plan = journal.read_plan(store)
    if plan is None and any(map(store.exists, (PLAN, *MANIFESTS))):
        raise Conflict(
            f"{store.path(PLAN)} is missing or empty; put the old one back, or run the command that"
            " makes the set again"
        )
    if plan is None:
        raise PixelgenError(f"{store.root} holds no set of pixelgen's (it has no {PLAN})")
    return plan


def finished_job(store: Store) -> Job:
    """Return the job of a finished set; raise PixelgenError where there is none."""
    job = Job.parse(**planned(store)["job"])
    if not store.exists(JOURNAL) and not store.exists(job.manifest):
        way = "move the set away" if job.remote else "'pixelgen repair' makes it again"
        raise Conflict(f"{store.path(job.manifest)} is missing; {way}")
    if not journal.is_finished(store, job):
        way = "" if job.remote else ", or 'pixelgen repair'"
        raise PixelgenError(
            f"the set in {store.root} is not finished; run the command that makes it again{way}"
        )
    return job


def check_remade(job: Job) -> None:
    """Raise BadValue where images cannot be made again, to compare or to replace others."""
    if job.remote:
        raise BadValue(
            f"the images of this set came from {job.remote} and cannot be made again; 'pixelgen"
            " verify', without --deep, checks them by their SHA-256; to have others fetched, move"
            " the set away"
        )


def check(job: Job, store: Store, run: Run, *, deep: bool = False) -> Iterator[Checked]:
    """Yield what the check of each shard found, and of the manifest, the sums and the plan."""
    if deep:
        check_remade(job)
        journal.check_encoder(store, job)
    rows, sums = store.lines(job.manifest), store.lines(SUMS)
    yield from check_shards(job, store, run, cut(job, rows, sums), deep=deep)
    if not run.stopped():
        damage = [*_check_rest(job, store, sums)]
        if next(rows, b""):
            damage.append(Damage(job.manifest, "more rows than images"))
        yield Checked(0, 0, damage)


def check_shards(
    job: Job, store: Store, run: Run, entries: Iterator[Entry], *, deep: bool = False
) -> Iterator[Checked]:
    """Yield what the check of each shard by its lines found."""
    if not recall(store, job):
        raise Conflict(f"{store.path(SOURCES)} is missing; put it back")
    todo = takewhile(lambda _: not run.stopped(), entries)
    check_one, work = partial(_check_shard, job, store, deep), least_work(job, job.shard_count)
    yield from run.engine.map(check_one, todo, work=work, jobs=run.workers)


def _check_shard(job: Job, store: Store, deep: bool, entry: Entry) -> Checked:
    """Check the rows of a shard, then its files, then (``deep``) its bytes."""
    record, wrong = read(job, entry)
    damage = [Damage(job.manifest, f"the row of image {i} is damaged or missing") for i in wrong]
    for found, line in zip(
        job.layout.container.objects(job.roster, entry.shard, record),
        chain(entry.sums, repeat(b"")),
        strict=False,
    ):
        has_sums = job.checksum != "none"
        damage += _check_hash(store, job, found, line) if has_sums else _check_size(store, found)
    if deep:
        known = {name for name, _ in damage}
        differ = [name for name in differing(job, store, entry.shard) if name not in known]
        damage += [Damage(name, "its bytes are not those of the job") for name in differ]
    return Checked(len(record.sizes), sum(record.sizes), damage, entry.shard)


def recorded(job: Job, store: Store, skip: Container[int]) -> Iterator[Record]:
    """Yield the records of a checked set's shards, but for some."""
    for entry in cut(job, store.lines(job.manifest), store.lines(SUMS)):
        if entry.shard.number in skip:
            continue
        record, _ = read(job, entry)
        if len(entry.sums) == 1:  # it vouches for the shard's file, and so for what is in it
            images = list(job.layout.container.read(store, job.roster, entry.shard))
            hashes = [hashlib.sha256(image).hexdigest() for image in images]
            of_file = entry.sums[0][:64].decode()
            record = Record(record.shard, [*map(len, images)], hashes, 0, of_file)
        yield record


def _check_size(store: Store, found: Object) -> Iterator[Damage]:
    size = store.size(found.name)
    if size is None:
        yield Damage(found.name, "missing, or not a regular file")
    elif found.size is not None and size != found.size:
        yield Damage(found.name, f"{size:,} bytes, not {found.size:,}")


def _check_hash(store: Store, job: Job, found: Object, line: bytes) -> Iterator[Damage]:
    """Compare a file with its row and its line of the sums; what two agree on is right."""
    size = store.size(found.name)
    if size is None:
        yield Damage(found.name, "missing, or not a regular file")
        return
    try:
        actual = file_hash(store, found.name)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        yield Damage(found.name, "the disk cannot read it")
        return
    in_sums = line == f"{actual}  {found.name}\n".encode()
    is_sized = found.size in (None, size)
    if actual != found.sha256 and not in_sums:
        differs = f"its SHA-256 is not that of {job.manifest if found.sha256 else SUMS}"
        length = "" if is_sized else f", should be {found.size:,}"
        yield Damage(found.name, f"{differs} ({size:,} bytes{length})")
    elif not in_sums:
        yield Damage(SUMS, f"the line of {found.name} is damaged or missing")
    elif (found.sha256 and actual != found.sha256) or not is_sized:
        yield Damage(job.manifest, f"the row of {found.name} is damaged")


def differing(job: Job, store: Store, shard: Shard) -> list[str]:
    """Make a shard again and return its files that are there with other bytes."""
    made = samples(job, store, shard)
    return [
        name
        for name, data in job.layout.container.contents(job.roster, shard, made)
        if store.size(name) is not None and not store.holds(name, data)
    ]


def _check_rest(job: Job, store: Store, sums: Iterator[bytes]) -> Iterator[Damage]:
    """Check the plan, the record of sources, the index and the manifest by the last sums."""
    index = index_of(job, store, job.manifest)
    if job.checksum == "none":
        if not is_sound(store, job, (journal.read_plan(store) or {})["sources"]):
            yield Damage(SOURCES, "damaged")
        yield from chain.from_iterable(_check_index(store, file) for file in index)
        return
    lines = chain(sums, repeat(b""))
    for name in (PLAN, *extras(job)):
        yield from _check_sum(store, name, next(lines))
    for file in index:
        yield from _check_index(store, file, next(lines))
    yield from _check_sum(store, job.manifest, next(lines))
    if next(lines):
        yield Damage(SUMS, "more lines than files")


def index_of(job: Job, store: Store, manifest: str) -> Iterator[File]:
    """Yield the files of the index as the rows of a manifest make them, right or wrong."""

    def records() -> Iterator[tuple[Shard, Record]]:
        for entry in cut(job, store.lines(manifest), store.lines(SUMS)):
            yield entry.shard, read(job, entry)[0]

    return job.layout.index(catalogue(job, records))


def _check_sum(store: Store, name: str, line: bytes) -> Iterator[Damage]:
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif line != f"{file_hash(store, name)}  {name}\n".encode():
        yield Damage(name, f"its SHA-256 is not the one in {SUMS}")


def _check_index(store: Store, file: File, line: bytes = b"") -> Iterator[Damage]:
    """Compare a file of the index with its line of the sums, or else with what it is made of."""
    name, data = file
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif line != f"{file_hash(store, name)}  {name}\n".encode():
        if not store.holds(name, data):
            yield Damage(name, "it is not what the rows of the manifest make")
        elif line:
            yield Damage(SUMS, f"the line of {name} is damaged or missing")
