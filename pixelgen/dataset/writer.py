"""The fan-out: plan, skip what is done, map the shards over an engine, record each, finish.

Nothing mutable crosses a process: a worker needs the job, the store and a shard, and answers with
the sizes and hashes of what it published. The order of a run is: plan, shards (temporary files,
names, journal line), sums, one sync, manifest.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain, groupby, takewhile
from typing import Protocol

from pixelgen.dataset import journal, manifest, source_record
from pixelgen.dataset.add_sidecars import extend
from pixelgen.dataset.journal import JOURNAL, Journal, matching_plan
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.partition import Partition
from pixelgen.dataset.plan import PLAN, Plan
from pixelgen.dataset.sidecar_files import folders, index_names
from pixelgen.dataset.worker_check import agreed
from pixelgen.engines import Engine, Local, Serial, Work, cores
from pixelgen.errors import Busy, Conflict, PixelgenError
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard, ShardRecord
from pixelgen.storage import PROBE_PREFIX, Store
from pixelgen.storage.lock import lock, remove_stale_lock, shared_lock

_PATIENCE = 10.0  # seconds that another process may take to begin a set


@dataclass(frozen=True)
class Outcome:
    """What a run did: images made now and found done, and bytes made.

    Whether the set is whole, and whether sidecars were added to it.
    """

    made: int = 0
    found: int = 0
    bytes: int = 0
    complete: bool = True
    extended: bool = False


class Source(Protocol):
    """Where images come from that are not made here; see :mod:`pixelgen.dataset.fetch`."""

    def check_first_image(self) -> None:
        """Raise PixelgenError where it gives none, before anything is written."""

    def prepare(self, job: Job, store: Store, shards: Iterable[Shard]) -> Iterator[Shard]:
        """Yield each shard once its images are in the download cache."""


@dataclass(frozen=True)
class Run:
    """How to run a job, whatever the job.

    ``jobs`` workers (0: as many as there are processors); ``progress`` is told the images and bytes
    of each shard; once ``stopped`` is true no further shard is begun. Jobs of images that are not
    made here need a ``source``. With ``skip_damaged``, source images that cannot be decoded are
    left out, and ``note`` is told which.
    """

    engine: Engine = Local()
    jobs: int = 0
    progress: Callable[[int, int], object] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False
    source: Source | None = None
    skip_damaged: bool = False
    note: Callable[[str], object] = lambda _: None

    @property
    def workers(self) -> int:
        """The number of workers."""
        return self.jobs or cores()


def write(job: Job, store: Store, run: Run) -> Outcome:
    """Bring a set into being, or go on with it; do nothing where it is complete.

    Sidecars that it lacks are added to it, and those that it has besides are kept. Raises Conflict
    where the directory holds another job or a file of somebody else's under one of the set's names,
    or where files of a complete set are missing or of another size;
    Busy where another process writes to it, PixelgenError where writing fails.
    """
    plan = matching_plan(store, job)
    if plan:
        job = replace(job, layout=job.layout.with_sidecars(plan.job.layout.sidecars))
        is_finished = journal.is_finished(store, job)
        if is_finished:
            check_present(plan.job, store)
        if is_finished and plan.job == job:
            store.touch(job.manifest)
            remove_stale_lock(store)
            return Outcome(found=job.count)
    done = Journal(store, job)
    _look(job, store, run)
    store.create()
    with lock(store):
        plan = matching_plan(store, job)  # another process may have begun it, or ended it
        extended = plan is not None and plan.job != job
        if plan and extended:
            store.remove_stale_files("")
            journal.settle_sources(store, plan)
            extend(plan, job, store)
        settle(job, store, done)
        if journal.is_finished(store, job):  # by another process, or but for its sidecars
            return Outcome(found=job.count, extended=extended)
        with done.opened():
            for partition in journal.others(store):
                done.take_over(partition.journal)
            outcome = _make(job, store, run, done)
            if outcome.complete:
                complete(job, store, done)
            return outcome


def write_partition(job: Job, store: Store, run: Run, partition: Partition) -> Outcome:
    """Make a portion of a set, or go on with it, while others may make the other ones.

    :func:`pixelgen.dataset.finish.finish` ends the set. Raises what :func:`write` raises; Busy
    only where the same portion is being made, or all of the set.
    """
    done = Journal(store, job, partition)
    _look(job, store, run)
    store.create()
    _begin_together(job, store, done)
    with shared_lock(store), lock(store, partition.lock):
        settle(job, store, done)
        if journal.is_finished(store, job):
            check_present(job, store)
            return Outcome(found=partition.images(job))
        _check_begun_alike(job, store)
        with done.opened():
            outcome = _make(job, store, run, done)
            if outcome.complete and store.durability != "none":
                store.sync()
                done.settle()
        return outcome


def _check_begun_alike(job: Job, store: Store) -> None:
    """Refuse to make a part of a dataset that was begun with other sidecars, or other versions."""
    plan = matching_plan(store, job)
    if plan is None or plan.job != job:
        raise Conflict(
            f"{store.root} was begun with other sidecars; give the same --layout to every shard"
        )
    plan.check_same_versions(store.root)


def _begin_together(job: Job, store: Store, done: Journal) -> None:
    """Begin the set, unless another process does, or has."""
    deadline = time.monotonic() + _PATIENCE
    while not matching_plan(store, job):
        try:
            with lock(store):
                settle(job, store, done)
        except Busy:
            if time.monotonic() > deadline:
                raise


def _look(job: Job, store: Store, run: Run) -> None:
    """Refuse images that cannot be used, or had, before anything is written."""
    is_begun = store.size(PLAN) is not None
    if not is_begun or not all(map(store.exists, source_record.extras(job))):
        for left_out in source_record.look(job, skip_damaged=run.skip_damaged):
            run.note(left_out)
    if job.remote and not is_begun:
        from pixelgen.dataset.download_cache import (
            check_download_cache,  # here, because most jobs fetch nothing
        )

        check_download_cache(store, job)
        check_source(job, run)


def check_source(job: Job, run: Run) -> None:
    """Raise PixelgenError where images are to be fetched and none can be had."""
    if job.remote and job.count:
        _source(job, run).check_first_image()


def check_workers(job: Job, store: Store, run: Run) -> None:
    """Raise PixelgenError where the engine has no workers elsewhere that are fit for a job."""
    if run.engine.distributed and not job.remote:
        with agreed(job, store, run.engine) as (_, check):
            work = Work(1, 0.0)
            deque(run.engine.map(str, (), work=work, jobs=run.workers, check=check), maxlen=0)


def settle(job: Job, store: Store, done: Journal) -> None:
    """Begin a set, or prepare to go on with it; raise Conflict where that cannot be done.

    Where there are no locks, what is in the way may be this very job's, just begun by another run.
    """
    store.remove_stale_files("")
    plan = matching_plan(store, job)
    if plan is None:
        try:
            _check_free(job, store, done)
            journal.begin(store, job)
        except Conflict:
            plan = matching_plan(store, job)
            if plan is None or plan.job != job:
                raise
        else:
            return
    journal.settle_sources(store, plan)
    _sweep(job, store)


def _sweep(job: Job, store: Store) -> None:
    """Remove what dead processes left among the set's files."""
    for folder in folders(job):
        store.remove_stale_files(folder)


