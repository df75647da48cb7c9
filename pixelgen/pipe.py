"""The pipe: the images of a job as one stream of bytes, without a set."""

from collections.abc import Iterator

from pixelgen.formats import Data
from pixelgen.job import Job


def stream(job: Job) -> Iterator[Data]:
    """Yield the file of a job of one image, else a tar archive of all, in order."""
    make = job.maker()
    samples = ((index, make(index)) for index in range(job.count))
    if job.count == 1:
        return (data for _, data in samples)
    from pixelgen.layouts.tar import archive

    return archive(job.names, samples)
