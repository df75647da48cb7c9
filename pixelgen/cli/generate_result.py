"""What ``pixelgen generate`` prints when it is done."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from pixelgen.cli.job_notes import RunnableOptions
from pixelgen.cli.output import (
    Progress,
    human_bytes,
    pluralize,
    print_json,
    print_path,
    report,
    report_loader_calls,
)
from pixelgen.errors import shell_path

if TYPE_CHECKING:
    from pixelgen.dataset.api import Manifest
    from pixelgen.dataset.partition import Partition
    from pixelgen.job import Job
    from pixelgen.storage import Store


@dataclass(frozen=True)
class Result:
    """A run that ended: its job, where, what it left, how fast, and by how many requests."""

    job: "Job"
    store: "Store"
    manifest: "Manifest"
    progress: Progress
    requests: int | None

    def describe(self) -> str:
        """Return what the run did, in a line."""
        manifest = self.manifest
        if not len(self.job):
            return "0 images: the dataset is empty"
        if not manifest.created:
            done = "sidecars added" if manifest.has_new_sidecars else "nothing to do"
            exist = "exists" if manifest.count == 1 else "exist"
            return f"{done}: {pluralize(manifest.count, 'image')} already {exist}"
        existing = ""
        if manifest.existing:
            existing = f" ({manifest.existing:,} existed in finished shards)"
        requests = f", {pluralize(self.requests, 'request')}" if self.requests else ""
        return (
            f"{pluralize(manifest.created, 'image')}, {human_bytes(manifest.bytes)}{existing},"
            f" {self.progress.speed}{requests}"
        )

    def figures(self) -> dict[str, object]:
        """Return what was created, by its name in JSON."""
        return {
            "count": self.manifest.count,
            "created": self.manifest.created,
            "existing": self.manifest.existing,
            "bytes": self.manifest.bytes,
            "seconds": round(self.progress.seconds, 3),
        }


class ResultOptions(RunnableOptions, Protocol):
    """Of the options of a command that writes a dataset, those that count here."""

    @property
    def out(self) -> str:
        """Where the dataset is, as the user wrote it."""

    @property
    def as_json(self) -> bool:
        """Whether the result is printed as JSON."""


def print_dataset(
    result: Result, options: ResultOptions, others: Mapping[str, object] = MappingProxyType({})
) -> None:
    """Say on stderr what was done, and print the result on stdout; JSON with other figures."""
    manifest = result.manifest
    if not options.quiet:
        report(result.describe())
        if manifest.count:
            report_loader_calls(result.job, result.store, options.trainer)
    if options.as_json:
        requests = {"requests": result.requests} if result.job.remote else {}
        head = {"state": "complete", "id": manifest.id, "manifest": manifest.path}
        print_json(head | result.figures() | requests | dict(others))
    else:
        print_path(manifest.path)


def print_partition(result: Result, partition: "Partition", options: ResultOptions) -> None:
    """Say what was done of a dataset that is not complete yet, and how it is completed."""
    if not options.quiet:
        report(f"partition {partition}: {_describe_partition(result, partition)}")
        when = "to complete it"
        if partition.total > 1:
            when = f"when all {partition.total:,} are done"
        report(f"{when}, run: pixelgen finish {shell_path(options.out)}")
    if options.as_json:
        head = {"state": "partial", "id": result.manifest.id, "partition": str(partition)}
        print_json(head | result.figures())


def _describe_partition(result: Result, partition: "Partition") -> str:
    """Return what the run of a partition did; of one without shards, what would give it some."""
    job = result.job
    if not job.shard_count or partition.number <= job.shard_count:
        return result.describe()
    sizes = f"{job.shard_count:,} of up to {pluralize(job.shard_size, 'image')}"
    layout = _more_shards(job, partition.total)
    way = f"; for more, give every partition --layout {layout} and a new directory"
    return f"it has no shard, since the dataset has only {sizes}{way if layout else ''}"


def _more_shards(job: "Job", least: int) -> str:
    """Return the spec of a layout with at least so many shards, '' where they cannot be chosen."""
    container = job.layout.container
    if not hasattr(container, "per_shard") or len(job) < least:
        return ""
    changes: dict[str, Any] = {"per_shard": len(job) // least}
    return str(replace(job.layout, container=replace(container, **changes)))
