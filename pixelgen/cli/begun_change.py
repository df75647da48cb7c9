"""The note about a change of a dataset, by ``generate -n`` or ``remove``, that was begun."""

from typing import TYPE_CHECKING

from pixelgen.cli.output import pluralize, report
from pixelgen.errors import Conflict

if TYPE_CHECKING:
    from pixelgen.dataset.plan import Plan
    from pixelgen.storage import Store


def report_begun_change(store: "Store") -> None:
    """Report on stderr that a change of a dataset was begun, if one was."""
    from pixelgen.dataset.plan import Plan
    from pixelgen.dataset.staging import NEW_PLAN, read_new_plan

    if not store.can_replace or store.size(NEW_PLAN) is None:
        return  # a command reads the plan of a dataset once, but for this rare case
    try:
        plan = Plan.read(store)
        new = read_new_plan(plan, store) if plan else None
    except Conflict as error:  # a note must not fail a command that has done its work
        report(f"note: {error}")
        return
    if plan and new:
        report(note_of_begun_change(plan, new, store))


def note_of_begun_change(plan: "Plan", new: "Plan", store: "Store") -> str:
    """Return how a change is finished or, where the dataset is still the old one, given up."""
    from pixelgen.dataset.lost_manifest import is_manifest_lost
    from pixelgen.dataset.plan import is_finished

    is_old = is_finished(store, plan.job) or is_manifest_lost(plan.job, store)
    way = "; to delete what it made, run the one that made the dataset" if is_old else ""
    return (
        f"note: a change to {pluralize(len(new.job), 'image')} was begun; to finish it, run the"
        f" command that began it again{way}"
    )
