"""The records of a finished set, read back from the rows of its manifest and from its sums."""

import json
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import NamedTuple

from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.journal import SUMS
from pixelgen.layouts import Fact, Record, Shard
from pixelgen.rows import origin_of
from pixelgen.store import Store


class Entry(NamedTuple):
    """A shard with its lines of the manifest and of the sums; empty ones where there are none."""

    shard: Shard
    rows: list[bytes]
    sums: list[bytes]


def cut(job: Job, rows: Iterator[bytes], sums: Iterator[bytes]) -> Iterator[Entry]:
    """Cut the lines of the manifest and the sums into those of each shard."""
    files = job.layout.container.files
    for shard in job.shards():
        listed = sum(1 for _ in files(job.roster, shard)) if job.checksum != "none" else 0
        yield Entry(shard, _take(rows, shard.stop - shard.start), _take(sums, listed))


def _take(lines: Iterator[bytes], count: int) -> list[bytes]:
    """Take lines, and empty ones where there are too few."""
    return list(islice(chain(lines, repeat(b"")), count))


def read(job: Job, entry: Entry) -> tuple[Record, list[int]]:
    """Return what the rows say, and the images of which they say anything else than the job."""
    origins: list[str] = []
    record, wrong = Record(entry.shard.number, [], [], origins=origins), []
    for index, line in zip(range(*entry.shard[1:]), entry.rows, strict=True):
        fact = _fact(job, index, line)
        if job.roster.row(fact) != line or bool(fact.sha256) != (job.checksum != "none"):
            wrong.append(index)
        record.sizes.append(fact.size)
        if job.checksum != "none":
            record.hashes.append(fact.sha256)
        if job.remote:
            origins.append(fact.origin)
    return record, wrong


def _fact(job: Job, index: int, line: bytes) -> Fact:
    """Return what a row tells of its image; nothing of it if it cannot be read."""
    try:
        row = json.loads(line)
        origin = origin_of(row) if job.remote else ""
        return Fact(index, int(row["bytes"]), str(row.get("sha256", "")), origin)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return Fact(index, 0, "", "")


def recorded(job: Job, store: Store) -> Iterator[tuple[Shard, Record]]:
    """Yield every shard with its record, without a look at an image.

    Raises Conflict where the manifest is damaged.
    """
    for entry in cut(job, store.lines(job.manifest), store.lines(SUMS)):
        record, wrong = read(job, entry)
        if wrong:
            raise Conflict(
                f"{store.path(job.manifest)} is damaged or not of this set; 'pixelgen repair' first"
            )
        alone = entry.sums[0] if len(entry.sums) == 1 else b""
        yield entry.shard, record._replace(file_hash=alone[:64].decode(errors="replace"))
