"""Verify: a finished set against its manifest, its sums and its job.

Sizes and SHA-256 tell every changed bit; of a set without checksums only sizes are told. ``deep``
renders and encodes every image again and compares bytes, so it needs neither hashes nor trust.
"""

import errno
import hashlib
from collections.abc import Container, Iterable, Iterator
from functools import partial
from itertools import chain, islice, repeat, takewhile
from typing import NamedTuple

from pixelgen.dataset import journal
from pixelgen.dataset.journal import JOURNAL, SUMS, file_hash, sums_of
from pixelgen.dataset.manifest_reader import (
    Aligned,
    Entry,
    cut,
    cut_aligned,
    is_sum,
    read,
    rows_of,
    sums_of_files,
)
from pixelgen.dataset.plan import PLAN, Plan, read_plan
from pixelgen.dataset.sidecar_files import index_names, manifest_view
from pixelgen.dataset.source_record import SOURCES, digests, extras, is_sound, recall
from pixelgen.dataset.writer import Run, least_work, samples
from pixelgen.errors import BadValue, Conflict, PixelgenError, shell_path
from pixelgen.job import Job
from pixelgen.layouts import File, FileEntry, Sample, Shard, ShardRecord
from pixelgen.storage import Store

MANIFESTS = ("metadata.jsonl", "manifest.jsonl")
NO_LIMIT = 1 << 62


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


class Extent(NamedTuple):
    """How far a check goes: whether images are made again, and the most damages of a shard."""

    deep: bool = False
    most: int = NO_LIMIT


EVERYTHING = Extent()


def planned(store: Store) -> Plan:
    """Return the plan of a set; raise Conflict or PixelgenError where there is none."""
    plan = read_plan(store)
    if plan is None and any(map(store.exists, (PLAN, *MANIFESTS))):
        raise Conflict(f"{store.path(PLAN)} is missing or empty; {_way_to_plan(store)}")
    if plan is None:
        raise PixelgenError(f"{store.root} holds no set of pixelgen's (it has no {PLAN})")
    return plan


def _way_to_plan(store: Store) -> str:
    """Say what brings back a plan that is lost; only a journal or sums tell what it was."""
    if not any(map(store.exists, (JOURNAL, SUMS))):
        return "put the old one back, or move the dataset away"
    return (
        "put the old one back or, unless its images were fetched with --remote, run the command"
        " that made the dataset again, with the same seed and all sidecars"
    )


def finished_plan(store: Store) -> Plan:
    """Return the plan of a finished set; raise PixelgenError where there is none."""
    plan = planned(store)
    job = plan.job
    if not store.exists(JOURNAL) and store.size(job.manifest) is None:
        raise Conflict(f"{store.path(job.manifest)} is {_way_to_manifest(store, job)}")
    if not journal.is_finished(store, job):
        way = "" if job.remote else f", or: pixelgen repair {shell_path(store.root)}"
        raise PixelgenError(
            f"the set in {store.root} is not finished; run the command that makes it again{way}"
        )
    return plan


def _way_to_manifest(store: Store, job: Job) -> str:
    """Say what is wrong with a manifest that is not there, and what brings it back."""
    is_there = store.exists(job.manifest)
    what = "not a regular file" if is_there else "missing"
    if job.remote:
        return f"{what}; move the set away"
    if is_there:
        return f"{what}; move it away, then run: pixelgen repair {shell_path(store.root)}"
    return f"{what}; to write it again, run: pixelgen repair {shell_path(store.root)}"


def check_remade(job: Job, store: Store) -> None:
    """Raise BadValue where images cannot be made again, to compare or to replace others.

    Raises what :func:`finished_plan` does where they are not all there yet.
    """
    if job.remote:
        finished_plan(store)
        raise BadValue(
            f"the images in {store.root} came from {job.remote} and cannot be made again; to have"
            " others fetched, move the dataset away; to check these by their SHA-256, run: pixelgen"
            f" verify {shell_path(store.root)}"
        )


