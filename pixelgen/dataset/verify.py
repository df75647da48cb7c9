"""Verify: a finished dataset against its manifest, its checksums and its job.

Sizes and SHA-256 show every changed bit; of a dataset without checksums only sizes are compared.
``deep`` generates every image again and compares bytes, so it needs neither hashes nor trust.
"""

import errno
import hashlib
from collections.abc import Container, Iterable, Iterator
from functools import partial
from itertools import chain, islice, repeat, takewhile
from typing import NamedTuple

from pixelgen.dataset.existing_plan import check_generated
from pixelgen.dataset.manifest_reader import (
    Aligned,
    ShardLines,
    align_checksums,
    align_rows,
    group_aligned,
    group_by_shard,
    is_checksum_line,
    read_rows,
)
from pixelgen.dataset.plan import PLAN, SUMS, Plan, checksum_files
from pixelgen.dataset.run_config import NO_LIMIT, Damage, RunConfig
from pixelgen.dataset.sidecar_files import sidecar_files, sidecar_names
from pixelgen.dataset.source_record import (
    SOURCES,
    intact_records,
    job_with_sources,
    name_sources,
    read_existing_record,
    record_files,
)
from pixelgen.dataset.worker import make_samples
from pixelgen.dataset.worker_memory import workers_for
from pixelgen.dataset.writer import least_work
from pixelgen.job import Job
from pixelgen.layouts import File, FileEntry, Sample, Shard, ShardRecord
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of


class CheckResult(NamedTuple):
    """What a check found: the images and bytes it covered, the damage, and the shard if any.

    ``links`` of the files that it covered are links, which it followed.
    """

    images: int
    bytes: int
    damage: list[Damage]
    shard: Shard | None = None
    links: int = 0


class Extent(NamedTuple):
    """How far a check goes: whether images are generated again, and the most damages of a shard."""

    deep: bool = False
    most: int = NO_LIMIT


EVERYTHING = Extent()


def check(
    plan: Plan, store: Store, run: RunConfig, *, deep: bool = False, most: int = NO_LIMIT
) -> Iterator[CheckResult]:
    """Yield what the check of each shard found, and of the manifest, the checksums and the plan.

    Of one shard at most ``most`` damages are listed.

    Raises:
        Conflict: For a ``deep`` check of images that cannot be generated here again.
    """
    job = plan.job
    if deep:
        check_generated(job, store)
        plan.check_remakeable(store.root)
    sources = read_existing_record(store, job)
    if sources.digests != plan.sources:
        # The rows name images of the record, so that all would seem damaged.
        what = f"it lists other {name_sources(job)} than the plan was made with"
        yield CheckResult(0, 0, [Damage(SOURCES, what)])
        return
    job = job.with_sources(sources)
    rows = align_rows(job, store.lines(job.manifest))
    sums = None
    if checksum_files(job) and store.size(SUMS) is None:
        yield CheckResult(0, 0, [Damage(SUMS, "missing, or not a regular file")])
    elif checksum_files(job):
        sums = align_checksums(chain(job.files(), _other_names(job)), store.lines(SUMS))
    are_rows_right = True
    entries = group_aligned(job, rows, sums)
    for checked in check_shards(plan, store, run, entries, Extent(deep, most)):
        are_rows_right &= all(name != job.manifest for name, _ in checked.damage)
        yield checked
    if run.stopped():
        return
    rest = _check_rest(plan, job, store, sums)
    ends = _check_ends(job, store, rows, sums, are_rows_right)
    damage = list(islice(chain(rest, ends), most))
    links = store.count_links(chain(_other_names(job), checksum_files(job)))
    yield CheckResult(0, 0, damage, links=links)


def check_shards(
    plan: Plan,
    store: Store,
    run: RunConfig,
    lines: Iterator[ShardLines],
    extent: Extent = EVERYTHING,
) -> Iterator[CheckResult]:
    """Yield what the check of each shard by its lines found."""
    todo = takewhile(lambda _: not run.stopped(), lines)
    work = least_work(plan.job, plan.job.shard_count)
    check_one = partial(_check_shard, plan, store, extent)
    jobs = workers_for(plan.job, run, work.tasks) if extent.deep else run.workers
    yield from run.engine.map(check_one, todo, work=work, jobs=jobs)


def _check_shard(plan: Plan, store: Store, extent: Extent, entry: ShardLines) -> CheckResult:
    """Check the rows of a shard, then its files, then (``deep``) its bytes."""
    job = job_with_sources(plan, store)
    record, wrong = read_rows(job, entry)
    with store.opened() as opened:
        damage = list(islice(_check_lines(job, opened, entry, record, wrong), extent.most))
        links = opened.count_links(job.layout.container.files(job.info, entry.shard))
    if extent.deep and len(damage) < extent.most:
        known = {name for name, _ in damage}
        made = make_samples(plan, store, entry.shard)
        differ = [name for name in differing(job, store, entry.shard, made) if name not in known]
        damage += [
            Damage(name, "its bytes differ from those that the job makes") for name in differ
        ]
    return CheckResult(len(record.sizes), sum(record.sizes), damage, entry.shard, links)


