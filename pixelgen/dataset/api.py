"""The functions that generate, check, repair and load datasets; the command line calls these."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from pixelgen.dataset.existing_plan import finished_plan, read_plan
from pixelgen.dataset.plan import Plan
from pixelgen.dataset.reader import Dataset
from pixelgen.dataset.resize import grow, is_growth, without_removed
from pixelgen.dataset.resize import remove as remove_images
from pixelgen.dataset.run_config import Damage, RunConfig
from pixelgen.dataset.verify import CheckResult, check
from pixelgen.dataset.writer import Outcome, write, write_partition
from pixelgen.job import Job
from pixelgen.layouts.image_indices import IndexRanges
from pixelgen.storage import Store, open_store

Place: TypeAlias = str | os.PathLike[str] | Store
"""A directory, the URL of an object store such as s3://bucket/prefix, or a store."""

Progress: TypeAlias = Callable[[int, int, int], object]
"""Gets the images and the bytes that were done just now, and how many images there are in all."""


@dataclass(frozen=True)
class Manifest:
    """A dataset as a run left it.

    Attributes:
        path: The path or URL of its manifest.
        id: The digest of its job, a SHA-256 in hexadecimal.
        count: Images of the dataset, or of the partition.
        created: Images that this run made.
        existing: Images that existed before.
        bytes: Size of the files that this run made.
        is_complete: Whether the manifest exists; of a partition, whether all its shards do.
        has_new_sidecars: Whether the run added sidecars to a complete dataset.
    """

    path: str
    id: str
    count: int
    created: int
    existing: int
    bytes: int
    is_complete: bool
    has_new_sidecars: bool

    @classmethod
    def of(cls, outcome: Outcome, path: str, count: int) -> Self:
        """Return the manifest of a run by what it did."""
        return cls(
            path=path,
            id=outcome.digest,
            count=count,
            created=outcome.created,
            existing=outcome.existing,
            bytes=outcome.bytes,
            is_complete=outcome.is_complete,
            has_new_sidecars=outcome.has_new_sidecars,
        )


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        count: Images of the dataset.
        damage: What is damaged, or was and is repaired: the name of a file, and what is wrong.
        links: Files that are symbolic links, which the check followed.
    """

    count: int
    damage: list[Damage]
    links: int = 0


def generate(
    job: Job,
    path: Place,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Manifest:
    """Generate the dataset of a job, or resume it; do nothing where it is complete.

    A complete dataset of the same job with a smaller ``count`` gets the images that it lacks. Those
    that were removed from it stay removed.

    Args:
        job: What to generate.
        path: A directory, the URL of an object store such as s3://bucket/prefix, or a store.
        jobs: Worker processes; 0 means one for each CPU that this process may use.
        progress: Called as work is done, with the images and bytes done since the last call, and
            the number of images in all.
        run: All other settings of the run; ``jobs`` and ``progress`` replace its own.

    Returns:
        What the run did, and where the manifest is.

    >>> import tempfile
    >>> from pixelgen import Job, generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=20, size=32), folder, jobs=1)
    >>> manifest.created, manifest.path.endswith("metadata.jsonl")
    (20, True)

    Raises:
        Conflict: Where another job's dataset or other files are in the way.
        Busy: Where another process writes there.
        BadValue: For what cannot be made.
        PixelgenError: Where writing fails; the same call then resumes.
    """
    store, run = open_place(path), _configure(run, jobs, progress)
    plan = Plan.read(store)
    if run.overwrite and plan:
        from pixelgen.dataset.overwrite import remove_existing

        job = remove_existing(plan, job, store, run)
        plan = Plan.read(store)
    elif plan:
        job = without_removed(plan, job)
    if run.partition:
        outcome = write_partition(job, store, run, plan, run.partition)
    elif plan and is_growth(plan.job, job):
        outcome = grow(plan, job, store, run)
    else:
        outcome = write(job, store, run, plan)
    count = run.partition.images(job) if run.partition else len(job)
    return Manifest.of(outcome, store.path(job.manifest), count)


def remove(
    path: Place,
    indices: Iterable[int],
    *,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Manifest:
    """Remove images from a finished dataset, with their rows and labels.

    The other images keep their indices and names; the dataset's plan records which are removed.

    Args:
        path: A directory.
        indices: The indices of the images; those that are removed already do not count.
        jobs: Worker processes; 0 means one for each CPU that this process may use.
        progress: Called as files of many images are made again without those that are removed.
        run: All other settings of the run; ``jobs`` and ``progress`` replace its own.

    Returns:
        What is left, and where the manifest is.

    >>> import tempfile
    >>> from pixelgen import Job, generate, remove
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = generate(Job(count=20, size=32), folder, jobs=1)
    ...     remove(folder, [3, 17]).count
    18

    Raises:
        BadValue: For indices that do not exist, where no image would be left, and where no dataset
            is.
        Conflict: Where the dataset is damaged, or of another version.
        Busy: Where another process writes to it.
        PixelgenError: Where the dataset is not finished, or writing fails; the same call resumes.
    """
    store, run = open_place(path), _configure(run, jobs, progress)
    plan = read_plan(store)
    outcome = remove_images(plan, IndexRanges.of(sorted(set(indices))), store, run)
    return Manifest.of(outcome, store.path(plan.job.manifest), outcome.existing)


def verify(
    path: Place,
    *,
    deep: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Report:
    """Check a finished dataset: rows, sizes and SHA-256 of every file.

    Args:
        path: A directory, the URL of an object store such as s3://bucket/prefix, or a store.
        deep: Generate every image again, and compare its bytes.
        jobs: Worker processes; 0 means one for each CPU that this process may use.
        progress: Called as work is done, with the images and bytes done since the last call, and
            the number of images in all.
        run: All other settings of the run; ``jobs`` and ``progress`` replace its own.

    Returns:
        The number of images, and the damage; an intact dataset has none. The check stops at
        ``run.max_damage`` damages.

    >>> import tempfile
    >>> from pixelgen import Job, generate, verify
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=2, size=32), folder, jobs=1)
    ...     verify(folder, jobs=1)
    Report(count=2, damage=[], links=0)

    Raises:
        BadValue: Where no dataset is.
        PixelgenError: Where the dataset is not finished.
        Conflict: Where its plan is damaged, or ``deep`` cannot generate its images here.
    """
    store, run = open_to_read(path), _configure(run, jobs, progress)
    plan = finished_plan(store)
    report, links = Report(len(plan.job), []), 0
    for result in check(plan, store, run, deep=deep, most=run.max_damage):
        _take(result, report, run)
        links += result.links
        if len(report.damage) >= run.max_damage:
            break
    return replace(report, links=links)


def repair(
    path: Place,
    *,
    deep: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Report:
    """Generate damaged and missing files of a dataset again, with the same bytes; finish it.

    Args:
        path: A directory, the URL of an object store such as s3://bucket/prefix, or a store.
        deep: Generate every image again, and compare its bytes.
        jobs: Worker processes; 0 means one for each CPU that this process may use.
        progress: Called as work is done, with the images and bytes done since the last call, and
            the number of images in all.
        run: All other settings of the run; ``jobs`` and ``progress`` replace its own.

    Returns:
        The number of images, and what was damaged and is now repaired.

    Raises:
        Conflict: Where something cannot be restored; then nothing was changed.
        BadValue: Where no dataset is.
    """
    from pixelgen.dataset.repair import repair as check_and_repair
    from pixelgen.dataset.repair import repair_plan

    store, run = open_place(path), _configure(run, jobs, progress)
    plan, repaired = repair_plan(store)
    report = Report(len(plan.job), repaired)
    for result in check_and_repair(plan, store, run, deep=deep):
        _take(result, report, run)
    return report


def _take(result: CheckResult, report: Report, run: RunConfig) -> None:
    """Add what the check of a shard found to a report, and report it to the caller."""
    run.progress(result.images, result.bytes, report.count)
    for damage in result.damage[: run.max_damage - len(report.damage)]:
        report.damage.append(damage)
        run.on_damage(damage)


def load(path: Place) -> Dataset:
    """Open a finished dataset, to read its rows and images.

    Args:
        path: A directory, the URL of an object store such as s3://bucket/prefix, or a store.

    >>> import tempfile
    >>> from pixelgen import Job, generate, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=3, size=32), folder, jobs=1)
    ...     dataset = load(folder)
    ...     len(dataset), dataset.images[2].shape, dataset.rows[2]["file_name"]
    (3, (32, 32, 3), 'images/000002.png')

    Raises:
        BadValue: Where no dataset is.
        PixelgenError: Where the dataset is not finished.
        Conflict: Where its plan or manifest is damaged.
    """
    store = open_to_read(path)
    return Dataset(store, finished_plan(store))


def open_place(path: Place) -> Store:
    """Return the store of a place."""
    return path if isinstance(path, Store) else open_store(os.fspath(path))


def open_to_read(path: Place) -> Store:
    """Return a store whose files may be links, as DVC and git-annex make them."""
    if isinstance(path, Store):
        return path
    return open_store(os.fspath(path), follows_links=True)


def _configure(run: RunConfig | None, jobs: int, progress: Progress | None) -> RunConfig:
    """Return how to run, with the options that have parameters of their own."""
    run = run or RunConfig()
    return replace(run, jobs=jobs or run.jobs, progress=progress or run.progress)