def _check_free(job: Job, store: Store, done: Journal) -> None:
    """Refuse a directory in which something already bears one of the set's names.

    A set whose plan is lost is gone on with where its journal or its sums tell what it is, or where
    nothing has any content, as after a power cut. Its sums do not help where images are fetched:
    those that are there could not be compared with the ones that would come.
    """
    if store.is_known_empty():
        return
    own = hashlib.sha256(Plan.of(job).text).hexdigest()
    if done.is_begun() or (not job.remote and manifest.sum_of(store, PLAN) == own):
        return
    is_torn = store.is_empty_or_zeros(PLAN)
    foreign = [] if is_torn else [PLAN]
    if not store.is_empty_or_zeros(JOURNAL):  # an empty one is our own, just created
        foreign.append(JOURNAL)
    others = (job.manifest, *journal.sums_of(job), *source_record.extras(job))
    for name in chain(foreign, others, _planned_files(job, store)):
        if store.exists(name) and not (is_torn and store.is_empty_or_zeros(name)):
            raise Conflict(
                f"{store.path(name)} is there already and not of this set; move it away, or choose"
                " another directory"
            )


def _planned_files(job: Job, store: Store) -> Iterator[str]:
    """Yield the names of the set's files, as far as folders are there for them at all."""
    for names in chain([job.files()], index_names(job)):
        for folder, group in groupby(names, key=lambda name: name.rpartition("/")[0]):
            if folder and not store.exists(folder):
                break
            yield from group


