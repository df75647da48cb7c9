"""Verify: a finished set against its manifest, its sums and its job.

Sizes and SHA-256 tell every changed bit; of a set without checksums only sizes are told. ``deep``
renders and encodes every image again and compares bytes, so it needs neither hashes nor trust.
"""

import errno
import hashlib
import json
from collections.abc import Container, Iterator
from functools import partial
from itertools import chain, islice, repeat, takewhile
from typing import Any, NamedTuple

from pixelgen import journal
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.journal import JOURNAL, MANIFEST, PLAN, SUMS, file_hash
from pixelgen.layouts import Object, Record, Shard
from pixelgen.manifest import row_writer
from pixelgen.sources import SOURCES, extras, is_sound, recall
from pixelgen.store import LocalStore
from pixelgen.writer import Run, least_work, maker


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


class Task(NamedTuple):
    """A shard with its lines of the manifest and of the sums."""

    shard: Shard
    rows: list[bytes]
    sums: list[bytes]


def planned(store: LocalStore) -> dict[str, Any]:
    """Return the plan of a set; raise Conflict or PixelgenError where there is none."""
    plan = journal.read_plan(store)
    if plan is None and (store.exists(PLAN) or store.exists(MANIFEST)):
        raise Conflict(
            f"{store.path(PLAN)} is missing or empty; put the old one back, or run the command that"
            " makes the set again"
        )
    if plan is None:
        raise PixelgenError(f"{store.root} holds no set of pixelgen's (it has no {PLAN})")
    return plan


def finished_job(store: LocalStore) -> Job:
    """Return the job of a finished set; raise PixelgenError where there is none."""
    plan = planned(store)
    if not store.exists(JOURNAL) and not store.exists(MANIFEST):
        raise Conflict(f"{store.path(MANIFEST)} is missing; 'pixelgen repair' makes it again")
    if not journal.is_finished(store):
        raise PixelgenError(
            f"the set in {store.root} is not finished; run the command that makes it again, or"
            " 'pixelgen repair'"
        )
    return Job.parse(**plan["job"])


def check(job: Job, store: LocalStore, run: Run, *, deep: bool = False) -> Iterator[Checked]:
    """Yield what the check of each shard found, and of the manifest, the sums and the plan."""
    if deep:
        journal.check_encoder(store, job)
    rows, sums = store.lines(MANIFEST), store.lines(SUMS)
    yield from check_shards(job, store, run, cut(job, rows, sums), deep=deep)
    if not run.stopped():
        yield Checked(0, 0, _check_rest(job, store, list(islice(rows, 1)), list(islice(sums, 4))))


def check_shards(
    job: Job, store: LocalStore, run: Run, tasks: Iterator[Task], *, deep: bool = False
) -> Iterator[Checked]:
    """Yield what the check of each shard by its lines found."""
    if not recall(store, job):
        raise Conflict(f"{store.path(SOURCES)} is missing; put it back")
    todo = takewhile(lambda _: not run.stopped(), tasks)
    check_one, work = partial(_check_shard, job, store, deep), least_work(job, job.shard_count)
    yield from run.engine.map(check_one, todo, work=work, jobs=run.workers)


def cut(job: Job, rows: Iterator[bytes], sums: Iterator[bytes]) -> Iterator[Task]:
    """Cut the lines of the manifest and the sums into those of each shard."""
    for shard in job.shards():
        files = sum(1 for _ in job.layout.files(job.names, shard)) if job.checksum != "none" else 0
        images = shard.stop - shard.start
        yield Task(shard, _take(rows, images), _take(sums, files))


def _take(lines: Iterator[bytes], count: int) -> list[bytes]:
    """Take lines, and empty ones where there are too few."""
    return list(islice(chain(lines, repeat(b"")), count))


def _check_shard(job: Job, store: LocalStore, deep: bool, task: Task) -> Checked:
    """Check the rows of a shard, then its files, then (``deep``) its bytes."""
    record, damage = _read_rows(job, task)
    check = _check_hash if job.checksum != "none" else _check_size
    objects = job.layout.objects(job.names, task.shard, record)
    for found, line in zip(objects, chain(task.sums, repeat(b"")), strict=False):
        damage += check(store, found, line)
    if deep:
        known = {name for name, _ in damage}
        wrong = [name for name in differing(job, store, task.shard) if name not in known]
        damage += [Damage(name, "its bytes are not those of the job") for name in wrong]
    return Checked(len(record.sizes), sum(record.sizes), damage, task.shard)


