"""The pipe: the images of a job as one stream of bytes, without a set."""

import hashlib
from collections.abc import Iterator

from pixelgen.errors import BadValue
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard
from pixelgen.layouts.layout import Layout


def stream(job: Job) -> Iterator[Data]:
    """Yield the file of a job of one image, else a tar archive of all, in order.

    In layout ``webdataset`` an archive as of that layout. Raises BadValue for layouts that a stream
    cannot have.
    """
    make = job.maker()
    if job.layout == Layout():
        images = ((job.roster.file(index), make(index)) for index in range(job.count))
        if job.count == 1:
            return (data for _, data in images)
        from pixelgen.layouts.archive import archive

        return archive(images)
    from pixelgen.layouts.webdataset import WebDataset

    if not isinstance(job.layout.container, WebDataset) or job.layout.sidecars or job.split:
        raise BadValue(
            f"layout {job.layout} is about a directory; leave it out where standard output takes"
            " the image, or use webdataset"
        )
    data = map(make, range(job.count))
    samples = (
        Sample(index, each, hashlib.sha256(each).hexdigest() if job.checksum != "none" else "")
        for index, each in enumerate(data)
    )
    return job.layout.container.pack(job.roster, Shard(0, 0, job.count), samples)
