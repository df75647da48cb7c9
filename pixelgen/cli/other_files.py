"""The note about files of the user's in a directory that gets a new dataset."""

import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelgen.job import Job
    from pixelgen.storage import Store

_LISTED = 1000  # entries of a directory that are looked at
_NAMED = 3


def note_of_other_files(job: "Job", store: "Store") -> str:
    """Return a note of what is already where a new dataset is to be written; '' if nothing is.

    Hidden files do not count.

    A class folder beside others is meant to be so: there the folder itself is looked at. A dataset
    that is resumed, or whose plan was lost, is not new.
    """
    from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS

    known = (PLAN, JOURNAL, SUMS, job.manifest)
    if not store.has_local_paths or any(map(store.exists, known)):
        return ""
    folders = [""]
    if job.layout.container.name == "imagefolder":
        folders = [*job.layout.container.folders(job.info)]
    for folder in folders:
        place = store.path(folder) if folder else store.root
        if names := _names(place):
            shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            return (
                f"note: {place} already holds files of yours ({shown}); they stay, and are not part"
                " of the dataset, but a loader of the whole directory reads them, too; to keep them"
                " apart, give --out a new directory"
            )
    return ""


def _names(place: str) -> list[str]:
    """Return the first names in a directory, without hidden ones."""
    with suppress(OSError), os.scandir(place) as entries:
        return sorted(entry.name for entry in islice(entries, _LISTED) if entry.name[0] != ".")
    return []
