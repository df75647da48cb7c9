"""The functions that generate, check, repair and load datasets; the command line calls these."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import Plan
from pixelgen.dataset.reader import Dataset
from pixelgen.dataset.run_config import Damage, RunConfig
from pixelgen.dataset.verify import CheckResult, check
from pixelgen.dataset.writer import Outcome, write, write_partition
from pixelgen.job import Job
from pixelgen.storage import Store, open_store

Place: TypeAlias = str | os.PathLike[str] | Store
"""A directory, the URL of an object store such as s3://bucket/prefix, or a store."""

Progress: TypeAlias = Callable[[int, int, int], object]
"""Gets the images and the bytes that were done just now, and how many images there are in all."""


@dataclass(frozen=True)
class Manifest:
    """A dataset as a run left it: the path of its manifest, the id of its job, its images.

    ``created`` images and ``bytes`` are of this run, ``existing`` ones were there. The manifest is
    there where ``is_complete``; of a partition that means that all its shards are done.
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
    """What a check found: how many images there are, and what is damaged or was repaired."""

    count: int
    damage: list[Damage]


def generate(
    job: Job,
    path: Place,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Manifest:
    """Generate the dataset of a job in a directory or an object store, or resume it.

    ``jobs`` is the number of worker processes, 0 as many as there are processors. Does nothing
    where the dataset is complete. Raises Conflict where another job's dataset or other files are in
    the way, Busy where another process writes there, BadValue for what cannot be made, and
    PixelgenError where writing fails; the same call then resumes.

    >>> import tempfile
    >>> from pixelgen import Job, generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=20, size=32), folder, jobs=1)
    >>> manifest.created, manifest.path.endswith("metadata.jsonl")
    (20, True)
    """
    store, run = _open(path), _configure(run, jobs, progress)
    plan = Plan.read(store)
    if run.overwrite and plan:
        from pixelgen.dataset.overwrite import remove_existing

        job = remove_existing(plan, job, store, run)
        plan = Plan.read(store)
    if run.partition:
        outcome = write_partition(job, store, run, plan, run.partition)
    else:
        outcome = write(job, store, run, plan)
    count = run.partition.images(job) if run.partition else job.count
    return Manifest.of(outcome, store.path(job.manifest), count)


def verify(
    path: Place,
    *,
    deep: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Report:
    """Check a finished dataset: rows, sizes and SHA-256 of every file.

    With ``deep`` every image is generated again and its bytes are compared. Raises PixelgenError
    where no finished dataset exists.

    >>> import tempfile
    >>> from pixelgen import Job, generate, verify
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=2, size=32), folder, jobs=1)
    ...     verify(folder, jobs=1)
    Report(count=2, damage=[])
    """
    store, run = _open(path), _configure(run, jobs, progress)
    plan = finished_plan(store)
    report = Report(plan.job.count, [])
    for result in check(plan, store, run, deep=deep, most=run.max_damage):
        _take(result, report, run)
        if len(report.damage) >= run.max_damage:
            break
    return report


def repair(
    path: Place,
    *,
    deep: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    run: RunConfig | None = None,
) -> Report:
    """Make again, to the same bytes, what is damaged or missing in a dataset; finish it.

    The report lists what was wrong. Raises Conflict where something cannot be restored, and then
    changes nothing.
    """
    from pixelgen.dataset.repair import repair as check_and_repair
    from pixelgen.dataset.repair import repair_plan

    store, run = _open(path), _configure(run, jobs, progress)
    plan, repaired = repair_plan(store)
    report = Report(plan.job.count, repaired)
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

    Raises PixelgenError where it does not exist, Conflict where its plan or manifest is damaged.

    >>> import tempfile
    >>> from pixelgen import Job, generate, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = generate(Job(count=3, size=32), folder, jobs=1)
    ...     dataset = load(folder)
    ...     len(dataset), dataset.images[2].shape, dataset.rows[2]["file_name"]
    (3, (32, 32, 3), 'images/000002.png')
    """
    store = _open(path)
    return Dataset(store, finished_plan(store))


def _open(path: Place) -> Store:
    return path if isinstance(path, Store) else open_store(os.fspath(path))


def _configure(run: RunConfig | None, jobs: int, progress: Progress | None) -> RunConfig:
    """Return how to run, with the options that have parameters of their own."""
    run = run or RunConfig()
    return replace(run, jobs=jobs or run.jobs, progress=progress or run.progress)