def recorded(job: Job, store: LocalStore, skip: Container[int]) -> Iterator[Record]:
    """Yield the records of a checked set's shards, but for some."""
    for task in cut(job, store.lines(MANIFEST), store.lines(SUMS)):
        if task.shard.number in skip:
            continue
        record, _ = _read_rows(job, task)
        if len(task.sums) == 1:  # it vouches for the shard's file, and so for what is in it
            images = list(job.layout.read(store, job.names, task.shard))
            hashes = [hashlib.sha256(image).hexdigest() for image in images]
            of_file = task.sums[0][:64].decode()
            record = Record(record.shard, [*map(len, images)], hashes, of_file)
        yield record


def _read_rows(job: Job, task: Task) -> tuple[Record, list[Damage]]:
    """Return what the rows say, and those that say anything else than the job does."""
    write = row_writer(job)
    record, damage = Record(task.shard.number, [], []), []
    for index, line in zip(range(*task.shard[1:]), task.rows, strict=True):
        size, sha256 = _facts(line)
        if write(index, size, sha256) != line or bool(sha256) != (job.checksum != "none"):
            damage.append(Damage(MANIFEST, f"the row of image {index} is damaged or missing"))
        record.sizes.append(size)
        if job.checksum != "none":
            record.hashes.append(sha256)
    return record, damage


def _facts(line: bytes) -> tuple[int, str]:
    """Return the size and hash that a row gives; (0, '') if it cannot be read."""
    try:
        row = json.loads(line)
        return int(row["bytes"]), str(row.get("sha256", ""))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return 0, ""


def _check_size(store: LocalStore, found: Object, _: bytes) -> Iterator[Damage]:
    size = store.size(found.name)
    if size is None:
        yield Damage(found.name, "missing, or not a regular file")
    elif size != found.size:
        yield Damage(found.name, f"{size:,} bytes, not {found.size:,}")


def _check_hash(store: LocalStore, found: Object, line: bytes) -> Iterator[Damage]:
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
    if actual != found.sha256 and not in_sums:
        differs = f"its SHA-256 is not that of {MANIFEST if found.sha256 else SUMS}"
        yield Damage(found.name, f"{differs} ({size:,} bytes, should be {found.size:,})")
    elif not in_sums:
        yield Damage(SUMS, f"the line of {found.name} is damaged or missing")
    elif (found.sha256 and actual != found.sha256) or size != found.size:
        yield Damage(MANIFEST, f"the row of {found.name} is damaged")


def differing(job: Job, store: LocalStore, shard: Shard) -> list[str]:
    """Make a shard again and return its files that are there with other bytes."""
    make = maker(job, store)
    samples = ((index, make(index)) for index in range(*shard[1:]))
    return [
        name
        for name, data in job.layout.contents(job.names, shard, samples)
        if store.size(name) is not None and not store.holds(name, data)
    ]


def _check_rest(job: Job, store: LocalStore, rows: list[bytes], sums: list[bytes]) -> list[Damage]:
    """Check what the manifest and the sums hold after the lines of the shards."""
    damage = []
    if rows:
        damage.append(Damage(MANIFEST, "more rows than images"))
    if job.checksum == "none":
        if not is_sound(store, job, (journal.read_plan(store) or {})["sources"]):
            damage.append(Damage(SOURCES, "damaged"))
    else:
        ours = (PLAN, *extras(job), MANIFEST)
        for name, line in zip(ours, chain(sums, repeat(b"")), strict=False):
            if store.size(name) is None:
                damage.append(Damage(name, "missing, or not a regular file"))
            elif line != f"{file_hash(store, name)}  {name}\n".encode():
                damage.append(Damage(name, f"its SHA-256 is not the one in {SUMS}"))
        if len(sums) > len(ours):
            damage.append(Damage(SUMS, "more lines than files"))
    return damage
