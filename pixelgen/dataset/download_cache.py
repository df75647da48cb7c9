"""The download cache: images that were fetched and paid for, but not yet written to the dataset.

``.pixelgen.fetched`` holds those of one shard, a line each: the job, the image's number, its origin
and its bytes in base64. A run that resumes finds there what need not be fetched again.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from pixelgen.dataset.journal import Journal
from pixelgen.dataset.plan import JOURNAL, Plan
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.layouts import Shard
from pixelgen.manifest_rows import is_origin
from pixelgen.pixlab.client.client import FetchedImage, max_image_bytes
from pixelgen.storage import Log, Store
from pixelgen.storage.append_log import decode_line, encode_line

DOWNLOAD_CACHE = ".pixelgen.fetched"


class DownloadCache:
    """The images of one shard that were fetched already."""

    def __init__(self, log: Log, job: Job, shard: Shard) -> None:
        self._log = log
        self._job_id = job.digest
        self._shard = shard
        self._offsets: dict[int, int] = {}
        offset = 0
        self._max_line = _max_line_bytes(job)
        for line in log.lines(max_bytes=self._max_line):
            number = _parse_line(self._job_id, line)[0]
            if number in shard.indices:
                self._offsets[number] = offset
            offset += len(line)

    @property
    def missing(self) -> list[int]:
        """The numbers of the images that are not cached."""
        return [number for number in self._shard.indices if number not in self._offsets]

    @property
    def is_stale(self) -> bool:
        """Whether the cached images all belong to other shards."""
        return not self._offsets and self._log.size > 0

    def add(self, number: int, image: FetchedImage) -> None:
        """Append an image."""
        data = base64.b64encode(image.data).decode()
        line = encode_line([self._job_id, number, image.origin, data])
        self._offsets[number] = self._log.append(line)

    def images(self) -> Iterator[tuple[int, FetchedImage]]:
        """Yield the cached images with their numbers, in order."""
        for number, offset in sorted(self._offsets.items()):
            lines = self._log.lines(offset, max_bytes=self._max_line)
            _, image = _parse_line(self._job_id, next(lines, b""))
            lines.close()
            yield number, image


def _max_line_bytes(job: Job) -> int:
    """Return the most bytes of a line: an image in base64, and what is recorded of it."""
    return 4096 + max_image_bytes(job) * 4 // 3


def _parse_line(job_id: str, line: bytes) -> tuple[int, FetchedImage]:
    """Return the number and image of a line; -1 if the line is torn or of another job."""
    try:
        job, number, origin, data = decode_line(line)
        if job == job_id and is_origin(str(origin)):
            return int(number), FetchedImage(base64.b64decode(data), str(origin))
    except (ValueError, TypeError):
        pass
    return -1, FetchedImage(b"", "")


def count_cached(store: Store, plan: Plan) -> int:
    """Return how many images of the missing shards are in a dataset's download cache."""
    job = plan.job
    journal = Journal(store, plan)
    journal.read(JOURNAL)
    lines = store.lines(DOWNLOAD_CACHE, max_bytes=_max_line_bytes(job))
    cached = {_parse_line(job.digest, line)[0] for line in lines}
    return sum(len(cached.intersection(shard.indices)) for shard in journal.missing())


def check_download_cache(store: Store, job: Job) -> None:
    """Raise Conflict if a dataset's download cache holds images that another job fetched."""
    for line in store.lines(DOWNLOAD_CACHE, max_bytes=_max_line_bytes(job)):
        if decode_line(line) is not None and _parse_line(job.digest, line)[0] < 0:
            raise Conflict(
                f"{store.path(DOWNLOAD_CACHE)} holds images that were fetched and paid for another"
                " dataset; move it away"
            )


@contextmanager
def open_download_cache(store: Store, job: Job, shard: Shard) -> Iterator[DownloadCache]:
    """Open the cache of a shard; one of other shards, which are written by now, is emptied."""
    with store.log(DOWNLOAD_CACHE) as log:
        cache = DownloadCache(log, job, shard)
        if not cache.is_stale:
            yield cache
            return
        log.remove()
    with store.log(DOWNLOAD_CACHE) as log:
        yield DownloadCache(log, job, shard)
