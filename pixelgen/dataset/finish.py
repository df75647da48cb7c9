"""Finish: make one set of what portions of it have done, in one place or in several."""

from collections.abc import Iterator, Sequence

from pixelgen.dataset import journal
from pixelgen.dataset.journal import JOURNAL, Journal, file_hash
from pixelgen.dataset.manifest_reader import recorded
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.partition import abbreviate_ranges
from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.source_record import recall
from pixelgen.dataset.verify import planned
from pixelgen.dataset.writer import Outcome, complete, settle
from pixelgen.errors import Conflict, PixelgenError, shell_path
from pixelgen.job import Job
from pixelgen.layouts import FileEntry, ShardRecord
from pixelgen.storage import Store
from pixelgen.storage.lock import lock


def planned_job(places: Sequence[Store]) -> Job:
    """Return the job that all places are of, of which the first may be empty.

    Raises PixelgenError where one holds no set, Conflict where one holds another's.
    """
    is_new = len(places) > 1 and places[0].size(PLAN) is None
    first, *others = places[is_new:]
    plan = planned(first)
    for place in others:
        there = planned(place)
        there.check_is_of(plan.job, place.root)
        if there.sources != plan.sources:
            raise Conflict(f"{place.root} is made from other images than {first.root}")
    return plan.job


def finish(job: Job, places: Sequence[Store]) -> Outcome:
    """Bring what the other places hold to the first, and end the set there if it is complete.

    The other places stay as they are. Makes no image: raises PixelgenError, which names what is
    missing, where there is any. What was brought stays, and is not brought again.
    """
    store, *others = places
    if journal.matching_plan(store, job) and journal.is_finished(store, job):
        check_present(job, store)
        return Outcome(found=job.count)
    for place in places:
        if plan := journal.matching_plan(place, job):
            plan.check_same_versions(place.root)
    if others:
        recall(others[0], job)  # so that a set may be begun where its source is not
    done = Journal(store, job)
    store.create()
    with lock(store):
        settle(job, store, done)
        with done.opened():
            for partition in journal.others(store):
                done.take_over(partition.journal)
            found = done.images
            for place in others:
                _bring_all(job, store, place, done)
            if done.shards_missing:
                raise PixelgenError(_told(store, job, done, totals(places)))
            complete(job, store, done)
    return Outcome(done.images - found, found)


def _bring_all(job: Job, store: Store, place: Store, done: Journal) -> None:
    """Bring the shards that another place has."""
    for record in _records(job, place):
        if not done.has(record.shard):
            shard = job.shard(record.shard)
            for file in job.layout.container.file_entries(job.info, shard, record):
                _bring(job, store, place, file)
            done.add(record)


def _records(job: Job, place: Store) -> Iterator[ShardRecord]:
    if journal.is_finished(place, job):
        yield from (record for _, record in recorded(job, place))
        return
    there = Journal(place, job)
    for name in (JOURNAL, *(partition.journal for partition in journal.others(place))):
        yield from there.told(name)


def _bring(job: Job, store: Store, place: Store, file: FileEntry) -> None:
    """Copy a file, once it was seen to be what the record says."""
    is_there = place.size(file.name) is not None and file.size in (None, place.size(file.name))
    if not is_there or (file.sha256 and file_hash(place, file.name) != file.sha256):
        raise Conflict(f"{place.path(file.name)} is missing or damaged; {_way_back(job, place)}")
    store.put(file.name, place.chunks(file.name))


def _way_back(job: Job, place: Store) -> str:
    """Say what brings back a file of a place."""
    if job.remote:
        return "put the old one back"
    if journal.is_finished(place, job):
        return f"to make it again, run: pixelgen repair {shell_path(place.root)}"
    return "remove it, and run the command that made it again"


def totals(places: Sequence[Store]) -> set[int]:
    """Return in how many portions the set is made, as far as there are journals of such."""
    return {partition.total for place in places for partition in journal.others(place)}


def partitions_missing(done: Journal, total: int) -> list[int]:
    """Return the numbers of the portions, of so many, that are not complete."""
    return sorted({shard.number % total + 1 for shard in done.missing()})


def _told(store: Store, job: Job, done: Journal, of: set[int]) -> str:
    """Say what is missing, and how it is made."""
    missing = abbreviate_ranges(shard.number for shard in done.missing())
    way = "run the command that makes the dataset again"
    if len(of) == 1:
        (total,) = of
        jobs = abbreviate_ranges(partitions_missing(done, total))
        way = f"run the command with --shard I/{total} again for I = {jobs}"
    return (
        f"{done.shards_missing:,} of {job.shard_count:,} shards are missing in {store.root}, those"
        f" numbered {missing}; {way}, then this command"
    )
