"""The pipe: the images of a job as one stream of bytes, without a set."""

from collections.abc import Callable, Iterator
from itertools import takewhile

from pixelgen.formats import Data
from pixelgen.job import Job


def stream(job: Job, stopped: Callable[[], bool]) -> Iterator[Data]:
    """Yield the file of a job of one image, else a tar archive of all, in order, until stopped."""
    make = job.maker()
    indices = takewhile(lambda _: not stopped(), range(job.count))
    samples = ((index, make(index)) for index in indices)
    if job.count == 1:
        return (data for _, data in samples)
    from pixelgen.layouts.tar import archive

    return archive(job.names, samples)
