"""Overwrite: remove a finished dataset, and nothing else, before another takes its directory."""

import os
from itertools import chain

from pixelgen.dataset.manifest import listed_checksum
from pixelgen.dataset.manifest_reader import group_by_shard
from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS, Plan, checksum_files, is_finished
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.sidecar_files import dataset_folders, sidecar_names
from pixelgen.dataset.source_record import (
    bind_sources,
    intact_records,
    read_sources,
    record_files,
)
from pixelgen.dataset.staging import discard, made_files
from pixelgen.dataset.verify import check, check_shards, listed_sidecars
from pixelgen.dataset.writer import check_fetcher, check_workers
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of
from pixelgen.storage.lock import lock


def remove_existing(plan: Plan, new: Job, store: Store, run: RunConfig) -> Job:
    """Remove the finished dataset that a directory holds; ``new`` will take its place.

    Returns the new job with the user's images that it is made from, if it is made from any.

    Removes only files that are byte for byte what the dataset's manifest says, and begins only when
    all of them are and no other file stands in the way of the new dataset; raises Conflict
    otherwise. A run that is stopped before all are checked removes nothing. One that is killed
    later is resumed by the same command.
    """
    old = plan.job
    is_same = old == new and not plan.changed_versions()
    if is_same and not is_finished(store, old):  # this command was interrupted, and is resumed
        return new
    new = bind_sources(new, store, run, None)
    with lock(store):
        is_complete = is_finished(store, old)
        check_removable(plan, new, store, run)
        check_workers(Plan.of(new), store, run)
        check_fetcher(new, store, run, None)  # last, because its image is paid for
        if run.stopped():
            return new
        discard(plan, store, run.note)
        if is_complete:  # so that what remains never looks complete, yet is recognized
            store.move(old.manifest, JOURNAL)
        sidecars = sidecar_names(old) if store.exists(JOURNAL) else ()  # it is the last to go
        lists = _own_lists(plan, store)
        for name in chain(old.files(), *sidecars, lists, (JOURNAL, PLAN)):
            store.remove(name)
        for folder in dataset_folders(old):
            store.remove_folder(folder)
    return new


def check_removable(plan: Plan, new: Job, store: Store, run: RunConfig) -> None:
    """Raise Conflict where a dataset may not be removed for a new one.

    It may if all its files are as they were made, and no other file has a name of the new one.
    """
    _check_sources(new, store)
    if is_finished(store, plan.job):
        _check_whole(plan, store, run)
    else:
        _check_rest(plan, store, run)
    _check_free(plan, new, store)


def _check_whole(plan: Plan, store: Store, run: RunConfig) -> None:
    """Refuse to remove a dataset that is not byte for byte as it was made."""
    for result in check(plan, store, run):
        for name, what in result.damage:
            raise Conflict(f"{store.path(name)} was changed ({what}); move the dataset away")


def _check_rest(plan: Plan, store: Store, run: RunConfig) -> None:
    """Refuse to remove an unfinished dataset, but not what is left of one that was being removed.

    The manifest of such a one is where its journal was.

    Raises:
        Conflict: If a file of the unfinished dataset may be somebody else's.
    """
    old = plan.job
    if old.remote:
        _check_download_cache(store)
    is_begun = store.exists(JOURNAL) and not store.is_empty_or_zeros(JOURNAL)
    if not is_begun and not any(map(store.exists, old.files())):
        return
    lines = group_by_shard(old, store.lines(JOURNAL), store.lines(SUMS))
    damage = chain.from_iterable(each.damage for each in check_shards(plan, store, run, lines))
    sidecars = listed_sidecars(read_sources(plan, store), store, JOURNAL)
    foreign = (name for name, data in sidecars if not store.content_equals(name, data))
    for name in chain((name for name, _ in damage), foreign):
        if name == old.manifest or store.exists(name):
            raise Conflict(
                f"the dataset in {store.root} is not finished, so its files cannot be distinguished"
                " from others; finish it with the command that began it, or remove the directory"
            )


def _check_download_cache(store: Store) -> None:
    """Refuse to remove images that were paid for and are not yet in a dataset."""
    from pixelgen.dataset.download_cache import DOWNLOAD_CACHE  # rarely needed

    if store.exists(DOWNLOAD_CACHE):
        raise Conflict(
            f"{store.path(DOWNLOAD_CACHE)} has images that were fetched for the dataset there,"
            " which is not finished; finish it with the command that began it, or remove the"
            " directory"
        )


def _own_lists(plan: Plan, store: Store) -> list[str]:
    """Return the names of the checksums and of the record of sources where they are its own."""
    old = plan.job
    lists = sorted(intact_records(store, plan))
    if old.checksum != "none" and listed_checksum(store, PLAN) == sha256_of(store.chunks(PLAN)):
        lists.append(SUMS)
    return lists


def _check_sources(new: Job, store: Store) -> None:
    """Refuse to remove what the new dataset is to be made from."""
    root = os.path.realpath(store.root)
    folders = (source.path for source in new.image_sources)
    for path in chain(folders, new.sources.paths()):
        paths = os.path.realpath(path), root
        if os.path.commonpath(paths) in paths:
            raise Conflict(
                f"the source {path} and the dataset in {store.root} lie within each other; choose"
                " another directory for the new dataset"
            )


def _check_free(plan: Plan, new: Job, store: Store) -> None:
    """Refuse where what is not of the old dataset bears a name of the new one."""
    old = plan.job
    for folder in dataset_folders(new):
        store.check_folder(folder)
    lists = chain(record_files(new), checksum_files(new), (new.manifest,), *sidecar_names(new))
    taken = {name for name in chain(lists, new.files()) if store.exists(name)}
    own = chain(_own_lists(plan, store), (old.manifest,), *sidecar_names(old))
    for name in taken.difference(own, old.files(), made_files(plan, store)):
        raise Conflict(f"{store.path(name)} does not belong to the dataset there; move it away")
