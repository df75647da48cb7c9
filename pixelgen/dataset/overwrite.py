"""Replace: clear a finished set away, and nothing else, before another takes its directory."""

import os
from itertools import chain

from pixelgen.dataset import journal
from pixelgen.dataset.journal import JOURNAL, SUMS, file_hash, sums_of
from pixelgen.dataset.manifest import sum_of
from pixelgen.dataset.manifest_reader import cut
from pixelgen.dataset.plan import PLAN, Plan, read_plan
from pixelgen.dataset.sidecar_files import folders, index_names
from pixelgen.dataset.source_record import SOURCES, extras, images, is_sound, look
from pixelgen.dataset.verify import check, check_shards, index_of
from pixelgen.dataset.writer import Run, check_source, check_workers
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import Store
from pixelgen.storage.lock import lock


def clear(store: Store, new: Job, run: Run) -> None:
    """Remove the finished set that a directory holds, if there is one.

    Removes only files that are to the byte what the set's manifest says, and begins only when all
    of them are and nobody else's file stands in the new set's way; raises Conflict otherwise. A run
    that is stopped before all are checked removes nothing. One that is killed later is gone on with
    by the same command.
    """
    plan = read_plan(store)
    if plan is None:
        return
    old = plan.job
    is_same = old == new and not plan.changed_versions()
    if is_same and not journal.is_finished(store, old):  # this command was interrupted, and goes on
        return
    _check_sources(new, store, run)
    with lock(store):
        is_finished = journal.is_finished(store, old)
        if is_finished:
            _check_whole(plan, store, run)
        else:
            _check_left(old, store, run)
        _check_free(plan, new, store)
        check_workers(new, store, run)
        check_source(new, run)  # last, because its image is paid for
        if run.stopped():
            return
        if is_finished:  # so that what is left never looks complete, but can be told from others
            store.move(old.manifest, JOURNAL)
        index = index_names(old) if store.exists(JOURNAL) else ()  # it is the last to go
        for name in chain(old.files(), *index, _lists(plan, store), (JOURNAL, PLAN)):
            store.remove(name)
        for folder in folders(old):
            store.remove_folder(folder)


def _check_whole(plan: Plan, store: Store, run: Run) -> None:
    """Refuse to remove a set that is not to the byte as it was made."""
    for checked in check(plan, store, run):
        for name, what in checked.damage:
            raise Conflict(f"{store.path(name)} is not as it was made ({what}); move the set away")


def _check_left(old: Job, store: Store, run: Run) -> None:
    """Refuse to remove a set in the making, but not what is left of one that was being removed.

    Its manifest is where the journal was.
    """
    if old.remote:
        _check_spool(store)
    is_begun = store.exists(JOURNAL) and not store.is_empty_or_zeros(JOURNAL)
    if not is_begun and not any(map(store.exists, old.files())):
        return
    left = cut(old, store.lines(JOURNAL), store.lines(SUMS))
    damage = chain.from_iterable(each.damage for each in check_shards(old, store, run, left))
    index = index_of(old, store, JOURNAL)
    foreign = (name for name, data in index if not store.content_equals(name, data))
    for name in chain((name for name, _ in damage), foreign):
        if name == old.manifest or store.exists(name):
            raise Conflict(
                f"the set in {store.root} is not finished, so its files cannot be told from"
                " others; finish it with the command that began it, or remove the directory"
            )


def _check_spool(store: Store) -> None:
    """Refuse to remove images that were paid for and are not yet in a set."""
    from pixelgen.dataset.download_cache import SPOOL  # here, because most sets have none

    if store.exists(SPOOL):
        raise Conflict(
            f"{store.path(SPOOL)} has images that were fetched for the set there, which is not"
            " finished; finish it with the command that began it, or remove the directory"
        )


def _lists(plan: Plan, store: Store) -> list[str]:
    """Return the names of the sums and the record of sources, as far as they are the set's own."""
    old = plan.job
    lists = [SOURCES] if old.sources and is_sound(store, old, plan.sources) else []
    if old.checksum != "none" and sum_of(store, PLAN) == file_hash(store, PLAN):
        lists.append(SUMS)
    return lists


def _check_sources(new: Job, store: Store, run: Run) -> None:
    """Refuse to remove what the new set is to be made from, or to begin what cannot be made."""
    look(new, skip_damaged=run.skip_damaged)
    if not store.has_local_paths:
        return
    root = os.path.realpath(store.root)
    for path in chain(new.sources, images(new)):
        paths = os.path.realpath(path), root
        if os.path.commonpath(paths) in paths:
            raise Conflict(
                f"the source {path} and the set in {store.root} lie within each other; choose"
                " another directory for the new set"
            )


def _check_free(plan: Plan, new: Job, store: Store) -> None:
    """Refuse where what is not of the old set bears a name of the new one."""
    old = plan.job
    for folder in folders(new):
        store.check_folder(folder)
    lists = chain(extras(new), sums_of(new), (new.manifest,), *index_names(new))
    taken = {name for name in chain(lists, new.files()) if store.exists(name)}
    own = chain(_lists(plan, store), (old.manifest,), *index_names(old))
    for name in taken.difference(own, old.files()):
        raise Conflict(f"{store.path(name)} is not of the set there; move it away")
