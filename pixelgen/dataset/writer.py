"""The writer: it plans, skips what is done, maps the shards over an engine, records each, finishes.

The order of a run is: plan, shards (temporary files, names, journal line), checksums, one sync,
manifest. What a worker does is in :mod:`pixelgen.dataset.worker`.
"""

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, takewhile

from pixelgen.dataset import manifest
from pixelgen.dataset.add_sidecars import add_sidecars
from pixelgen.dataset.journal import Journal, partitions
from pixelgen.dataset.lost_manifest import check_not_lost, check_restorable, restoring_manifest
from pixelgen.dataset.manifest import listed_checksum
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.partition import Partition
from pixelgen.dataset.plan import JOURNAL, PLAN, Plan, checksum_files, is_finished
from pixelgen.dataset.replacement import end_replacement, remove_old_sidecars, replace_files
from pixelgen.dataset.run_config import Fetcher, RunConfig
from pixelgen.dataset.sidecar_files import dataset_folders, sidecar_names
from pixelgen.dataset.source_record import (
    bind_sources,
    check_sources,
    note_newer_labels,
    record_files,
    write_record,
)
from pixelgen.dataset.staging import discard, read_new_plan
from pixelgen.dataset.worker import make_shard
from pixelgen.dataset.worker_check import checked_workers
from pixelgen.dataset.worker_memory import workers_for
from pixelgen.engines import Serial, Work
from pixelgen.errors import Busy, Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import Shard
from pixelgen.storage import PROBE_PREFIX, Store
from pixelgen.storage.lock import lock, remove_stale_lock, shared_lock

_PATIENCE = 10.0  # seconds that another process may take to begin a dataset


@dataclass(frozen=True)
class Outcome:
    """What a run did: images created now and found existing, and bytes created.

    ``digest`` is the id of the dataset's job. Whether the dataset, or the partition, is complete
    now, and whether sidecars were added to it.
    """

    digest: str
    created: int = 0
    existing: int = 0
    bytes: int = 0
    is_complete: bool = True
    has_new_sidecars: bool = False


def write(job: Job, store: Store, run: RunConfig, plan: Plan | None) -> Outcome:
    """Generate a dataset, or resume it; do nothing where it is complete.

    ``plan`` is the one that is there: ``Plan.read(store)``. Sidecars that the dataset lacks are
    added, and those that it has besides are kept.

    Raises:
        Conflict: Where the directory holds another job or another's file under one of the dataset's
            names, or where files of a complete dataset are missing or of another size.
        Busy: Where another process writes to it.
        PixelgenError: Where writing fails.
    """
    wanted = job
    if plan:
        plan.check_usable(job, store)
        layout = plan.job.layout.with_sidecars(job.layout.sidecars)
        wanted = plan.job if layout == plan.job.layout else plan.job.with_layout(layout)
        is_complete = is_finished(store, job)
        if is_complete:
            check_present(plan.job, store)
        check_restorable(plan, wanted, store)
        if is_complete and wanted == plan.job:
            if read_new_plan(plan, store):
                with lock(store):
                    discard(plan, store, run.note)
            note_newer_labels(job, store, run)
            store.touch(job.manifest)
            remove_stale_lock(store)
            return Outcome(plan.digest, existing=len(job))
    wanted = bind_sources(wanted.with_sources(job.sources), store, run, plan)
    check_fetcher(wanted, store, run, plan)
    target = plan.with_layout(wanted.layout) if plan else Plan.of(wanted)
    done = Journal(store, target)
    store.create()
    with lock(store):
        found = Plan.read(store, known=plan)  # another process may have begun it, or ended it
        is_extended = False
        if found:
            found.check_usable(wanted, store)
            check_digest(found, wanted, store)
            is_extended = found.job.layout != wanted.layout
        if found and is_extended:
            store.remove_stale_files("")
            found = add_sidecars(found, wanted, store)
        prepare_or_resume(target, wanted, store, done, found)
        if is_finished(store, wanted):  # by another process, or but for its sidecars
            return Outcome(target.digest, existing=len(wanted), has_new_sidecars=is_extended)
        with restoring_manifest(wanted, store, run.note):
            return resume(target, wanted, store, run, done)


