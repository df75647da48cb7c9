"""What a worker does: it renders, encodes and publishes one shard.

It needs the plan, the store and the shard, and answers with the sizes and hashes of what it
published; nothing mutable crosses a process.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from pixelgen.dataset.plan import Plan
from pixelgen.dataset.source_record import job_with_sources
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard, ShardRecord
from pixelgen.storage import Store


def make_shard(plan: Plan, store: Store, shard: Shard) -> ShardRecord:
    """Make one shard of a dataset, and return what is known of it."""
    job = job_with_sources(plan, store)
    origins: list[str] = []
    record = ShardRecord(shard.number, [], [], origins=origins)
    has_checksum = job.checksum != "none"

    def recorded() -> Iterator[Sample]:
        for sample in make_samples(plan, store, shard):
            record.sizes.append(len(sample.data))
            if has_checksum:
                record.hashes.append(sample.sha256)
            if job.remote:
                origins.append(sample.origin)
            yield sample

    write = job.layout.container.write
    size, sha256 = write(store, job.info, shard, recorded(), checksum=has_checksum)
    return record._replace(file_size=size, file_hash=sha256)


def make_samples(plan: Plan, store: Store, shard: Shard) -> Iterator[Sample]:
    """Yield the images of a shard as they are written: generated, or from the download cache."""
    job = plan.job
    images = _fetched(job, store, shard) if job.remote else _generated(plan, store, shard)
    for number, data, origin in images:
        digest = hashlib.sha256(data).hexdigest() if job.checksum != "none" else ""
        yield Sample(number, data, digest, origin)


def _generated(plan: Plan, store: Store, shard: Shard) -> Iterator[tuple[int, Data, str]]:
    make = _maker(plan, store)
    return ((number, make(number), "") for number in shard.indices)


def _fetched(job: Job, store: Store, shard: Shard) -> Iterator[tuple[int, Data, str]]:
    from pixelgen.dataset.download_cache import (
        open_download_cache,
    )  # here, because most jobs fetch nothing

    with open_download_cache(store, job, shard) as found:
        for number, image in found.images():
            yield number, *image


@lru_cache(maxsize=1)
def _maker(plan: Plan, store: Store) -> Callable[[int], Data]:
    """Return what makes the images of a job; its tables are kept from one shard to the next."""
    return job_with_sources(plan, store).maker()
