"""Extend: add sidecars to a set that is there, from its manifest, without a look at an image."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from pixelgen.dataset import journal
from pixelgen.dataset.journal import SUMS, file_hash
from pixelgen.dataset.manifest import sum_of, sums
from pixelgen.dataset.manifest_reader import damaged, recorded
from pixelgen.dataset.plan import PLAN, Plan
from pixelgen.dataset.sidecar_files import hashed, manifest_view, put_index
from pixelgen.dataset.source_record import extras
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import File
from pixelgen.storage import Store


def extend(plan: Plan, job: Job, store: Store) -> None:
    """Give a set the job's sidecars; of one in the making change the plan alone.

    The plan is changed last: until then the set is what it was, and the same command goes on.
    Raises Conflict where somebody else's file bears a name of theirs, or where the plan, the
    manifest or the record of sources is damaged: nothing is hashed anew that was not seen to be
    right.
    """
    old = set(plan.job.layout.sidecars)
    added = set(job.layout.sidecars) - old
    if not old < set(job.layout.sidecars):
        raise Conflict(f"{store.root} got other sidecars meanwhile; run the same command again")
    text = plan.with_layout(job.layout).text
    if journal.is_finished(store, job):
        _check_sums(job, store)
        kinds = tuple(sorted(added, key=str))
        _put(replace(job, layout=replace(job.layout, sidecars=kinds)), store)
        if job.checksum != "none":
            store.overwrite(SUMS, _sums(job, store, hashlib.sha256(text).hexdigest()))
    store.overwrite(PLAN, text)
    store.touch(job.manifest)


def _check_sums(job: Job, store: Store) -> None:
    """Refuse to list anew what is not as the sums list it."""
    for name in (PLAN, *extras(job), job.manifest) if job.checksum != "none" else ():
        if sum_of(store, name) != file_hash(store, name):
            raise damaged(job, store, name)


def _index(job: Job, store: Store) -> Iterator[File]:
    return job.layout.index(manifest_view(job, partial(recorded, job, store)))


def _put(job: Job, store: Store) -> None:
    """Put the files of some sidecars in place, once it is clear that no name of theirs is taken."""
    for name, data in _index(job, store):
        if store.exists(name) and not store.content_equals(name, data):
            raise Conflict(f"{store.path(name)} is there already and not of this set; move it away")
    deque(put_index(store, _index(job, store)), maxlen=0)
    try:
        store.sync()
    except PixelgenError:  # the disk may have lost any of them
        for name, _ in _index(job, store):
            store.remove(name)
        raise


def _sums(job: Job, store: Store, plan: str) -> Iterator[bytes]:
    """Yield the lines of the sums with those of all sidecars, and of a plan of this SHA-256."""

    def digests(files: Iterable[File]) -> Iterator[tuple[str, str]]:
        for name, data in files:
            digest = hashlib.sha256()
            deque(hashed(data, digest), maxlen=0)
            yield name, digest.hexdigest()

    own = ((name, file_hash(store, name)) for name in extras(job))
    last = ((job.manifest, file_hash(store, job.manifest)),)
    others = chain(((PLAN, plan),), own, digests(_index(job, store)), last)
    return sums(job, recorded(job, store), others)
