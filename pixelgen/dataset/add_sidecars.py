"""Add sidecars to a dataset that is there, from its manifest, without opening an image."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from pixelgen.dataset.manifest import checksum_lines, listed_checksum
from pixelgen.dataset.manifest_reader import list_damaged, read_records
from pixelgen.dataset.plan import PLAN, SUMS, Plan, is_finished
from pixelgen.dataset.sidecar_files import put_sidecars, sidecar_files
from pixelgen.dataset.source_record import check_sources, record_files
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import File, ManifestView
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of


def add_sidecars(plan: Plan, job: Job, store: Store) -> Plan:
    """Give a dataset the sidecars of ``job``; of an unfinished one change the plan alone.

    Returns the new plan. It is written last: until then the dataset is what it was, and the same
    command resumes.

    Raises:
        Conflict: Where another's file bears the name of one of the sidecars' files, or where the
            plan, the manifest or the record of sources is damaged: nothing gets a new checksum that
            was not found to be right.
    """
    if not set(plan.job.layout.sidecars) < set(job.layout.sidecars):
        raise Conflict(
            f"{store.root} got other sidecars from another process; run the same command again"
        )
    check_sources(plan, job.sources, store.root)
    extended = plan.with_layout(job.layout)
    if is_finished(store, job):
        check_addable(plan, job, store)
        sidecars = _put(plan, job, store)
        if job.checksum == "none":
            deque(sidecars, maxlen=0)
        else:
            store.overwrite(SUMS, _checksum_lines(job, store, extended, sidecars))
    store.overwrite(PLAN, extended.text)
    store.touch(job.manifest)
    return extended


def check_addable(plan: Plan, job: Job, store: Store) -> None:
    """Raise Conflict where :func:`add_sidecars` cannot give a finished dataset those of ``job``."""
    check_lists(job, store)
    for name, data in _files(_only_added(plan, job), store):
        if store.exists(name) and not store.content_equals(name, data):
            raise Conflict(
                f"{store.path(name)} exists and does not belong to this dataset; move it away"
            )


def _only_added(plan: Plan, job: Job) -> Job:
    """Return the job with the sidecars alone that the dataset of a plan lacks."""
    added = set(job.layout.sidecars) - set(plan.job.layout.sidecars)
    return job.with_layout(replace(job.layout, sidecars=tuple(sorted(added, key=str))))


def check_lists(job: Job, store: Store) -> None:
    """Refuse to give a new checksum to what is not as SHA256SUMS lists it."""
    for name in (PLAN, *record_files(job), job.manifest) if job.checksum != "none" else ():
        if listed_checksum(store, name) != sha256_of(store.chunks(name)):
            raise list_damaged(job, store, name)


def _files(job: Job, store: Store) -> Iterator[File]:
    return sidecar_files(job, partial(read_records, job, store))


def _put(plan: Plan, job: Job, store: Store) -> Iterator[tuple[str, str]]:
    """Put the files of the added sidecars in place; yield name and SHA-256 of those of all.

    No name of theirs is taken. When the last was yielded, they are on the disk.

    Raises:
        PixelgenError: Where the disk does not take them; then they are removed.
    """
    view = ManifestView(job.info, job.layout.container, partial(read_records, job, store))
    components = zip(job.layout.components, job.layout.index_by_component(view), strict=True)
    for component, files in components:
        if component in (plan.job.layout.container, *plan.job.layout.sidecars):
            yield from ((name, sha256_of(data)) for name, data in files)
        else:
            yield from put_sidecars(store, files)
    try:
        store.sync()
    except PixelgenError:  # the disk may have lost any of them
        for name, _ in _files(_only_added(plan, job), store):
            store.remove(name)
        raise


def _checksum_lines(
    job: Job, store: Store, plan: Plan, sidecars: Iterator[tuple[str, str]]
) -> Iterator[bytes]:
    """Yield the lines of SHA256SUMS with those of all sidecars, and of a plan."""
    first = (PLAN, sha256_of(plan.text))
    own = ((name, sha256_of(store.chunks(name))) for name in record_files(job))
    last = (job.manifest, sha256_of(store.chunks(job.manifest)))
    return checksum_lines(job, read_records(job, store), chain((first,), own, sidecars, (last,)))
