"""The record of a mined dataset: which candidates its images are, and what they were chosen by.

``selection.jsonl`` has a line an image, and the job of the dataset has its SHA-256: from the first
shard on it stands for the search, so that no model is needed to make the images, or to check or
repair them. ``mining.json`` says by which model and rules they were chosen, and ``scores.npy`` has
the scores of all candidates, to choose again; no image depends on these two.
"""

import json
from collections.abc import Iterable

from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.source_images import SelectedImage, Selection
from pixelgen.storage import Store

SELECTION = "selection.jsonl"
MINING = "mining.json"
SCORES = "scores.npy"
SEARCH_JOURNAL = ".pixelgen.search"
"""There as long as a search is not finished; see :mod:`pixelgen.scoring.search`."""

_LINE_LIMIT = 1 << 14  # bytes


def selection_files(job: Job) -> tuple[str, ...]:
    """Return the names of the files, if the job is that of a mined dataset."""
    return (SELECTION, MINING, SCORES) if job.selection else ()


def write_selection(store: Store, selection: Selection) -> None:
    """Write the files that are there in memory; the selection comes last."""
    for name, data in selection.files:
        store.put(name, data)
    store.put(SELECTION, selection.lines())
    for name in (*dict(selection.files), SELECTION):
        store.sync(name)


def read_selection(store: Store, job: Job) -> Selection | None:
    """Return the selection of a mined dataset, None where the file is missing.

    Raises:
        Conflict: If it is damaged, or of another dataset.
    """
    if store.size(SELECTION) is None:
        return None
    selection = _parse(store.lines(SELECTION, max_bytes=_LINE_LIMIT), job.count)
    if selection is None or selection.digest != job.selection:
        raise Conflict(
            f"{store.path(SELECTION)} is damaged or of another dataset; to write it again, run:"
            f" pixelgen repair {shell_path(store.root)}"
        )
    return selection


def restore_selection(store: Store, job: Job) -> Selection:
    """Return the selection as the rows of the manifest say it.

    Raises:
        Conflict: If they do not say it to the bit.
    """
    selection = _parse(store.lines(job.manifest), job.count)
    if selection is None or selection.digest != job.selection:
        raise Conflict(
            f"{store.path(SELECTION)} is missing or damaged, and {job.manifest} does not say what"
            " it was; restore one of them from a copy, or run the command that made the dataset"
            " again in another directory"
        )
    return selection


def copy_search(store: Store, other: Store) -> tuple[tuple[str, bytes], ...]:
    """Return the files of another store that images do not depend on and this one lacks."""
    return tuple(
        (name, b"".join(other.chunks(name)))
        for name in (MINING, SCORES)
        if store.size(name) is None and other.size(name) is not None
    )


def _parse(lines: Iterable[bytes], count: int) -> Selection | None:
    """Return the selection of so many lines; None if they are not such ones."""
    images: list[SelectedImage] = []
    try:
        for line in lines:
            if len(images) == count:
                return None
            images.append(SelectedImage.parse(json.loads(line)))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Selection(tuple(images))
