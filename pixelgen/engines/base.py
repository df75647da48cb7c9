"""What an engine is: what maps a function over the shards of a job.

An engine takes tasks one by one, keeps a bounded number in flight and yields results as they come,
in any order. Results are dropped as they are taken: nothing grows with the number of tasks.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from pixelgen.registry import Component

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

Check: TypeAlias = Callable[[], object]
"""What raises PixelgenError in a worker that would not do."""


class Work(NamedTuple):
    """How much there is to do: the tasks, and the least time that one worker needs for all."""

    tasks: int
    min_seconds: float


@dataclass(frozen=True)
class Engine(Component):
    """What runs the work; a subclass sets ``name`` and writes :meth:`map`.

    The workers of one that is ``distributed`` may be on other machines, and in other directories.
    """

    kind: ClassVar[str] = "engine"
    distributed: ClassVar[bool] = False

    @abstractmethod
    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        """Yield the function of each task, in any order, by ``jobs`` workers.

        A worker that is elsewhere passes the ``check`` before its first task.
        """


class Pool(Protocol[T_contra, R_co]):
    """Workers with tasks in flight."""

    def is_full(self) -> bool:
        """Tell whether results are to be taken before the next task is submitted."""

    def is_idle(self) -> bool:
        """Tell whether nothing is in flight."""

    def submit(self, task: T_contra) -> None:
        """Have a task done; it is not lost with the worker that it goes to."""

    def take(self) -> Iterator[R_co]:
        """Wait for the next results, yield them and forget them."""


def fan_out(pool: Pool[T, R], tasks: Iterable[T]) -> Iterator[R]:
    """Map by a pool, with a bounded number of tasks in flight."""
    for task in tasks:
        pool.submit(task)
        while pool.is_full():
            yield from pool.take()
    while not pool.is_idle():
        yield from pool.take()
