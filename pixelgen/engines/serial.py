"""The present process as an engine."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pixelgen.engines.base import Check, Engine, R, T, Work
from pixelgen.engines.machine import keep_memory
from pixelgen.threads import run_in_thread


@dataclass(frozen=True)
class Serial(Engine):
    """The present process, one shard after the other."""

    name = "serial"

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        """Yield results in order."""
        return map_in_process(function, tasks)


def map_in_process(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """Map in this process, which can handle signals meanwhile."""
    keep_memory()
    return (run_in_thread(function, task) for task in tasks)
