"""Finish: make one dataset of what partitions of it have done, in one place or in several."""

from collections.abc import Iterator, Sequence

from pixelgen.dataset.existing_plan import read_plan
from pixelgen.dataset.journal import Journal, partitions
from pixelgen.dataset.lost_manifest import check_not_lost
from pixelgen.dataset.manifest_reader import read_records
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.partition import abbreviate_ranges
from pixelgen.dataset.plan import JOURNAL, PLAN, Plan, is_finished
from pixelgen.dataset.source_record import (
    name_changed_sources,
    read_sources,
    read_sources_to_copy,
)
from pixelgen.dataset.writer import Outcome, check_digest, complete, prepare_or_resume
from pixelgen.errors import Conflict, PixelgenError, shell_path
from pixelgen.job import Job
from pixelgen.layouts import FileEntry, ShardRecord
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of
from pixelgen.storage.lock import lock


def read_common_plan(places: Sequence[Store]) -> Plan:
    """Return the plan that all places have, of which the first may be empty.

    Raises:
        BadValue: Where one holds no dataset.
        Conflict: Where one holds another's.
    """
    is_new = len(places) > 1 and places[0].size(PLAN) is None
    first, *others = places[is_new:]
    plan = read_plan(first)
    for place in others:
        there = read_plan(place)
        there.check_usable(plan.job, place)
        there.check_same_versions(place.root)
        if there.sources != plan.sources:
            what = name_changed_sources(plan.job, first, place)
            raise Conflict(
                f"{place.root} is made from other {what} than {first.root}; remove the one whose"
                f" {what} are out of date, and run the command that made it again"
            )
    return plan


def finish(plan: Plan, places: Sequence[Store]) -> Outcome:
    """Copy what the other places hold to the first, and end the dataset there if it is complete.

    The other places stay as they are. Generates no image. What was copied stays, and is not
    copied again.

    Raises:
        PixelgenError: If something is missing, which it names.
    """
    store, *others = places
    is_begun = store.size(PLAN) is not None
    if is_begun and is_finished(store, plan.job):
        check_present(plan.job, store)
        return Outcome(plan.digest, existing=len(plan.job))
    if is_begun:
        check_not_lost(plan.job, store)
    plan.check_resumable(store.root)
    plan.check_same_versions(store.root)
    job = read_sources(plan, store) if is_begun else read_sources_to_copy(plan, others[0], store)
    done = Journal(store, plan)
    store.create()
    with lock(store):
        found = Plan.read(store, known=plan)
        check_digest(plan, job, store)
        prepare_or_resume(plan, job, store, done, found)
        with done.opened():
            for partition in partitions(store):
                done.take_over(partition.journal)
            existing = done.images
            for place in others:
                _copy_all(job, store, place, plan, done)
            if done.shards_missing:
                raise PixelgenError(_describe_missing(store, job, done, totals(places)))
            complete(job, store, done)
    return Outcome(plan.digest, done.images - existing, existing)


def _copy_all(job: Job, store: Store, place: Store, plan: Plan, done: Journal) -> None:
    """Copy the shards that another place has."""
    with place.opened() as opened:
        for record in _records(job, opened, plan):
            if not done.has(record.shard):
                shard = job.shard(record.shard)
                for file in job.layout.container.file_entries(job.info, shard, record):
                    _copy(job, store, opened, file)
                done.add(record)


def _records(job: Job, place: Store, plan: Plan) -> Iterator[ShardRecord]:
    if is_finished(place, job):
        yield from (record for _, record in read_records(job, place))
        return
    there = Journal(place, plan)
    for name in (JOURNAL, *(partition.journal for partition in partitions(place))):
        yield from there.records_in(name)


def _copy(job: Job, store: Store, place: Store, file: FileEntry) -> None:
    """Copy a file, once it was found to be what the record says."""
    is_there = place.size(file.name) is not None and file.size in (None, place.size(file.name))
    if not is_there or (file.sha256 and sha256_of(place.chunks(file.name)) != file.sha256):
        raise Conflict(f"{place.path(file.name)} is missing or damaged; {_way_back(job, place)}")
    store.put(file.name, place.chunks(file.name))


def _way_back(job: Job, place: Store) -> str:
    """Say what brings back a file of a place."""
    if job.remote:
        return "restore it"
    if is_finished(place, job):
        return f"to make it again, run: pixelgen repair {shell_path(place.root)}"
    return "remove it, and run the command that made it again"


def totals(places: Sequence[Store]) -> set[int]:
    """Return in how many partitions the dataset is made, as far as there are journals of such."""
    return {partition.total for place in places for partition in partitions(place)}


def partitions_missing(done: Journal, total: int) -> list[int]:
    """Return the numbers of the partitions, of so many, that are not complete."""
    return sorted({shard.number % total + 1 for shard in done.missing()})


def _describe_missing(store: Store, job: Job, done: Journal, of: set[int]) -> str:
    """Say what is missing, and how it is made."""
    missing = abbreviate_ranges(shard.number for shard in done.missing())
    way = "run the command that makes the dataset again"
    if len(of) == 1:
        (total,) = of
        jobs = abbreviate_ranges(partitions_missing(done, total))
        way = f"run the command with --partition I/{total} again for I = {jobs}"
    return (
        f"{done.shards_missing:,} of {job.shard_count:,} shards are missing in {store.root}, those"
        f" numbered {missing}; {way}, then this command"
    )
