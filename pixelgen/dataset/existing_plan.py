"""The plan of a dataset that must be there, and what restores it where it is lost."""

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS, Plan, is_finished
from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from pixelgen.errors import BadValue, Conflict, PixelgenError, shell_path
from pixelgen.job import Job
from pixelgen.storage import Store

MANIFESTS = ("metadata.jsonl", "manifest.jsonl")


def read_plan(store: Store) -> Plan:
    """Return the plan of a dataset.

    Raises:
        BadValue: Where no dataset is.
        Conflict: Where the plan is damaged, or lost.
        PixelgenError: Where a run was interrupted before it wrote the plan, or a search before it
            found enough.
    """
    plan = Plan.read(store)
    if plan:
        return plan
    if any(map(store.exists, (PLAN, *MANIFESTS))):
        what = "empty" if store.exists(PLAN) else "missing"
        raise Conflict(f"{store.path(PLAN)} is {what}; {way_to_plan(store)}")
    if store.exists(JOURNAL):
        raise PixelgenError(
            f"the dataset in {store.root} is not finished, and {PLAN} is missing; run the command"
            " that makes the dataset again"
        )
    if store.exists(SEARCH_JOURNAL):
        raise PixelgenError(
            f"{store.root} holds a search that has no dataset yet; run the 'pixelgen mine' command"
            " again"
        )
    raise BadValue(
        f"{store.root} holds no pixelgen dataset ({PLAN} is missing); give the directory of one"
    )


def way_to_plan(store: Store, first: str = "") -> str:
    """Return what brings back a plan that is lost; only a journal or checksums show what it was.

    ``first`` is what has to be done before the dataset is made again.
    """
    if not any(map(store.exists, (JOURNAL, SUMS))):
        return "restore it, or move the dataset away"
    return (
        f"restore it, or {first}run the command that made the dataset again, with the same seed"
        " and all sidecars (not for --remote)"
    )


def finished_plan(store: Store) -> Plan:
    """Return the plan of a finished dataset.

    Raises what :func:`read_plan` and :func:`check_finished` raise.
    """
    plan = read_plan(store)
    check_finished(plan.job, store)
    return plan


def check_finished(job: Job, store: Store) -> None:
    """Raise PixelgenError where a dataset is not finished, Conflict where its manifest is lost."""
    if not store.exists(JOURNAL) and store.size(job.manifest) is None:
        raise Conflict(f"{store.path(job.manifest)} is {way_to_manifest(store, job)}")
    if not is_finished(store, job):
        way = "" if job.remote else f", or: pixelgen repair {shell_path(store.root)}"
        raise PixelgenError(
            f"the dataset in {store.root} is not finished; run the command that makes it again{way}"
        )


def way_to_manifest(store: Store, job: Job) -> str:
    """Say what is wrong with a manifest that is not there, and what brings it back."""
    is_there = store.exists(job.manifest)
    what = "not a regular file" if is_there else "missing"
    if job.remote:
        return f"{what}; move the dataset away"
    if is_there:
        return f"{what}; move it away, then run: pixelgen repair {shell_path(store.root)}"
    return f"{what}; to write it again, run: pixelgen repair {shell_path(store.root)}"


def check_generated(job: Job, store: Store) -> None:
    """Raise BadValue where images cannot be generated again, to compare or to replace others.

    Raises what :func:`check_finished` does where they are not all there yet.

    Raises:
        BadValue: If the images were fetched.
    """
    if job.remote:
        check_finished(job, store)
        raise BadValue(
            f"the images in {store.root} came from {job.remote} and cannot be made again; to"
            " fetch others, move the dataset away; to check these by their SHA-256, run: pixelgen"
            f" verify {shell_path(store.root)}"
        )
