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

    Attributes:
        engine: What runs the workers.
        jobs: Workers; 0 means one for each CPU that this process may use.
        progress: Called with the images and bytes of each shard, and the number of all images.
        stopped: Once it returns true, no further shard is begun.
        fetcher: Where images come from that are fetched; jobs of others need none.
        skip_damaged: Skip source images that cannot be decoded, instead of refusing them.
        note: Called with a line that a user should read, as one that names skipped images.
        partition: The share of the shards to make; None means all.
        overwrite: Replace a finished dataset whose files are unchanged.
        on_damage: Called for each damage that a check finds.
        max_damage: The number of damages after which a check ends.
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
