"""Replace: clear a finished set away, and nothing else, before another takes its directory."""

import os
from itertools import chain

from pixelgen import journal
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.journal import MANIFEST, PLAN
from pixelgen.manifest import SUMS
from pixelgen.sources import extras, look
from pixelgen.store import LocalStore
from pixelgen.verify import check
from pixelgen.writer import Run


def clear(store: LocalStore, new: Job, run: Run) -> None:
    """Remove the finished set that a directory holds, if there is one.

    Removes only files that are to the byte what the set's manifest says, and begins only when all
    of them are and nobody else's file stands in the new set's way; raises Conflict otherwise. A run
    that is stopped before all are checked removes nothing.
    """
    plan = journal.read_plan(store)
    if plan is None:
        return
    old = Job.parse(**plan["job"])
    _check_sources(new, store)
    with journal.lock(store):
        if not journal.is_finished(store):
            raise Conflict(
                f"the set in {store.root} is not finished, so its files cannot be told from others;"
                " finish it, or remove the directory"
            )
        for checked in check(old, store, run):
            for name, what in checked.damage:
                raise Conflict(f"{store.path(name)} is not as it was made ({what}); move it away")
        _check_free(old, new, store)
        if run.stopped():
            return
        store.remove(MANIFEST)  # first, so that what is left never looks complete
        for name in chain(old.files(), (SUMS, *extras(old), PLAN)):
            store.remove(name)


def _check_sources(new: Job, store: LocalStore) -> None:
    """Refuse to remove what the new set is to be made from, or to begin what cannot be made."""
    look(new)
    for source in new.sources:
        paths = os.path.realpath(source), os.path.realpath(store.root)
        if os.path.commonpath(paths) in paths:
            raise Conflict(
                f"the source {source} and the set in {store.root} lie within each other; choose"
                " another directory for the new set"
            )


def _check_free(old: Job, new: Job, store: LocalStore) -> None:
    """Refuse where a file that is not of the old set bears a name of the new one."""
    taken = {name for name in new.files() if store.exists(name)}
    for name in taken.difference(old.files()):
        raise Conflict(f"{store.path(name)} is not of the set there; move it away")