def resume(plan: Plan, job: Job, store: Store, run: RunConfig, done: Journal) -> Outcome:
    """Make the shards of a dataset that are missing, and finish it; the store is locked."""
    with done.opened():
        for partition in partitions(store):
            done.take_over(partition.journal)
        outcome = make_missing(plan, store, run, done)
        if outcome.is_complete:
            complete(job, store, done)
        return outcome


def write_partition(
    job: Job, store: Store, run: RunConfig, plan: Plan | None, partition: Partition
) -> Outcome:
    """Make a partition of a dataset, or resume it, while others may make the other ones.

    :func:`pixelgen.dataset.finish.finish` ends the dataset. Raises what :func:`write` raises; Busy
    only where the same partition is being made, or all of the dataset.
    """
    if plan:
        plan.check_usable(job, store)
        check_not_lost(job, store)
    job = bind_sources(job, store, run, plan)
    target = Plan.of(job)
    done = Journal(store, target, partition)
    store.create()
    plan = _begin_together(target, job, store, done, plan)
    with shared_lock(store), lock(store, partition.lock):
        found = Plan.read(store, known=plan)
        if found:
            found.check_usable(job, store)
            check_digest(found, job, store)
        plan = prepare_or_resume(target, job, store, done, found)
        if is_finished(store, job):
            check_present(job, store)
            return Outcome(plan.digest, existing=partition.images(job))
        _check_begun_alike(job, store, plan)
        with done.opened():
            outcome = make_missing(target, store, run, done)
            if outcome.is_complete and store.durability != "none":
                store.sync()
                done.mark_durable()
        return outcome


def _check_begun_alike(job: Job, store: Store, plan: Plan) -> None:
    """Refuse to make a part of a dataset that was begun with other sidecars, or other versions."""
    if plan.job != job:
        raise Conflict(
            f"{store.root} was begun with other sidecars; give the same --layout to every partition"
        )
    plan.check_same_versions(store.root)


def _begin_together(target: Plan, job: Job, store: Store, done: Journal, plan: Plan | None) -> Plan:
    """Begin the dataset, unless another process does, or has; return its plan."""
    deadline = time.monotonic() + _PATIENCE
    while plan is None:
        try:
            with lock(store):
                prepare_or_resume(target, job, store, done, Plan.read(store))
        except Busy:
            if time.monotonic() > deadline:
                raise
        plan = Plan.read(store, known=target)
    return plan


def check_fetcher(job: Job, store: Store, run: RunConfig, plan: Plan | None) -> None:
    """Raise PixelgenError where images are to be fetched and nothing can fetch them."""
    if job.remote and plan is None:
        from pixelgen.dataset.download_cache import check_download_cache  # rarely needed

        check_download_cache(store, job)
        if len(job):
            _fetcher(job, run).check_first_image()


def check_workers(plan: Plan, store: Store, run: RunConfig) -> None:
    """Raise PixelgenError where a distributed engine has no workers that are fit for a job."""
    if run.engine.distributed and not plan.job.remote:
        with checked_workers(plan.job, store, run.engine) as (_, check):
            work = Work(1, 0.0)
            deque(run.engine.map(str, (), work=work, jobs=run.workers, check=check), maxlen=0)


def prepare_or_resume(
    target: Plan, job: Job, store: Store, done: Journal, found: Plan | None
) -> Plan:
    """Begin a dataset, or prepare to resume the one of the plan ``found``; return its plan.

    Where there are no locks, what is in the way may be this very job's, just begun by another run.

    Raises:
        Conflict: Where neither can be done.
    """
    store.remove_stale_files("")
    if found is None:
        try:
            check_free(target, job, store, done)
            _begin(target, job, store)
        except Conflict:
            found = Plan.read(store)
            if found:
                found.compare(job, store.root)
            if found is None or found.job != job:
                raise
        else:
            return target
    found.check_usable(job, store)
    replace_files(job, store)
    if names := record_files(job):
        check_sources(found, job.sources, store.root)
        if any(store.size(name) is None for name in names):
            write_record(store, job.sources)
    sweep(job, store)
    return found


def check_digest(plan: Plan, job: Job, store: Store) -> None:
    """Refuse an unfinished dataset whose plan was edited: what is done is of another job.

    Raises:
        Conflict: For such a plan, and for other images or labels than the dataset was begun with.
    """
    if plan.digest != job.digest and not is_finished(store, job):
        check_sources(plan, job.sources, store.root)
        raise Conflict(
            f"{store.path(PLAN)} was changed: its digest is not that of its job; restore it, or"
            " choose another directory"
        )


