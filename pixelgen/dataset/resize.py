"""Resize: give a finished dataset more images of the same job, or remove some of its images.

The files of all shards that differ are made first, as :mod:`pixelgen.dataset.staging` says. Until
then the dataset is what it was, and a run that is killed is resumed. Then the dataset gets a
journal that lists all shards of the new one, and the new plan: from here on it is the new dataset,
unfinished, and :mod:`pixelgen.dataset.replacement` says what is left to do.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from pixelgen.dataset.add_sidecars import check_lists
from pixelgen.dataset.journal import Journal
from pixelgen.dataset.manifest_reader import read_records
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.plan import JOURNAL, PLAN, Plan, differing_fields, is_finished
from pixelgen.dataset.replacement import OLD_PLAN, new_names
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.source_record import bind_sources, write_record
from pixelgen.dataset.staging import (
    RESIZE_JOURNAL,
    begin_staging,
    discard,
    made_files,
    staged_images,
    staging_store,
)
from pixelgen.dataset.writer import (
    Outcome,
    make_missing,
    prepare_or_resume,
    resume,
    sweep,
    write,
)
from pixelgen.errors import BadValue, Conflict, PixelgenError, shell_path
from pixelgen.job import Job
from pixelgen.layouts import ImageRecord, Shard, Sharded, ShardRecord
from pixelgen.layouts.image_indices import IndexRanges
from pixelgen.storage import Store
from pixelgen.storage.lock import lock


def is_growth(old: Job, new: Job) -> bool:
    """Return whether a job is another one with more images, whatever its sidecars."""
    return differing_fields(old, new) == {"count"} and new.count > old.count


def without_removed(plan: Plan, job: Job) -> Job:
    """Return a job without the images that were removed from the dataset, if it has them all."""
    if job.removed is None and plan.job.removed and job.start == plan.job.start:
        return job.with_removed(plan.job.removed) if job.count >= plan.job.count else job
    return job


def grow(plan: Plan, job: Job, store: Store, run: RunConfig) -> Outcome:
    """Add images to a finished dataset of the same job with fewer; resume where this was stopped.

    Raises:
        BadValue: Where the store cannot replace files.
        Conflict: Where the dataset is damaged, or of another version; where a name is taken; where
            images would have to be renamed, or fetched again.
        Busy: Where another process writes to it.
        PixelgenError: Where the dataset is not finished, or writing fails.
    """
    return _resize(plan, _grown(plan, job, store), store, run)


def check_growth(plan: Plan, job: Job, store: Store) -> None:
    """Raise what :func:`grow` raises before it makes anything; write nothing.

    The user's images that the job is made from have been read.
    """
    job = _grown(plan, job, store)
    _check_replaceable(store)
    if not Journal(store, Plan.of(job)).is_begun():
        _check(plan, plan.job.with_sources(job.sources), job, store)


def _grown(plan: Plan, job: Job, store: Store) -> Job:
    """Return the job of a dataset that grows, with all its sidecars."""
    if job.remote:
        raise Conflict(
            f"the images in {store.root} were fetched, and no others can be added; use another"
            " directory"
        )
    return job.with_layout(plan.job.layout.with_sidecars(job.layout.sidecars))


def remove(plan: Plan, removed: IndexRanges, store: Store, run: RunConfig) -> Outcome:
    """Remove images from a finished dataset, with all that is said of them.

    Raises:
        BadValue: For images that do not exist, and for all images.
        Conflict: As :func:`grow`.
        Busy: As :func:`grow`.
        PixelgenError: As :func:`grow`.
    """
    old = plan.job
    if old.remote and isinstance(old.layout.container, Sharded):
        raise Conflict(
            f"the images in {store.root} were fetched into files of many images, which cannot be"
            " made again without some"
        )
    job = old.with_removed(removed.union(old.removed) if old.removed else removed or None)
    if job == old:  # nothing is left to remove, or to make of what is left
        return write(job, store, run, plan)
    return _resize(plan, job, store, run)


def _resize(plan: Plan, job: Job, store: Store, run: RunConfig) -> Outcome:
    """Turn the dataset of a plan into that of a job, whose images are a part of it or the rest."""
    _check_replaceable(store)
    job = bind_sources(job, store, run, plan)
    old = plan.job.with_sources(job.sources)
    target = Plan.of(job)
    with lock(store):
        if Plan.read(store, known=plan) != plan:
            raise Conflict(
                f"{store.root} was changed by another process; run the same command again"
            )
        done = Journal(store, target)
        outcome = Outcome(target.digest, existing=len(job))
        if not done.is_begun():
            _check(plan, old, job, store)
            begin_staging(plan, target, store, run.note)
            outcome = _make(plan, target, job, store, run)
        if not outcome.is_complete:
            return outcome
        store.put(OLD_PLAN, plan.text)
        store.sync(OLD_PLAN)
        store.overwrite(PLAN, target.text)
        prepare_or_resume(target, job, store, done, target)
        rest = resume(target, job, store, run, done)
        return replace(outcome, is_complete=rest.is_complete)


def _check_replaceable(store: Store) -> None:
    """Refuse a store whose files cannot be replaced."""
    if not store.can_replace:
        raise BadValue(
            f"a dataset in {store.root} cannot be changed; use a directory, or another prefix"
        )


def _check(plan: Plan, old: Job, job: Job, store: Store) -> None:
    """Refuse what cannot be done, before anything is written."""
    if not is_finished(store, old):
        raise PixelgenError(
            f"the dataset in {store.root} is not finished; first run: pixelgen repair"
            f" {shell_path(store.root)}"
        )
    plan.check_remakeable(store.root)
    check_present(old, store)
    check_lists(old, store)
    _check_same_names(old, job, store)
    own = made_files(plan, store)
    images = (name for _, name in staged_images(old, job))
    for name in chain(new_names(old, job), images):
        if store.exists(name) and name not in own:
            raise Conflict(
                f"{store.path(name)} exists and does not belong to this dataset; move it away"
            )


def _check_same_names(old: Job, job: Job, store: Store) -> None:
    """Refuse to make a dataset so large that its images would have other names."""
    if isinstance(old.layout.container, Sharded) or not old.indices:
        return
    for index in old.indices[0], old.indices[-1]:
        shard = Shard(0, (index,))
        name, other = (next(each.layout.container.files(each.info, shard)) for each in (old, job))
        if name != other:
            raise Conflict(
                f"with {job.count:,} images {store.path(name)} would be {store.path(other)}, and"
                " files are not renamed; make the others in another directory, with --start"
                f" {old.indices.stop} -n {job.indices.stop - old.indices.stop}"
            )


def _make(plan: Plan, target: Plan, job: Job, store: Store, run: RunConfig) -> Outcome:
    """Make the shards that the old dataset lacks, and then the journal of all; unless stopped."""
    old = plan.job.with_sources(job.sources)
    staging = staging_store(job, store)
    made = Journal(staging, target, name=RESIZE_JOURNAL)
    staging.create()
    write_record(staging, job.sources)
    sweep(job, staging)
    with made.opened():
        for record in _kept(old, job, store):
            if not made.has(record.shard):
                made.add(record)
        outcome = make_missing(target, staging, run, made)
        if outcome.is_complete:
            _sync(plan, store, run)
            lines = (made.line(record) for _, record in made.records())
            store.publish(store.stage(JOURNAL, lines))
            store.sync(JOURNAL)
    created = min(outcome.created, max(0, len(job) - len(old)))
    return replace(outcome, created=created, existing=len(job) - created)


def _sync(plan: Plan, store: Store, run: RunConfig) -> None:
    """Bring what was made to the disk; where that fails, remove it, since it may be lost."""
    try:
        store.sync()
    except PixelgenError:
        with suppress(PixelgenError):  # what failed first is reported
            discard(plan, store, run.note)
        raise


def _kept(old: Job, job: Job, store: Store) -> Iterator[ShardRecord]:
    """Yield the records of the new dataset's shards whose files the old one has, all of them."""
    if isinstance(old.layout.container, Sharded):
        return _kept_files(old, job, store)
    records = read_records(old, store)
    images = chain.from_iterable(record.image_records(shard) for shard, record in records)
    return _regrouped(job, images)


def _kept_files(old: Job, job: Job, store: Store) -> Iterator[ShardRecord]:
    """Yield the records of the shards that both datasets have, in files of the same names."""
    for shard, record in read_records(old, store):
        if shard.number >= job.shard_count or job.shard(shard.number) != shard:
            continue
        image_record = next(record.image_records(shard))
        if old.info.row(image_record) == job.info.row(image_record):
            (name,) = job.layout.container.files(job.info, shard)
            yield record._replace(file_size=store.size(name) or 0)


def _regrouped(job: Job, images: Iterator[ImageRecord]) -> Iterator[ShardRecord]:
    """Group records of images, each in a file of its own, by the shards of a job."""
    following = next(images, None)
    for shard in job.shards():
        found = []
        for index in shard.indices:
            while following and following.number < index:
                following = next(images, None)
            if following is None:
                return
            found.append(following)
        sizes, hashes = (
            [each.size for each in found],
            [each.sha256 for each in found if each.sha256],
        )
        origins = [each.origin for each in found if each.origin]
        yield ShardRecord(shard.number, sizes, hashes, origins=origins)