def complete(job: Job, store: Store, done: Journal) -> None:
    """Finish a set whose shards are all done."""
    _sweep(job, store)  # after workers that were killed
    manifest.publish(job, store, done)
    journals = (partition.journal for partition in journal.others(store))
    for name in (*journals, *store.list_names(PROBE_PREFIX)):
        store.remove(name)
    done.remove()


def _make(job: Job, store: Store, run: Run, done: Journal) -> Outcome:
    """Make the shards that are missing, unless stopped before."""
    found, made_bytes = done.images, 0
    todo: Iterator[Shard] = takewhile(lambda _: not run.stopped(), done.missing())
    if job.remote:
        todo = _source(job, run).prepare(job, store, todo)
    work = least_work(job, done.shards_missing)
    engine = Serial() if job.remote else run.engine  # the download cache holds one shard
    with agreed(job, store, engine) as (there, check):
        make = partial(make_shard, job, there)
        for record in engine.map(make, todo, work=work, jobs=run.workers, check=check):
            done.add(record)
            made_bytes += sum(record.sizes)
            run.progress(len(record.sizes), sum(record.sizes))
    outcome = Outcome(done.images - found, found, made_bytes, complete=not done.shards_missing)
    if not outcome.complete and not run.stopped():
        raise PixelgenError(f"{done.shards_missing} shards were lost; run the same command again")
    return outcome


def _source(job: Job, run: Run) -> Source:
    if run.source is None:
        raise PixelgenError(
            f"images of this set are still to come from {job.remote}: run the 'pixelgen generate"
            " --remote' that began it again"
        )
    return run.source


def make_shard(job: Job, store: Store, shard: Shard) -> ShardRecord:
    """Render, encode and publish one shard: all that a worker does."""
    origins: list[str] = []
    record = ShardRecord(shard.number, [], [], origins=origins)
    checksum = job.checksum != "none"

    def noted() -> Iterator[Sample]:
        for sample in samples(job, store, shard):
            record.sizes.append(len(sample.data))
            if checksum:
                record.hashes.append(sample.sha256)
            if job.remote:
                origins.append(sample.origin)
            yield sample

    write = job.layout.container.write
    size, sha256 = write(store, job.info, shard, noted(), checksum=checksum)
    return record._replace(file_size=size, file_hash=sha256)


def samples(job: Job, store: Store, shard: Shard) -> Iterator[Sample]:
    """Yield the images of a shard as they are written."""
    images = _fetched(job, store, shard) if job.remote else _made(job, store, shard)
    checksum = job.checksum != "none"
    for number, data, origin in images:
        digest = hashlib.sha256(data).hexdigest() if checksum else ""
        yield Sample(number, data, digest, origin)


def _made(job: Job, store: Store, shard: Shard) -> Iterator[tuple[int, Data, str]]:
    make = maker(job, store)
    return ((number, make(number), "") for number in range(shard.start, shard.stop))


def _fetched(job: Job, store: Store, shard: Shard) -> Iterator[tuple[int, Data, str]]:
    from pixelgen.dataset.download_cache import (
        open_download_cache,  # here, because most jobs fetch nothing
    )

    with open_download_cache(store, job, shard) as cache:
        for number, image in cache.images():
            yield number, *image


def least_work(job: Job, shards: int) -> Work:
    """Estimate from below: no machine makes more than 2 GB or 200,000 images a second a core."""
    images = shards * job.shard_size
    return Work(shards, images * max(job.image_bytes / 2e9, 5e-6))


@lru_cache(maxsize=1)
def maker(job: Job, store: Store) -> Callable[[int], Data]:
    """Keep what makes the images of a job from one shard to the next."""
    source_record.recall(store, job)
    return job.maker()