def check(
    plan: Plan, store: Store, run: Run, *, deep: bool = False, most: int = NO_LIMIT
) -> Iterator[Checked]:
    """Yield what the check of each shard found, and of the manifest, the sums and the plan.

    Of one shard at most so many damages are told. Raises Conflict for a ``deep`` check of images
    that cannot be made here again.
    """
    job = plan.job
    if deep:
        check_remade(job, store)
        plan.check_remakeable(store.root)
    if job.sources and recall(store, job) and digests(job) != list(plan.sources):
        # The rows name images of the record, so that all would seem damaged.
        yield Checked(0, 0, [Damage(SOURCES, "it lists other images than the plan was made with")])
        return
    rows = rows_of(job, store.lines(job.manifest))
    sums = None
    if sums_of(job) and store.size(SUMS) is None:
        yield Checked(0, 0, [Damage(SUMS, "missing, or not a regular file")])
    elif sums_of(job):
        sums = sums_of_files(chain(job.files(), _other_names(job)), store.lines(SUMS))
    are_rows_right = True
    entries = cut_aligned(job, rows, sums)
    for checked in check_shards(job, store, run, entries, Extent(deep, most)):
        are_rows_right &= all(name != job.manifest for name, _ in checked.damage)
        yield checked
    if run.stopped():
        return
    damage = chain(
        _check_rest(plan, store, sums), _check_ends(job, store, rows, sums, are_rows_right)
    )
    yield Checked(0, 0, list(islice(damage, most)))


def check_shards(
    job: Job, store: Store, run: Run, entries: Iterator[Entry], extent: Extent = EVERYTHING
) -> Iterator[Checked]:
    """Yield what the check of each shard by its lines found."""
    if not recall(store, job):
        raise Conflict(f"{store.path(SOURCES)} is missing; put it back")
    todo = takewhile(lambda _: not run.stopped(), entries)
    check_one, work = partial(_check_shard, job, store, extent), least_work(job, job.shard_count)
    yield from run.engine.map(check_one, todo, work=work, jobs=run.workers)


def _check_shard(job: Job, store: Store, extent: Extent, entry: Entry) -> Checked:
    """Check the rows of a shard, then its files, then (``deep``) its bytes."""
    record, wrong = read(job, entry)
    damage = list(islice(_check_lines(job, store, entry, record, wrong), extent.most))
    if extent.deep and len(damage) < extent.most:
        known = {name for name, _ in damage}
        made = samples(job, store, entry.shard)
        differ = [name for name in differing(job, store, entry.shard, made) if name not in known]
        damage += [Damage(name, "its bytes are not those of the job") for name in differ]
    return Checked(len(record.sizes), sum(record.sizes), damage, entry.shard)


def _check_lines(
    job: Job, store: Store, entry: Entry, record: ShardRecord, wrong: list[int]
) -> Iterator[Damage]:
    """Check the rows of a shard, and its files by their rows and lines of the sums."""
    for index in wrong:
        what = "is damaged" if entry.rows[index - entry.shard.start] else "is missing"
        yield Damage(job.manifest, f"the row of image {index} {what}")
    has_hashes = job.checksum != "none"
    files = _trusted(job, entry.shard, record, wrong)
    for found, line in zip(files, entry.sums or repeat(None), strict=False):
        yield from _check_hash(store, job, found, line) if has_hashes else _check_size(store, found)


def _trusted(job: Job, shard: Shard, record: ShardRecord, wrong: list[int]) -> Iterator[FileEntry]:
    """Yield a shard's files with what its record knows of each, but for what wrong rows say."""
    is_one_file = len(record.sizes) != sum(1 for _ in job.layout.container.files(job.info, shard))
    unknown = set(wrong)
    files = job.layout.container.file_entries(job.info, shard, record)
    for index, found in enumerate(files, shard.start):
        is_unknown = bool(unknown) if is_one_file else index in unknown
        yield FileEntry(found.name, None, "") if is_unknown else found


def recorded(job: Job, store: Store, skip: Container[int]) -> Iterator[ShardRecord]:
    """Yield the records of a checked set's shards, but for some."""
    for entry in cut(job, store.lines(job.manifest), store.lines(SUMS)):
        if entry.shard.number in skip:
            continue
        record, _ = read(job, entry)
        if len(entry.sums) == 1:  # it vouches for the shard's file, and so for what is in it
            images = list(job.layout.container.read(store, job.info, entry.shard))
            hashes = [hashlib.sha256(image).hexdigest() for image in images]
            of_file = entry.sums[0][:64].decode()
            record = ShardRecord(record.shard, [*map(len, images)], hashes, 0, of_file)
        yield record


def _check_size(store: Store, found: FileEntry) -> Iterator[Damage]:
    size = store.size(found.name)
    if size is None:
        yield Damage(found.name, "missing, or not a regular file")
    elif found.size is not None and size != found.size:
        yield Damage(found.name, f"{size:,} bytes, not {found.size:,}")


