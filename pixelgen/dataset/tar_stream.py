"""The pipe: the images of a job as one stream of bytes, without a set."""

import hashlib
from collections.abc import Iterator

from pixelgen.errors import BadValue
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard
from pixelgen.layouts.layout import Layout


def stream(job: Job, images: Iterator[tuple[Data, str]]) -> Iterator[Data]:
    """Yield the file of a job of one image, else a tar archive of all, in order.

    ``images`` are their bytes, each with its origin; see :class:`pixelgen.layouts.ImageRecord`.

    In layout ``webdataset`` an archive as of that layout. Raises BadValue for layouts that a stream
    cannot have.
    """
    if job.layout == Layout():
        if job.count == 1:
            return (data for data, _ in images)
        from pixelgen.layouts.containers._ustar import archive

        return archive((job.info.file(index), data) for index, (data, _) in enumerate(images))
    from pixelgen.layouts.containers.webdataset import WebDataset

    if not isinstance(job.layout.container, WebDataset) or job.layout.sidecars or job.split:
        raise BadValue(
            f"layout {job.layout} is about a directory; leave it out where standard output takes"
            " the image, or use webdataset"
        )
    is_hashed = job.checksum != "none"
    samples = (
        Sample(index, data, hashlib.sha256(data).hexdigest() if is_hashed else "", origin)
        for index, (data, origin) in enumerate(images)
    )
    return job.layout.container.pack(job.info, Shard(0, 0, job.count), samples)
