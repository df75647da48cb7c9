"""A finished dataset whose manifest was lost: all else is there, and nothing says that it is not.

The command that made it writes the manifest again, and so does repair. Only repair replaces files
that are damaged besides, so a run that comes upon one leaves the dataset to it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice

from pixelgen.dataset.existing_plan import check_finished
from pixelgen.dataset.journal import partitions
from pixelgen.dataset.manifest_reader import align_checksums, is_checksum_line
from pixelgen.dataset.plan import JOURNAL, SUMS, Plan, checksum_files
from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of

_PROBED = 1000  # files that are looked for; a dataset of which these are missing is not whole


def is_manifest_lost(job: Job, store: Store) -> bool:
    """Return whether a dataset lacks its manifest, though no journal says that it is unfinished."""
    if store.exists(JOURNAL) or store.size(job.manifest) is not None or any(partitions(store)):
        return False
    return any(map(store.exists, islice(chain(checksum_files(job), job.files()), _PROBED)))


def check_not_lost(job: Job, store: Store) -> None:
    """Raise Conflict, with what restores it, where a manifest is lost."""
    if is_manifest_lost(job, store):
        check_finished(job, store)


def check_restorable(plan: Plan, wanted: Job, store: Store) -> None:
    """Raise Conflict where a manifest is lost and a run for a job could not write it again."""
    if wanted.remote or wanted != plan.job:
        check_not_lost(plan.job, store)


def describe_restoring(job: Job, store: Store) -> str:
    """Return the note that a manifest is lost, and what writes it again."""
    return (
        f"note: {store.path(job.manifest)} is missing; the command that made the dataset writes it"
        f" again, or run: pixelgen repair {shell_path(store.root)}"
    )


@contextmanager
def restoring_manifest(job: Job, store: Store, note: Callable[[str], object]) -> Iterator[None]:
    """Note that a manifest is lost before a run writes it again.

    If a file is damaged besides, the run leaves no journal, so that repair can restore both.

    Raises:
        Conflict: For such a file.
    """
    is_lost = is_manifest_lost(job, store)
    if is_lost:
        note(describe_restoring(job, store))
    try:
        yield
    except Conflict:
        changed = next(_changed_files(job, store), "") if is_lost else ""
        if not changed:
            raise
        store.remove(JOURNAL)
        raise Conflict(
            f"{store.path(job.manifest)} is missing, and {changed} is not as {SUMS} lists it; to"
            f" restore both, run: pixelgen repair {shell_path(store.root)}"
        ) from None


def _changed_files(job: Job, store: Store) -> Iterator[str]:
    """Yield the files of images that exist, and not as SHA256SUMS lists them."""
    for name, line in align_checksums(job.files(), store.lines(SUMS)):
        is_listed = store.size(name) is not None and is_checksum_line(line, name)
        if is_listed and line != f"{sha256_of(store.chunks(name))}  {name}\n".encode():
            yield name
