"""Partitions: every N-th shard of a dataset, so that N independent runs make it.

Numbered from 1, as job arrays and test runners number theirs. Each has a journal and a lock of its
own in the dataset's directory; :mod:`pixelgen.dataset.finish` makes one dataset of their shards.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, Self

from pixelgen.errors import BadValue
from pixelgen.job import Job
from pixelgen.layouts import Shard

_MOST = 1_000_000
_SPELLED = re.compile(r"(\d{1,7})/(\d{1,7})", re.ASCII)
_JOURNAL = re.compile(r"\.pixelgen\.(\d{1,7})-of-(\d{1,7})\.journal", re.ASCII)
_SLURM = "SLURM_ARRAY_TASK_"


class Partition(NamedTuple):
    """The shards number−1, number−1+total and so on of a dataset.

    >>> Partition.parse("2/4").journal
    '.pixelgen.2-of-4.journal'
    """

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read I/N; raise BadValue unless 1 ≤ I ≤ N ≤ 1,000,000."""
        found = _SPELLED.fullmatch(text.strip())
        number, total = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= total <= _MOST:
            raise BadValue(
                f"invalid partition {text!r}: must be I/N with I from 1 to N and N at most"
                f" {_MOST:,}, such as 2/4, or slurm"
            )
        return cls(number, total)

    @classmethod
    def of_slurm(cls, environment: Mapping[str, str]) -> Self:
        """Return the partition of a task of a Slurm job array (``sbatch --array=1-64``).

        Raises:
            BadValue: Outside of one, and in one with gaps, whose variables do not say how many
                tasks it has.
        """
        try:
            task, first, last, count = (
                int(environment[_SLURM + name]) for name in ("ID", "MIN", "MAX", "COUNT")
            )
        except (KeyError, ValueError):
            raise BadValue(
                "invalid partition slurm: this is not a task of a Slurm job array; submit it with"
                " sbatch --array=1-64, or give the partition as I/N"
            ) from None
        if last - first + 1 != count:
            raise BadValue(
                f"invalid partition slurm: the array has {count} tasks between {first} and"
                f" {last}, so the number of partitions is not known; number the tasks from 1 and"
                f' give --partition "${_SLURM}ID/N"'
            )
        return cls(task - first + 1, count)

    @classmethod
    def of_journal(cls, name: str) -> Self | None:
        """Return the partition whose journal has this name, else None."""
        found = _JOURNAL.fullmatch(name)
        return cls(*map(int, found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    @property
    def journal(self) -> str:
        """The name of the partition's journal."""
        return f".pixelgen.{self.number}-of-{self.total}.journal"

    @property
    def lock(self) -> str:
        """The name of the partition's lock."""
        return f".pixelgen.{self.number}-of-{self.total}.lock"

    def shards(self, job: Job) -> Iterator[Shard]:
        """Yield the partition's shards of a job."""
        return map(job.shard, range(self.number - 1, job.shard_count, self.total))

    def images(self, job: Job) -> int:
        """Return how many images these shards have."""
        return sum(len(shard.indices) for shard in self.shards(job))


WHOLE = Partition(1, 1)
"""All of a dataset."""


def ranges(numbers: Iterable[int]) -> Iterator[str]:
    """Yield ascending numbers as ranges.

    >>> ",".join(ranges([3, 7, 8, 9]))
    '3,7-9'
    """
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if last is not None:
            yield f"{first}-{last}" if first != last else f"{last}"
        first = last = number
    if last is not None:
        yield f"{first}-{last}" if first != last else f"{last}"


def abbreviate_ranges(numbers: Iterable[int], most: int = 8) -> str:
    """Write numbers as ranges for a message: the first few.

    >>> abbreviate_ranges(range(0, 100, 2), most=3)
    '0, 2, 4 …'
    """
    found = list(islice(ranges(numbers), most + 1))
    return ", ".join(found[:most]) + (" …" if len(found) > most else "")