def _check_lines(
    job: Job, store: Store, entry: ShardLines, record: ShardRecord, wrong: list[int]
) -> Iterator[Damage]:
    """Check the rows of a shard, and its files by their rows and lines of SHA256SUMS."""
    rows = dict(zip(entry.shard.indices, entry.rows, strict=True)) if wrong else {}
    for index in wrong:
        what = "is damaged" if rows[index] else "is missing"
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
    for index, found in zip(shard.indices, files, strict=False):
        is_unknown = bool(unknown) if is_one_file else index in unknown
        yield FileEntry(found.name, None, "") if is_unknown else found


def checked_records(job: Job, store: Store, skip: Container[int]) -> Iterator[ShardRecord]:
    """Yield the records of the shards of a dataset that was checked, but for some."""
    for entry in group_by_shard(job, store.lines(job.manifest), store.lines(SUMS)):
        if entry.shard.number in skip:
            continue
        record, _ = read_rows(job, entry)
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
    """Compare a file with its row and its line of SHA256SUMS; what two agree on is right.

    The line is None where the file does not exist.

    Raises:
        OSError: If the file cannot be read for another reason than a failing disk.
    """
    size = store.size(found.name)
    if size is None:
        yield Damage(found.name, "missing, or not a regular file")
        return
    try:
        actual = sha256_of(store.chunks(found.name))
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        yield Damage(found.name, "the disk cannot read it")
        return
    length = "" if found.size in (None, size) else f", should be {found.size:,}"
    if actual == found.sha256 or line == f"{actual}  {found.name}\n".encode():
        yield from _check_lists(job, found, line, FileEntry(found.name, size, actual))
    elif found.sha256 or (line and is_checksum_line(line, found.name)):
        differs = f"its SHA-256 is not that of {job.manifest if found.sha256 else SUMS}"
        yield Damage(found.name, f"{differs} ({size:,} bytes{length})")
    elif length:  # and its SHA-256 is unknown
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


def _check_rest(plan: Plan, job: Job, store: Store, sums: Aligned[str] | None) -> Iterator[Damage]:
    """Check the plan, the record of sources and the sidecars, each by its line of SHA256SUMS."""
    if sums is None:
        intact = intact_records(store, plan)
        yield from (Damage(name, "damaged") for name in record_files(job) if name not in intact)
    else:
        for name in (PLAN, *record_files(job)):
            yield from _check_sum(store, name, next(sums)[1])
    for file in listed_sidecars(job, store, job.manifest):
        yield from _check_sidecar(store, file, next(sums)[1] if sums else None)


def _check_ends(
    job: Job, store: Store, rows: Aligned[int], sums: Aligned[str] | None, are_rows_right: bool
) -> Iterator[Damage]:
    """Check the manifest by SHA256SUMS, and that neither has extra lines."""
    line = next(sums)[1] if sums else None
    if rows.has_more():
        yield Damage(job.manifest, "more rows than images")
    elif line is not None and are_rows_right:  # a damaged row is reported by itself
        yield from _check_sum(store, job.manifest, line)
    if sums and sums.has_more():
        yield Damage(SUMS, "more lines than files")


def _other_names(job: Job) -> Iterator[str]:
    """Yield the names in SHA256SUMS after those of the files that hold images."""
    yield from (PLAN, *record_files(job))
    yield from chain.from_iterable(sidecar_names(job))
    yield job.manifest


def listed_sidecars(job: Job, store: Store, manifest: str) -> Iterator[File]:
    """Yield the sidecars' files as the rows of a manifest make them, right or wrong."""

    def records() -> Iterator[tuple[Shard, ShardRecord]]:
        for entry in group_by_shard(job, store.lines(manifest), store.lines(SUMS)):
            yield entry.shard, read_rows(job, entry)[0]

    return sidecar_files(job, records)


def _check_sum(store: Store, name: str, line: bytes) -> Iterator[Damage]:
    """Compare a file with its line of SHA256SUMS, which may be what is wrong."""
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif not is_checksum_line(line, name):
        yield Damage(SUMS, f"the line of {name} is {'damaged' if line else 'missing'}")
    elif line != f"{sha256_of(store.chunks(name))}  {name}\n".encode():
        yield Damage(name, f"its SHA-256 is not the one in {SUMS}")


def _check_sidecar(store: Store, file: File, line: bytes | None) -> Iterator[Damage]:
    """Compare a sidecar's file with its line of SHA256SUMS, or else with what it is made of."""
    name, data = file
    if store.size(name) is None:
        yield Damage(name, "missing, or not a regular file")
    elif line != f"{sha256_of(store.chunks(name))}  {name}\n".encode():
        if not store.content_equals(name, data):
            yield Damage(name, "it does not match the rows of the manifest")
        elif line is not None:
            yield Damage(SUMS, f"the line of {name} is {'damaged' if line else 'missing'}")
