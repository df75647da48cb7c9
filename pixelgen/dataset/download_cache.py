"""The spool: images that were fetched, paid for, and are not yet written to the set.

``.pixelgen.fetched`` holds those of one shard, a line each: the job, the image's number, its origin
and its bytes in base64. A run that was interrupted finds there what need not be asked for again.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from pixelgen.dataset.journal import JOURNAL, Journal
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.layouts import Shard
from pixelgen.manifest_rows import is_origin
from pixelgen.pixlab.client.client import Image, most_bytes
from pixelgen.storage import Log, Store
from pixelgen.storage.append_log import seal, unseal

SPOOL = ".pixelgen.fetched"


class Spool:
    """The images of one shard that are there."""

    def __init__(self, log: Log, job: Job, shard: Shard) -> None:
        self._log = log
        self._id = job.digest
        self._shard = shard
        self._places: dict[int, int] = {}
        place = 0
        self._most = _line_limit(job)
        for line in log.lines(most=self._most):
            number = _read(self._id, line)[0]
            if number in range(shard.start, shard.stop):
                self._places[number] = place
            place += len(line)

    @property
    def missing(self) -> list[int]:
        """The numbers of the images that are not there."""
        _, start, stop = self._shard
        return [number for number in range(start, stop) if number not in self._places]

    @property
    def is_stale(self) -> bool:
        """Whether all there is belongs to other shards."""
        return not self._places and self._log.size > 0

    def add(self, number: int, image: Image) -> None:
        """Put an image in."""
        data = base64.b64encode(image.data).decode()
        self._places[number] = self._log.append(seal([self._id, number, image.origin, data]))

    def images(self) -> Iterator[tuple[int, Image]]:
        """Yield the images that are there, in order."""
        for number, place in sorted(self._places.items()):
            lines = self._log.lines(place, most=self._most)
            _, image = _read(self._id, next(lines, b""))
            lines.close()
            yield number, image


def _line_limit(job: Job) -> int:
    """Return the most bytes that the line of an image has: in base64, and what is told of it."""
    return 4096 + most_bytes(job) * 4 // 3


def _read(job_id: str, line: bytes) -> tuple[int, Image]:
    """Read a line; one that is torn, or of another job, is of no image."""
    try:
        job, number, origin, data = unseal(line)
        if job == job_id and is_origin(str(origin)):
            return int(number), Image(base64.b64decode(data), str(origin))
    except (ValueError, TypeError):
        pass
    return -1, Image(b"", "")


def spooled(store: Store, job: Job) -> int:
    """Return how many images of shards that are not done are in a directory's spool, if any."""
    done = Journal(store, job)
    done.read(JOURNAL)
    lines = store.lines(SPOOL, most=_line_limit(job))
    there = {_read(job.digest, line)[0] for line in lines}
    return sum(len(there.intersection(range(*shard[1:]))) for shard in done.missing())


def check_spool(store: Store, job: Job) -> None:
    """Raise Conflict where a directory's spool holds images that were fetched for another job."""
    for line in store.lines(SPOOL, most=_line_limit(job)):
        if unseal(line) is not None and _read(job.digest, line)[0] < 0:
            raise Conflict(
                f"{store.path(SPOOL)} holds images that were fetched and paid for, for another set;"
                " move it away"
            )


@contextmanager
def spool(store: Store, job: Job, shard: Shard) -> Iterator[Spool]:
    """Open the spool of a shard; one of other shards, which are written by now, is begun anew."""
    with store.log(SPOOL) as log:
        found = Spool(log, job, shard)
        if not found.is_stale:
            yield found
            return
        log.remove()
    with store.log(SPOOL) as log:
        yield Spool(log, job, shard)