def _begin(plan: Plan, job: Job, store: Store) -> None:
    """Begin the journal, then write the plan: from here on the dataset is in progress."""
    with store.log(JOURNAL):
        pass
    plan.write(store)
    write_record(store, job.sources)


def sweep(job: Job, store: Store) -> None:
    """Remove what dead processes left among the dataset's files."""
    for folder in dataset_folders(job):
        store.remove_stale_files(folder)


def check_free(target: Plan, job: Job, store: Store, done: Journal) -> None:
    """Refuse a directory in which something already bears one of the dataset's names.

    A dataset whose plan is lost is resumed where its journal or its checksums say what it is, or
    where nothing has any content, as after a power cut. Its checksums do not help where images are
    fetched: those that are there could not be compared with the ones that would come.

    Raises:
        Conflict: If a name of the dataset is taken.
    """
    if store.is_known_empty():
        return
    own = hashlib.sha256(target.text).hexdigest()
    if done.is_begun() or (not job.remote and listed_checksum(store, PLAN) == own):
        return
    is_torn = store.is_empty_or_zeros(PLAN)
    foreign = [] if is_torn else [PLAN]
    foreign += (
        [] if store.is_empty_or_zeros(JOURNAL) else [JOURNAL]
    )  # a blank one is our own, just begun
    others = (job.manifest, *checksum_files(job), *record_files(job))
    for name in chain(foreign, others, _planned_files(job, store)):
        if store.exists(name) and not (is_torn and store.is_empty_or_zeros(name)):
            raise Conflict(
                f"{store.path(name)} exists and does not belong to this dataset; move it away, or"
                " choose another directory"
            )


def _planned_files(job: Job, store: Store) -> Iterator[str]:
    """Yield the names of the dataset's files, as far as folders are there for them at all."""
    for names in chain([job.files()], sidecar_names(job)):
        for folder, group in groupby(names, key=lambda name: name.rpartition("/")[0]):
            if folder and not store.exists(folder):
                break
            yield from group


def complete(job: Job, store: Store, done: Journal) -> None:
    """Finish a dataset whose shards are all done."""
    sweep(job, store)  # after workers that were killed
    remove_old_sidecars(job, store, done)
    manifest.publish(job, store, done)
    end_replacement(store)
    for name in (
        *(partition.journal for partition in partitions(store)),
        *store.list_names(PROBE_PREFIX),
    ):
        store.remove(name)
    done.remove()


def make_missing(plan: Plan, store: Store, run: RunConfig, done: Journal) -> Outcome:
    """Make the shards that are missing, unless stopped before."""
    job = plan.job
    existing, created_bytes = done.images, 0
    count = run.partition.images(job) if run.partition else len(job)
    todo: Iterator[Shard] = takewhile(lambda _: not run.stopped(), done.missing())
    if job.remote and done.shards_missing:
        todo = _fetcher(job, run).prepare(plan, store, todo)
    work = least_work(job, done.shards_missing)
    engine = Serial() if job.remote else run.engine  # the download cache holds a shard at a time
    jobs = workers_for(job, run, work.tasks)
    with checked_workers(job, store, engine) as (shared_store, check):
        make = partial(make_shard, plan, shared_store)
        for record in engine.map(make, todo, work=work, jobs=jobs, check=check):
            done.add(record)
            created_bytes += sum(record.sizes)
            run.progress(len(record.sizes), sum(record.sizes), count)
    is_complete = not done.shards_missing
    if not is_complete and not run.stopped():
        raise PixelgenError(f"{done.shards_missing} shards were lost; run the same command again")
    created = done.images - existing
    return Outcome(plan.digest, created, existing, created_bytes, is_complete=is_complete)


def _fetcher(job: Job, run: RunConfig) -> Fetcher:
    if run.fetcher is None:
        raise PixelgenError(
            f"images of this dataset are still to be fetched from {job.remote}: run the 'pixelgen"
            " generate --remote' that began it again"
        )
    return run.fetcher


def least_work(job: Job, shards: int) -> Work:
    """Estimate from below: no machine makes more than 2 GB or 200,000 images a second a core."""
    images = shards * job.shard_size
    return Work(shards, images * max(job.image.bytes / 2e9, 5e-6))
