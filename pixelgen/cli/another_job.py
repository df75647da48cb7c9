"""What to do where the directory of ``generate`` holds another job: the end of that message."""

from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING

from pixelgen.cli.beside import changed_hint
from pixelgen.cli.output import pluralize
from pixelgen.errors import Conflict, shell_path

if TYPE_CHECKING:
    from pixelgen.cli.generate_options import GenerateOptions
    from pixelgen.job import Job
    from pixelgen.storage import Store


def another_job_hint(job: "Job", store: "Store", options: "GenerateOptions") -> str:
    """Return what else can be done than to choose another directory.

    A finished dataset can be replaced, or made smaller; an unfinished one may have been begun
    beside a dataset of the user's that has changed.
    """
    from pixelgen.dataset.plan import Plan, is_finished
    from pixelgen.dataset.staging import read_new_plan

    plan = Plan.read(store)
    begun = ""
    with suppress(Conflict):  # of a damaged file, whose message would hide what is wrong here
        if plan and (new := read_new_plan(plan, store)):
            begun = f"; a change to {pluralize(len(new.job), 'image')} was begun there"
    can_change = store.can_replace and options.partition is None
    if plan is None or not can_change or not is_finished(store, plan.job):
        return f"{begun}{changed_hint(options)}"
    smaller = "" if plan.changed_versions() else _smaller_hint(plan.job, job, store)
    return f", or --force to replace that dataset{begun}{smaller or changed_hint(options)}"


def _smaller_hint(old: "Job", job: "Job", store: "Store") -> str:
    """Return how a dataset is made smaller, if a job is the same one with fewer images."""
    from pixelgen.dataset.plan import differing_fields
    from pixelgen.layouts import Sharded

    first, last = job.indices.stop, old.indices.stop - 1
    is_smaller = differing_fields(old, job) - {"removed"} == {"count"} and first <= last
    is_fixed = bool(old.remote) and isinstance(old.layout.container, Sharded)
    stays = next(iter(old.indices), first) < first
    if not is_smaller or is_fixed or not stays or job.removed not in (None, old.removed):
        return ""
    extra = len(old.indices) - bisect_left(old.indices, first)  # a plan may claim very many
    if not extra:
        return (
            f"; its images from {first} on are removed already: to use it as it is, write"
            f" -n {old.count}"
        )
    ranges = f"{first}-{last}" if first < last else f"{first}"
    return (
        f"; to remove {pluralize(extra, 'image')} from it instead, run: pixelgen remove"
        f" {shell_path(store.root)} --index {ranges}"
    )
