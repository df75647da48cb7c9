"""What a dataset is made from besides its job, as it is recorded in it: ``sources.jsonl``.

A line an image, in the order in which they are drawn from: the folder, the file's name below it,
its SHA-256, its sides in pixels and, for crops, what was asked of it and the boxes of its objects.
From the first shard on the record stands for the folders and labels: a resumed run, every worker
and every check take the images and boxes that it names, and no others. The same holds for the
selection of a mined dataset, see :mod:`pixelgen.dataset.selection_record`.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pixelgen.dataset.plan import Plan
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import (
    SELECTION,
    copy_search,
    read_selection,
    selection_files,
    write_selection,
)
from pixelgen.errors import BadValue, Conflict, shell_path
from pixelgen.job import Job
from pixelgen.manifest_rows import is_sha256
from pixelgen.source_images import (
    MOST_IMAGES,
    SourceCatalog,
    SourceFolder,
    SourceImage,
    is_inside,
)
from pixelgen.storage import Store

SOURCES = "sources.jsonl"
_LINE_LIMIT = 16 << 20  # bytes: an image may have very many boxes


def record_files(job: Job) -> tuple[str, ...]:
    """Return the names of the records that the job has."""
    return ((SOURCES,) if job.image_sources else ()) + selection_files(job)


def write_record(store: Store, sources: SourceCatalog) -> None:
    """Record what a dataset is made from besides its job, if it is made from anything."""
    if sources.folders:
        store.put(SOURCES, _lines(sources))
        store.sync(SOURCES)
    if sources.selection:
        write_selection(store, sources.selection)


def _lines(sources: SourceCatalog) -> Iterator[bytes]:
    for folder in sources.folders:
        columns = folder.source.columns
        for image in folder.images:
            row = columns | {"file_name": image.name, "sha256": image.sha256}
            row |= {"width": image.width, "height": image.height}
            if folder.source.room:
                row["boxes"] = image.pixel_boxes.tolist()
            yield json.dumps(row).encode() + b"\n"


def read_record(store: Store, job: Job) -> SourceCatalog | None:
    """Return what a dataset is made from besides its job, None where a record is missing.

    Raises:
        Conflict: If it cannot be read.
    """
    folders, selection = _read_folders(store, job), None
    if folders is None:
        return None
    if job.selection:
        selection = read_selection(store, job)
        if selection is None:
            return None
    return SourceCatalog(folders, selection)


def _read_folders(store: Store, job: Job) -> tuple[SourceFolder, ...] | None:
    """Return the folders of the user's images, None where their record is missing."""
    images: dict[str, list[SourceImage]] = {_key(each.columns): [] for each in job.image_sources}
    if not images:
        return ()
    if store.size(SOURCES) is None:
        return None
    try:
        for count, line in enumerate(store.lines(SOURCES, max_bytes=_LINE_LIMIT), 1):
            if count > MOST_IMAGES * len(images):
                raise ValueError("it has too many lines")
            row = json.loads(line)
            images[_key(row)].append(_read_image(row))
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise Conflict(f"{store.path(SOURCES)} is damaged; {_way_to_record(store)}") from None
    if not all(images.values()):
        raise Conflict(f"{store.path(SOURCES)} is cut short; {_way_to_record(store)}")
    folders = zip(job.image_sources, images.values(), strict=True)
    return tuple(SourceFolder(source, tuple(each)) for source, each in folders)


def read_existing_record(store: Store, job: Job) -> SourceCatalog:
    """Return what a dataset is made from; raise Conflict where that cannot be read."""
    sources = read_record(store, job)
    if sources is None:
        name = next(each for each in record_files(job) if store.size(each) is None)
        raise Conflict(f"{store.path(name)} is missing; {_way_to_record(store)}")
    return sources


def _way_to_record(store: Store) -> str:
    """Return what brings back a record that is lost."""
    return f"to write the record again, run: pixelgen repair {shell_path(store.root)}"


def _key(row: dict[str, Any]) -> str:
    """Return what a row says of its source, as text that can be compared."""
    return json.dumps([row["source"], row.get("crop")], sort_keys=True)


def _read_image(row: dict[str, Any]) -> SourceImage:
    """Read an image's line; raise ValueError, TypeError or KeyError for what no folder holds."""
    boxes = np.array(row.get("boxes") or [], np.int64).reshape(-1, 4)
    if len(boxes) and not 0 <= boxes.min() <= boxes.max() < 1 << 31:
        raise ValueError("a box is beyond every image")
    image = SourceImage(row["file_name"], row["sha256"], row["width"], row["height"],
                        boxes.astype("<i4").tobytes())  # fmt: skip
    is_plain = isinstance(image.name, str) and is_inside(image.name)
    sides = [type(side) is int and 0 < side < 1 << 31 for side in image[2:4]]
    if not is_plain or not is_sha256(image.sha256) or not all(sides):
        raise ValueError("it names no image below a folder")
    return image


