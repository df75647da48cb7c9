"""How a job is run, whatever the job."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pixelgen.dataset.partition import Partition
from pixelgen.dataset.plan import Plan
from pixelgen.engines import Engine, Local, cores
from pixelgen.layouts import Shard
from pixelgen.storage import Store

NO_LIMIT = 1 << 62


class Damage(NamedTuple):
    """A file that is not as it should be, and what is wrong with it."""

    name: str
    what: str


class Fetcher(Protocol):
    """Where images come from that are not generated; see :mod:`pixelgen.dataset.fetch`."""

    def check_first_image(self) -> None:
        """Raise PixelgenError where it gives none, before anything is written."""

    def prepare(self, plan: Plan, store: Store, shards: Iterable[Shard]) -> Iterator[Shard]:
        """Yield each shard once its images are in the download cache."""


@dataclass(frozen=True)
class RunConfig:
    """How to run a job, whatever the job.

    ``jobs`` workers (0: as many as there are processors); ``progress`` gets the images and bytes of
    each shard, and the number of all images; once ``stopped`` returns true no further shard is
    begun. Jobs of images that are fetched need a ``fetcher``. With ``skip_damaged``, source images
    that cannot be decoded are skipped, and ``note`` gets a line that names them. A run makes one
    ``partition`` if there is one, and with ``overwrite`` it replaces a finished dataset of which
    nothing was changed. A check calls ``on_damage`` for each damage, and ends after ``max_damage``.
    """

    engine: Engine = Local()
    jobs: int = 0
    progress: Callable[[int, int, int], object] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False
    fetcher: Fetcher | None = None
    skip_damaged: bool = False
    note: Callable[[str], object] = lambda _: None
    partition: Partition | None = None
    overwrite: bool = False
    on_damage: Callable[[Damage], object] = lambda _: None
    max_damage: int = NO_LIMIT

    @property
    def workers(self) -> int:
        """The number of workers."""
        return self.jobs or cores()
