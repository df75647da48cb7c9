"""The contract of an engine, which maps a function over the shards of a job.

An engine takes tasks one by one, keeps a bounded number in flight and yields results as they
complete, in any order. It keeps no results: memory does not grow with the number of tasks.
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
"""Raises PixelgenError in a worker that cannot be used."""


class Work(NamedTuple):
    """The amount of work: the number of tasks, and the minimum time of one worker for all."""

    tasks: int
    min_seconds: float


@dataclass(frozen=True)
class Engine(Component):
    """Runs the work; a subclass sets ``name`` and implements :meth:`map`.

    The workers of a ``distributed`` engine may be on other machines and in other directories.
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
        """Yield the result of the function for each task, in any order, by ``jobs`` workers.

        A distributed worker must pass the ``check`` before its first task.
        """


class Pool(Protocol[T_contra, R_co]):
    """Workers with tasks in flight."""

    def is_full(self) -> bool:
        """Return whether results must be taken before the next task is submitted."""

    def is_idle(self) -> bool:
        """Return whether no task is in flight."""

    def submit(self, task: T_contra) -> None:
        """Submit a task; if its worker dies, it is submitted again."""

    def take(self) -> Iterator[R_co]:
        """Wait for the next results and yield them."""


def fan_out(pool: Pool[T, R], tasks: Iterable[T]) -> Iterator[R]:
    """Map tasks over a pool, with a bounded number in flight."""
    for task in tasks:
        pool.submit(task)
        while pool.is_full():
            yield from pool.take()
    while not pool.is_idle():
        yield from pool.take()
