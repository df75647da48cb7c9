"""The images of a job as one stream of bytes, without a dataset on disk."""

import hashlib
from collections.abc import Iterator

from pixelgen.errors import BadValue
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard
from pixelgen.layouts.layout import Layout


def stream(job: Job, images: Iterator[tuple[Data, str]]) -> Iterator[Data]:
    """Yield the file of a job of one image, else a tar archive of all, in order.

    ``images`` are their bytes, each with its origin; see :class:`pixelgen.layouts.ImageRecord`. In
    layout ``webdataset`` it is an archive of that layout.

    Raises:
        BadValue: For other layouts.
    """
    if job.layout == Layout():
        if len(job) == 1:
            return (data for data, _ in images)
        from pixelgen.layouts.containers._ustar import archive

        return archive(
            (job.info.file(index), data)
            for index, (data, _) in zip(job.indices, images, strict=True)
        )
    from pixelgen.layouts.containers.webdataset import WebDataset

    if not isinstance(job.layout.container, WebDataset) or job.layout.sidecars or job.split:
        raise BadValue(
            f"layout {job.layout} cannot be combined with standard output; use layout webdataset,"
            " or --out DIRECTORY"
        )
    is_hashed = job.checksum != "none"
    samples = (
        Sample(index, data, hashlib.sha256(data).hexdigest() if is_hashed else "", origin)
        for index, (data, origin) in zip(job.indices, images, strict=True)
    )
    return job.layout.container.pack(job.info, Shard(0, job.indices), samples)
