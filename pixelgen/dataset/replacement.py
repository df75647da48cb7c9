"""The last part of a resize: files of the old dataset give way to those of the new one.

It begins once all files of the new dataset were made and its plan was written. For as long as it
lasts, ``.pixelgen.resize.json`` has the old plan. Whatever resumes the dataset completes it first;
each step may be done twice.
"""

from collections.abc import Iterator
from itertools import chain

from pixelgen.dataset.journal import Journal
from pixelgen.dataset.plan import (
    PLAN_LIMIT,
    Plan,
    checksum_files,
    differing_fields,
    is_finished,
)
from pixelgen.dataset.sidecar_files import sidecar_files, sidecar_names
from pixelgen.dataset.staging import (
    STAGING_FOLDER,
    clear_staging,
    staging_store,
)
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.layouts import Sharded
from pixelgen.storage import Store

OLD_PLAN = ".pixelgen.resize.json"


def replace_files(job: Job, store: Store) -> None:
    """Move the files of a resized dataset to their names, and remove those that it lacks.

    Raises:
        Conflict: Where the old plan is damaged or of another dataset.
    """
    old = _old_job(store)
    if old is None or old == job:  # or the new plan is not written yet: the same command does that
        return
    if not differing_fields(old, job) <= {"count", "removed"}:
        raise Conflict(f"{store.path(OLD_PLAN)} is of another dataset; move it away")
    for name in (old.manifest, *checksum_files(old)):
        store.remove(name)
    staging = staging_store(job, store)
    for name in job.files() if staging != store else ():
        if staging.size(name) is not None:
            store.remove(name)
            store.move(f"{STAGING_FOLDER}/{name}", name)
    for name in _dropped_names(old, job):
        store.remove(name)
    clear_staging(job, store)


def _is_begun(store: Store) -> bool:
    """Return whether files are being replaced; in an object store none ever are."""
    return store.can_replace and store.size(OLD_PLAN) is not None


def _old_job(store: Store) -> Job | None:
    """Return the job of the dataset that is being replaced, or None."""
    if not _is_begun(store):
        return None
    try:
        return Plan.parse(store.read(OLD_PLAN, PLAN_LIMIT)).job
    except ValueError as error:
        raise Conflict(f"{store.path(OLD_PLAN)} {error}; restore it") from None


def is_interrupted(job: Job, store: Store) -> bool:
    """Return whether a dataset is unfinished because a change of it was stopped near its end."""
    is_late = _is_begun(store) or store.size(job.manifest) is not None
    return is_late and not is_finished(store, job)


def remove_old_sidecars(job: Job, store: Store, done: Journal) -> None:
    """Remove the sidecars of the old dataset that are not those of the new one."""
    if not _is_begun(store):
        return
    for name, data in sidecar_files(job, done.records):
        if store.size(name) is not None and not store.content_equals(name, data):
            store.remove(name)


def end_replacement(store: Store) -> None:
    """Forget the old dataset: the new one has its manifest."""
    if _is_begun(store):
        store.remove(OLD_PLAN)


def new_names(old: Job, job: Job) -> Iterator[str]:
    """Yield the names that only the new dataset has, without those of its single images."""
    if isinstance(old.layout.container, Sharded):
        known = set(_names(old))
        return (name for name in _names(job) if name not in known)
    if job.count == old.count:
        return iter(())
    return without(*(chain.from_iterable(sidecar_names(each)) for each in (job, old)))


def _dropped_names(old: Job, job: Job) -> Iterator[str]:
    """Yield the names that only the old dataset has."""
    if isinstance(old.layout.container, Sharded):
        known = set(_names(job))
        return (name for name in _names(old) if name not in known)
    return without(_names(old), _names(job)) if job.count == old.count else iter(())


def _names(job: Job) -> Iterator[str]:
    return chain(job.files(), chain.from_iterable(sidecar_names(job)))


def without(names: Iterator[str], others: Iterator[str]) -> Iterator[str]:
    """Yield names without others, all of which are among them and in the same order."""
    following = next(others, None)
    for name in names:
        if name == following:
            following = next(others, None)
        else:
            yield name