def _check_hash(store: Store, job: Job, found: FileEntry, line: bytes | None) -> Iterator[Damage]:
    """Compare a file with its row and its line of the sums; what two agree on is right.

    The line is None where there are no sums.
    """
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
    length = "" if found.size in (None, size) else f", should be {found.size:,}"
    if actual == found.sha256 or line == f"{actual}  {found.name}\n".encode():
        yield from _check_lists(job, found, line, FileEntry(found.name, size, actual))
    elif found.sha256 or (line and is_sum(line, found.name)):
        differs = f"its SHA-256 is not that of {job.manifest if found.sha256 else SUMS}"
        yield Damage(found.name, f"{differs} ({size:,} bytes{length})")
    elif length:  # and nothing tells its SHA-256
        yield Damage(found.name, f"{size:,} bytes{length}")
    elif line is not None:
        yield Damage(SUMS, f"the line of {found.name} is {'damaged' if line else 'missing'}")


def _check_lists(
    job: Job, listed: FileEntry, line: bytes | None, true: FileEntry
) -> Iterator[Damage]:
    """Compare what the lists say of a file that is right with what is true."""
    if line not in (None, f"{true.sha256}  {true.name}\n".encode()):
        yield Damage(SUMS, f"the line of {true.name} is {'damaged' if line else 'missing'}")
    elif listed.sha256 not in ("", true.sha256) or listed.size not in (None, true.size):
        yield Damage(job.manifest, f"the row of {true.name} is damaged")


def differing(job: Job, store: Store, shard: Shard, made: Iterable[Sample]) -> list[str]:
    """Return the files of a shard that are there with other bytes than images that were made."""
    return [
        name
        for name, data in job.layout.container.contents(job.info, shard, made)
        if store.size(name) is not None and not store.content_equals(name, data)
    ]


def _check_rest(plan: Plan, store: Store, sums: Aligned[str] | None) -> Iterator[Damage]:
    """Check the plan, the record of sources and the index, each by its line of the sums."""
    job = plan.job
    if sums is None:
        if not is_sound(store, job, plan.sources):
            yield Damage(SOURCES, "damaged")
    else:
        for name in (PLAN, *extras(job)):
            yield from _check_sum(store, name, next(sums)[1])
    for file in index_of(job, store, job.manifest):
        yield from _check_index(store, file, next(sums)[1] if sums else None)


def _check_ends(
    job: Job, store: Store, rows: Aligned[int], sums: Aligned[str] | None, are_rows_right: bool
) -> Iterator[Damage]:
    """Check that the manifest is the one of the sums, and that neither has lines too many."""
    line = next(sums)[1] if sums else None
    if rows.has_more():
        yield Damage(job.manifest, "more rows than images")
    elif line is not None and are_rows_right:  # a damaged row is told by itself
        yield from _check_sum(store, job.manifest, line)
    if sums and sums.has_more():
        yield Damage(SUMS, "more lines than files")


def _other_names(job: Job) -> Iterator[str]:
    """Yield the names in the sums after those of the files that hold images."""
    yield from (PLAN, *extras(job))
    yield from chain.from_iterable(index_names(job))
    yield job.manifest


def index_of(job: Job, store: Store, manifest: str) -> Iterator[File]:
    """Yield the files of the index as the rows of a manifest make them, right or wrong."""

    def records() -> Iterator[tuple[Shard, ShardRecord]]:
        for entry in cut(job, store.lines(manifest), store.lines(SUMS)):
            yield entry.shard, read(job, entry)[0]

    return job.layout.index(manifest_view(job, records))


def _check_sum(store: Store, name: str, line: bytes) -> Iterator[Damage]:
    """Compare a file with its line of the sums, which may be what is wrong."""
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif not is_sum(line, name):
        yield Damage(SUMS, f"the line of {name} is {'damaged' if line else 'missing'}")
    elif line != f"{file_hash(store, name)}  {name}\n".encode():
        yield Damage(name, f"its SHA-256 is not the one in {SUMS}")


def _check_index(store: Store, file: File, line: bytes | None) -> Iterator[Damage]:
    """Compare a file of the index with its line of the sums, or else with what it is made of."""
    name, data = file
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif line != f"{file_hash(store, name)}  {name}\n".encode():
        if not store.content_equals(name, data):
            yield Damage(name, "it is not what the rows of the manifest make")
        elif line is not None:
            yield Damage(SUMS, f"the line of {name} is {'damaged' if line else 'missing'}")