def read_sources(plan: Plan, store: Store) -> Job:
    """Return the plan's job with the images that its dataset is made from.

    Raises:
        Conflict: Where the record is missing or damaged, or lists other images than the plan.
    """
    sources = read_existing_record(store, plan.job)
    _check_record(plan, sources, store)
    return plan.job.with_sources(sources)


def read_sources_to_copy(plan: Plan, store: Store, target: Store) -> Job:
    """Return what :func:`read_sources` does, with the files of a search that a store lacks."""
    job = read_sources(plan, store)
    if job.sources.selection is None:
        return job
    selection = replace(job.sources.selection, files=copy_search(target, store))
    return job.with_sources(replace(job.sources, selection=selection))


def _check_record(plan: Plan, sources: SourceCatalog, store: Store) -> None:
    """Raise Conflict where a record is not the one that was written with the plan."""
    if sources.digests != plan.sources:
        raise Conflict(
            f"{store.path(SOURCES)} lists other {name_sources(plan.job)} than the plan was made"
            f" with; {_way_to_record(store)}"
        )


@lru_cache(maxsize=1)
def job_with_sources(plan: Plan, store: Store) -> Job:
    """Return what :func:`read_sources` does, read once a process: the plan says what it must be."""
    return read_sources(plan, store)


def check_sources(plan: Plan, sources: SourceCatalog, root: str) -> None:
    """Raise Conflict where images are not those that a dataset was begun with."""
    if sources.digests != plan.sources:
        raise Conflict(
            f"the {name_sources(plan.job)} that the dataset in {root} is made from have changed"
            " since it was begun; restore them, or choose another directory"
        )


def name_sources(job: Job) -> str:
    """Return what a job is made from, for a message about a change that may be in any of it."""
    has_labels = any(each.room and each.room.labels for each in job.image_sources)
    return "images or labels" if has_labels else "images"


def name_changed_sources(job: Job, one: Store, other: Store) -> str:
    """Return what differs in the records of two datasets of a job: images, labels, or either.

    Other labels may leave an image no room for crops, and so change which images are listed.
    Raises Conflict where a record is damaged.
    """
    records = [read_record(store, job) for store in (one, other)]
    before, now = (
        {
            (number, image.name): image.sha256
            for number, folder in enumerate(record.folders if record else ())
            for image in folder.images
        }
        for record in records
    )
    what = name_sources(job)
    if what == "images" or None in records:
        return what
    if before == now:
        return "labels"
    return "images" if any(now.get(key, hash_) != hash_ for key, hash_ in before.items()) else what


def note_newer_labels(job: Job, store: Store, run: RunConfig) -> None:
    """Note which labels have changed since their boxes were recorded."""
    rooms = [each.room for each in job.image_sources if each.room]
    if not rooms or not store.has_local_paths:
        return
    recorded = Path(store.path(SOURCES)).stat().st_mtime
    for labels in dict.fromkeys(each.labels for each in rooms):
        path = Path(labels)
        files = path.rglob("*") if path.is_dir() else (path,)
        if labels and any(each.stat().st_mtime > recorded for each in files if each.is_file()):
            run.note(
                f"{labels} has changed since {store.root} was begun, which keeps the boxes of then;"
                " to read it again, run the same command with --force"
            )


def bind_sources(job: Job, store: Store, run: RunConfig, plan: Plan | None) -> Job:
    """Return the job with the user's images that it is made from, if it is made from any.

    They are those that the dataset records, or else those in the folders now.

    Raises:
        BadValue: For images that cannot be used.
        Conflict: Where the dataset was begun with others.
    """
    names = record_files(job)
    if plan and not names:
        check_sources(plan, job.sources, store.root)
    is_scanned = job.sources.folders or not job.image_sources
    if is_scanned and (job.sources.selection or not job.selection):
        return job
    if job.selection and plan is None:
        raise BadValue("the job of a mined dataset needs its selection; use Job.with_selection()")
    if plan and (recorded := read_record(store, job)):
        _check_record(plan, recorded, store)
        note_newer_labels(job, store, run)
        return job.with_sources(recorded)
    job = job.scan_sources(skip_damaged=run.skip_damaged)
    for line in job.sources.notes():
        run.note(line)
    return job


def intact_records(store: Store, plan: Plan) -> set[str]:
    """Return the names of the records that are byte for byte as they were written for this plan.

    Of the files of a search that no image depends on, those that exist: the plan does not say what
    they were.
    """
    intact = {name for name in selection_files(plan.job) if store.size(name) is not None}
    intact.discard(SELECTION)
    with suppress(Conflict):
        folders = _read_folders(store, plan.job)
        catalog = SourceCatalog(folders or ())
        is_right = folders and catalog.digests == plan.sources[: len(folders)]
        if is_right and store.content_equals(SOURCES, _lines(catalog)):
            intact.add(SOURCES)
    with suppress(Conflict):
        selection = read_selection(store, plan.job) if plan.job.selection else None
        if selection and store.content_equals(SELECTION, selection.lines()):
            intact.add(SELECTION)
    return intact
