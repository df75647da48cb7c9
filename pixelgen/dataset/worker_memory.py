"""How many workers fit into the memory: what one needs, and what is available."""

from typing import NamedTuple

from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial, available_memory
from pixelgen.job import Job

_PROCESS = 80 << 20
"""Bytes of a worker with small images: 40 to 60 MiB with numpy and Pillow, and tables."""

_ENCODING = {"avif": 16, "jpeg2000": 18, "webp": 16}
"""Bytes for each byte of pixels while an image is encoded: what drawing took is free again.

The formats that are not listed need less than drawing does. Measured by ``python -m
benchmarks.memory --format NAME`` with uniform images, which need most.
"""

_PARQUET_GROUP = 16 << 20
_PARQUET = 12
"""Bytes for each byte of a row group, which pyarrow copies several times as it writes it."""


class WorkerPlan(NamedTuple):
    """How many workers make a dataset, and what a user should read of that, if anything."""

    workers: int
    note: str = ""


def workers_for(job: Job, run: RunConfig, shards: int) -> int:
    """Return how many workers make so many shards of a job; note where memory may not suffice."""
    workers, note = plan_workers(job, run, shards)
    if note:
        run.note(note)
    return workers


def plan_workers(job: Job, run: RunConfig, shards: int) -> WorkerPlan:
    """Choose the workers that make so many shards of a job.

    Their number is that of the run; unless it was given, only as many as fit into the memory that
    is available, and at least one. A worker without a shard needs no memory. Workers of distributed
    engines are elsewhere, and fetched images are made by one process: these are not limited.
    """
    if job.remote or run.engine.distributed:
        return WorkerPlan(run.workers)
    wanted = 1 if isinstance(run.engine, Serial) else max(1, min(run.workers, shards))
    each, available = worker_bytes(job), available_memory()
    if available is None or wanted * each <= available:
        return WorkerPlan(run.workers)
    count = wanted if run.jobs else max(1, available // each)
    if count < wanted:
        return WorkerPlan(
            count,
            f"note: the number of workers is {count}, not {wanted}: each may need {_gib(each)} of"
            f" memory, and {_gib(available)} is available; choose another number with --jobs",
        )
    return WorkerPlan(
        count,
        f"note: images of {job.image.size} may need {_gib(count * each)} of memory in all workers,"
        f" and {_gib(available)} is available; if the run is killed, run the same command again"
        " with fewer --jobs or choose a smaller --size",
    )


def worker_bytes(job: Job) -> int:
    """Estimate the memory of a worker at its peak, in bytes.

    Not included: the user's own images, which are decoded as a whole, and models that score.
    """
    pixels = job.image.bytes
    drawing = max(family.memory for family in job.image.family.families)
    each = max(drawing, _ENCODING.get(job.format.name, 0))
    group = 0
    if job.layout.container.name == "parquet":
        group = min(max(_PARQUET_GROUP, pixels), job.shard_size * pixels)
    return _PROCESS + each * pixels + _PARQUET * group


def _gib(size: int) -> str:
    return f"{size / (1 << 30):,.1f} GiB"
