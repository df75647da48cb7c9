"""A Dask cluster as an engine, whose workers may be on many machines.

https://distributed.dask.org. Tasks reach a worker as pickled bytes, which it loads only after it
has checked its versions. Dask itself runs the tasks of lost workers again.
"""

import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple
from uuid import uuid4

from pixelgen import __version__
from pixelgen.engines.base import Check, Engine, R, T, Work, fan_out
from pixelgen.engines.dask_client import connect
from pixelgen.engines.dask_workers import apply_task, list_tasks, prepare_worker, versions
from pixelgen.errors import BadValue, PixelgenError
from pixelgen.registry import parameter

if TYPE_CHECKING:
    from distributed import Client

_TASKS_PER_THREAD = 2  # in flight
_TASKS_PER_THREAD_TO_SCALE = 10  # in an adaptive cluster, which scales by the waiting tasks
_NO_WORKER_TIMEOUT = 60.0  # seconds without a worker that takes tasks before the run fails
_POLL_SECONDS = 1.0  # between two updates of the list of workers


@dataclass(frozen=True)
class Dask(Engine):
    """Workers of a Dask cluster, dask://HOST:PORT; without an address, --jobs local workers.

    dask+tls://HOST:PORT and dask:///PATH/scheduler.json are addresses, too.
    """

    name = "dask"
    distributed = True

    scheduler: str = parameter("", "its address as Dask writes it, or the path of its file")

    @classmethod
    def at(cls, url: str) -> "Dask":
        """Return the engine of an address; raise BadValue if it is invalid."""
        scheme, _, target = url.partition("://")
        protocol = {"dask": "tcp", "dask+tls": "tls"}.get(scheme)
        if protocol is None or not target.strip("/"):
            raise BadValue(
                f"invalid engine address {url!r}: must be dask://HOST:8786,"
                " dask+tls://HOST:8786 or dask:///PATH/scheduler.json"
            )
        return cls(target if target.startswith("/") else f"{protocol}://{target}")

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        """Use the cluster, after every worker has passed the check of versions and ``check``."""
        with connect(self.scheduler, min(jobs, max(work.tasks, 1))) as client:
            pool = _DaskPool[T, R](client, pickle.dumps((function, check)))
            yield from fan_out(pool, tasks)


class _WorkerTasks(NamedTuple):
    """The keys of the tasks of a worker: those that it executes, and those that wait."""

    executing: list[str]
    waiting: list[str]


