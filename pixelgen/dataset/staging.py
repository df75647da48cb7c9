"""What a resize has made so far, while the dataset is still the old one.

Single images are made under their names, where nothing names them yet, and files of many images in
``.pixelgen.resize``. ``.pixelgen.resize.journal`` says what is done, and ``.pixelgen.resize.new``
is the plan that the dataset is to get: it is written first, so that another command knows which
files belong to a resize that was given up.
"""

from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

from pixelgen.dataset.journal import Journal
from pixelgen.dataset.plan import PLAN_LIMIT, Plan, differing_fields
from pixelgen.dataset.sidecar_files import dataset_folders
from pixelgen.dataset.source_record import read_sources
from pixelgen.errors import Conflict
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sharded
from pixelgen.storage import Store
from pixelgen.storage.posix import FileState, compare_pages

RESIZE_JOURNAL = ".pixelgen.resize.journal"
NEW_PLAN = ".pixelgen.resize.new"
STAGING_FOLDER = ".pixelgen.resize"


def staging_store(job: Job, store: Store) -> Store:
    """Return where files are made: those of many images in a folder, as most have old names.

    Not so single images: loaders of class folders would take the folder for a class.
    """
    is_sharded = isinstance(job.layout.container, Sharded)
    return store.subfolder(STAGING_FOLDER) if is_sharded else store


def read_new_plan(plan: Plan, store: Store) -> Plan | None:
    """Return the plan that a dataset is to get, or None where no resize was begun.

    Raises:
        Conflict: Where its file is damaged or of another dataset.
    """
    if not store.can_replace or store.size(NEW_PLAN) is None:
        return None
    text = store.read(NEW_PLAN, PLAN_LIMIT)
    if not any(text):  # torn by a power cut, before anything was made
        return None
    try:
        new = Plan.parse(text)
    except ValueError as error:
        raise Conflict(f"{store.path(NEW_PLAN)} {error}; move it away") from None
    if not differing_fields(plan.job, new.job) <= {"count", "removed"}:
        raise Conflict(f"{store.path(NEW_PLAN)} is of another dataset; move it away")
    return new


def begin_staging(plan: Plan, target: Plan, store: Store, note: Callable[[str], object]) -> None:
    """Write down what a dataset is to become, unless that was begun already."""
    new = read_new_plan(plan, store)
    if new is None or new.digest != target.digest:
        discard(plan, store, note)
        store.put(NEW_PLAN, target.text)
        store.sync(NEW_PLAN)


def discard(plan: Plan, store: Store, note: Callable[[str], object]) -> None:
    """Remove what was made for a resize that was given up, with a note; the dataset stays."""
    new = read_new_plan(plan, store)
    if new is None:
        return
    for name in made_files(plan, store):
        store.remove(name)
    for folder in set(dataset_folders(new.job)).difference(dataset_folders(plan.job)):
        store.remove_folder(folder)
    clear_staging(new.job, store)
    note(
        f"note: deleted what was made of a change to {len(new.job):,} images, which was begun and"
        " not finished"
    )


def staged_images(old: Job, new: Job) -> Iterator[tuple[int, str]]:
    """Yield the indices and the names of the single images that a resize makes."""
    if isinstance(new.layout.container, Sharded):
        return
    for shard in new.shards():
        names = new.layout.container.files(new.info, shard)
        for index, name in zip(shard.indices, names, strict=True):
            if old.indices.position(index) is None:
                yield index, name


def made_files(plan: Plan, store: Store) -> set[str]:
    """Return the names of the single images that a resize has made so far.

    Without a file of somebody else's that has come to one of the names since: of what the journal
    does not list, the bytes are compared.
    """
    new = read_new_plan(plan, store)
    if new is None or isinstance(new.job.layout.container, Sharded):
        return set()
    done = Journal(store, new, name=RESIZE_JOURNAL)
    done.read(RESIZE_JOURNAL)
    job = read_sources(new, store)
    make = cache(job.maker)
    return {
        name
        for index, name in staged_images(plan.job, job)
        if store.exists(name)
        and (done.has(job.info.shard_number(index)) or _is_own(store, name, make()(index)))
    }


def _is_own(store: Store, name: str, data: Data) -> bool:
    """Return whether something that exists has these bytes, or those that a power cut left."""
    if store.size(name) is None:
        return False
    try:
        with store.reader(name) as file:
            return compare_pages(file, BytesIO(data)) is not FileState.FOREIGN
    except PermissionError:
        return False


def clear_staging(job: Job, store: Store) -> None:
    """Remove the journal of a resize, the files of many images made for it, and last its plan."""
    if isinstance(job.layout.container, Sharded):
        folders = [STAGING_FOLDER]
        for folder in folders:  # grows
            inside = store.subfolder(folder)
            for name in inside.list_names(""):
                if inside.size(name) is None:
                    folders.append(f"{folder}/{name}")
                else:
                    inside.remove(name)
        for folder in reversed(folders):
            store.remove_folder(folder)
    else:
        store.remove(RESIZE_JOURNAL)
    store.remove(NEW_PLAN)
