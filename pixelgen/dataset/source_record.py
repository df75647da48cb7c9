"""The record of the user's images that a set is made from: ``sources.jsonl``.

A line an image, in the order in which they are drawn from: the folder, the file's name below it,
its SHA-256 and its sides in pixels. From the first shard on the record stands for the folders: a
run that goes on, every worker and every check take the images that it names, and no others.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.manifest_rows import is_sha256
from pixelgen.source_images import is_inside
from pixelgen.storage import Store

if TYPE_CHECKING:
    from pixelgen.source_images import Entry, Folder

SOURCES = "sources.jsonl"


def extras(job: Job) -> tuple[str, ...]:
    """Return the name of the record, if the job has any."""
    return (SOURCES,) if job.sources else ()


def look(job: Job, *, skip_damaged: bool = False) -> list[str]:
    """Look at the job's folders as they are now, and return what was left out and why.

    Raises BadValue for images that cannot be used; with ``skip_damaged`` those that cannot be
    decoded are left out.
    """
    skipped: list[str] = []
    if job.sources:
        from pixelgen.source_images import listed, remember, scan

        for path in job.sources:
            found = remember(scan(path, skip_damaged=skip_damaged))
            found.check(job.width, job.height)
            if found.skipped:
                skipped.append(f"left out of {path!r}: {listed(found.skipped)}")
    return skipped


def digests(job: Job) -> list[str]:
    """Return the SHA-256 of what is in each of the job's folders."""
    return [each.digest for each in _folders(job)]


def images(job: Job) -> Iterator[str]:
    """Yield the paths of all images in the job's folders."""
    for each in _folders(job):
        for entry in each.entries:
            yield f"{each.path}/{entry.name}"


def record(store: Store, job: Job) -> None:
    """Write down what the job's folders hold."""
    if job.sources:
        store.put(SOURCES, _lines(job))
        store.sync(SOURCES)


def _folders(job: Job) -> "list[Folder]":
    if not job.sources:
        return []
    from pixelgen.source_images import folder

    return [folder(path) for path in job.sources]


def _lines(job: Job) -> Iterator[bytes]:
    for each in _folders(job):
        for name, sha256, width, height in each.entries:
            row = {"source": each.path, "file_name": name, "sha256": sha256}
            yield json.dumps(row | {"width": width, "height": height}).encode() + b"\n"


def is_sound(store: Store, job: Job, wanted: Sequence[str]) -> bool:
    """Tell whether the record is to the bit as it was written, of folders with these digests."""
    try:
        recorded = recall(store, job)
    except Conflict:
        return False
    if not recorded or not job.sources:
        return recorded
    return digests(job) == list(wanted) and store.content_equals(SOURCES, _lines(job))


def recall(store: Store, job: Job) -> bool:
    """Take the folders as they were written down; return False where nothing was.

    Raises Conflict if the record cannot be read.
    """
    if not job.sources or store.size(SOURCES) is None:
        return not job.sources
    from pixelgen.source_images import MOST_IMAGES, Entry, Folder, remember

    entries: dict[str, list[Entry]] = {path: [] for path in job.sources}
    try:
        for count, line in enumerate(store.lines(SOURCES), 1):
            if count > MOST_IMAGES * len(entries):
                raise ValueError("it has too many lines")
            row = json.loads(line)
            entries[row["source"]].append(_entry(row))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Conflict(f"{store.path(SOURCES)} is damaged; put the old one back") from None
    if not all(entries.values()):
        raise Conflict(f"{store.path(SOURCES)} is cut short; put the old one back")
    for path, found in entries.items():
        remember(Folder(path, tuple(found)))
    return True


def _entry(row: dict[str, Any]) -> "Entry":
    """Read an image's line; raise ValueError, TypeError or KeyError for what no folder holds."""
    from pixelgen.source_images import Entry

    entry = Entry(row["file_name"], row["sha256"], row["width"], row["height"])
    is_plain = isinstance(entry.name, str) and is_inside(entry.name)
    sides = [type(side) is int and 0 < side < 1 << 31 for side in entry[2:]]
    if not is_plain or not is_sha256(entry.sha256) or not all(sides):
        raise ValueError("it names no image below a folder")
    return entry