class _DaskPool(Generic[T, R]):
    """The workers of a cluster, which apply one function."""

    def __init__(self, client: "Client", payload: bytes) -> None:
        self._client = client
        self._payload = payload
        self._executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._in_flight: dict[Future[R], tuple[str, T]] = {}  # with key and task
        self._done: SimpleQueue[Future[R]] = SimpleQueue()
        self._threads = 0
        self._tasks_per_thread = _TASKS_PER_THREAD
        self._updated = self._last_progress = time.monotonic()
        self._await_worker()
        self._check()

    def is_full(self) -> bool:
        if time.monotonic() - self._updated > _POLL_SECONDS:
            self._update_workers()
        return len(self._in_flight) >= self._tasks_per_thread * max(self._threads, 1)

    def is_idle(self) -> bool:
        return not self._in_flight

    def submit(self, task: T) -> None:
        key = f"pixelgen-{uuid4()}"
        submit = self._executor.submit
        future = submit(apply_task, versions(), self._payload, pickle.dumps(task), key=key)
        self._in_flight[future] = key, task
        future.add_done_callback(self._done.put)

    def take(self) -> Iterator[R]:
        try:
            future = self._done.get(timeout=_POLL_SECONDS)
        except Empty:
            self._update_workers()
            return
        if self._in_flight.pop(future, None):  # not if it was submitted again
            self._last_progress = time.monotonic()
            yield _result(future)

    def _update_workers(self) -> None:
        """Update which workers take tasks; raise PixelgenError if none has for too long."""
        try:
            workers, running = self._workers()
            paused = [address for address in workers if address not in running]
            stuck = self._paused_tasks(paused) if paused else []
        except (OSError, CancelledError) as error:
            raise _scheduler_lost(error) from None
        self._threads = sum(running.values())
        self._updated = time.monotonic()
        ours = {key for key, _ in self._in_flight.values()}
        if running or any(not ours.isdisjoint(each.executing) for each in stuck):
            self._last_progress = self._updated
        elif self._updated - self._last_progress > _NO_WORKER_TIMEOUT:
            raise self._no_worker(len(paused))
        if running:
            self._submit_again({key for each in stuck for key in each.waiting})

    def _workers(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the threads of each worker, and those of each that is not paused."""
        scheduler: Any = self._client.scheduler
        running = self._client.sync(scheduler.ncores_running, workers=None)  # type: ignore[no-untyped-call]
        return self._client.nthreads(), running  # type: ignore[no-untyped-call]

    def _paused_tasks(self, paused: list[str]) -> list[_WorkerTasks]:
        """Return the tasks of paused workers, except those that leave meanwhile."""
        replies = self._client.run(list_tasks, workers=paused, on_error="ignore")
        return [_WorkerTasks(*each) for each in replies.values()]

    def _submit_again(self, keys: set[str]) -> None:
        """Move waiting tasks from paused workers, whose memory is nearly full, to other workers.

        Dask itself leaves them there as long as the worker is paused. A paused worker completes the
        tasks that it executes.
        """
        for future, (key, task) in list(self._in_flight.items()):
            if key in keys:
                del self._in_flight[future]
                future.cancel()
                self.submit(task)

    def _no_worker(self, paused: int) -> PixelgenError:
        if paused:
            return PixelgenError(
                f"all workers ({paused}) of the Dask scheduler {self._address} have been paused for"
                f" {_NO_WORKER_TIMEOUT:.0f} s, because their memory is nearly full; start them"
                " again with more memory for each (--memory-limit), then run the same command again"
                " to resume: completed shards are kept"
            )
        return PixelgenError(
            f"the Dask scheduler {self._address} has had no workers for"
            f" {_NO_WORKER_TIMEOUT:.0f} s; start some ('dask worker ADDRESS --nthreads 1'), then"
            " run the same command again"
        )

    @property
    def _address(self) -> str:
        return str(self._client.scheduler_info(n_workers=0)["address"])

    def _await_worker(self) -> None:
        """Wait for a worker; an adaptive cluster at zero workers starts one only for a task."""
        self._update_workers()
        if self._threads:
            return
        self._tasks_per_thread = _TASKS_PER_THREAD_TO_SCALE
        first = self._executor.submit(prepare_worker, versions(), self._payload)
        while not self._threads:
            time.sleep(_POLL_SECONDS / 10)
            self._update_workers()
        first.cancel()

    def _check(self) -> None:
        """Raise PixelgenError for a worker that cannot be used, before it gets any task."""
        replies = self._client.run(prepare_worker, versions(), self._payload, on_error="return")
        for address, reply in replies.items():
            if isinstance(reply, PixelgenError):
                raise PixelgenError(f"the worker {address} {reply}") from None
            if isinstance(reply, Exception) and not isinstance(reply, OSError):  # has left
                raise PixelgenError(
                    f"the worker {address} cannot run pixelgen {__version__} ({reply!r}); install"
                    " that version there, with its extra 'dask'"
                ) from None


def _result(future: "Future[R]") -> R:
    """Return the result of a task, or raise its exception."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        raise PixelgenError(
            "workers keep dying (killed, or out of memory?); run the same command again with more"
            " memory for each"
        ) from None
    except CancelledError as error:
        raise _scheduler_lost(error) from None


def _scheduler_lost(error: BaseException) -> PixelgenError:
    return PixelgenError(
        f"lost the connection to the Dask scheduler ({type(error).__name__}); start it again, then"
        " run the same command again to resume: completed shards are kept"
    )
