"""A Dask cluster as an engine, whose workers may be on many machines.

https://distributed.dask.org. Tasks reach a worker as bytes, which it opens once it has seen that
its pixelgen is the one that wrote them. Whatever Dask says of a lost worker it mends by itself.
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
from pixelgen.registry import option

if TYPE_CHECKING:
    from distributed import Client

_AHEAD = 2  # tasks in flight a thread of a worker
_AHEAD_TO_SCALE = 10  # the same in a cluster that scales, which it does by the work that waits
_PATIENCE = 60.0  # seconds without any worker that takes tasks before the work is given up
_LOOK = 1.0  # seconds between two looks at which workers there are


@dataclass(frozen=True)
class Dask(Engine):
    """Workers of a Dask cluster, dask://HOST:PORT; without an address --jobs of them, begun here.

    dask+tls://HOST:PORT and dask:///PATH/scheduler.json are addresses, too.
    """

    name = "dask"
    distributed = True

    scheduler: str = option("", "its address in Dask's own spelling, or the path of its file")

    @classmethod
    def at(cls, url: str) -> "Dask":
        """Return the engine of an address; raise BadValue where it is none."""
        scheme, _, place = url.partition("://")
        protocol = {"dask": "tcp", "dask+tls": "tls"}.get(scheme)
        if protocol is None or not place.strip("/"):
            raise BadValue(
                f"engine {url!r} is no address; write it as dask://HOST:8786,"
                " dask+tls://HOST:8786 or dask:///PATH/scheduler.json"
            )
        return cls(place if place.startswith("/") else f"{protocol}://{place}")

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        """Fan out, once every worker was seen to have these versions and to pass the check."""
        with connect(self.scheduler, min(jobs, max(work.tasks, 1))) as client:
            crew = _Crew[T, R](client, pickle.dumps((function, check)))
            yield from fan_out(crew, tasks)


class _Held(NamedTuple):
    """The tasks that a worker has, by their keys: those that it has begun, and those that wait."""

    begun: list[str]
    waiting: list[str]


class _Crew(Generic[T, R]):
    """The workers of a cluster, which apply one function."""

    def __init__(self, client: "Client", order: bytes) -> None:
        self._client = client
        self._order = order
        self._executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._flying: dict[Future[R], tuple[str, T]] = {}  # with the key and the task of each
        self._done: SimpleQueue[Future[R]] = SimpleQueue()
        self._threads = 0
        self._ahead = _AHEAD
        self._looked = self._seen = time.monotonic()
        self._await_worker()
        self._check()

    def is_full(self) -> bool:
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        return len(self._flying) >= self._ahead * max(self._threads, 1)

    def is_idle(self) -> bool:
        return not self._flying

    def submit(self, task: T) -> None:
        key = f"pixelgen-{uuid4()}"
        submit = self._executor.submit
        future = submit(apply_task, versions(), self._order, pickle.dumps(task), key=key)
        self._flying[future] = key, task
        future.add_done_callback(self._done.put)

    def take(self) -> Iterator[R]:
        try:
            future = self._done.get(timeout=_LOOK)
        except Empty:
            self._look()
            return
        if self._flying.pop(future, None):  # none of one that was taken back
            self._seen = time.monotonic()
            yield _result(future)

    def _look(self) -> None:
        """See which workers take tasks; give up if none has for a while."""
        try:
            there, running = self._workers()
            paused = [address for address in there if address not in running]
            held = self._held(paused) if paused else []
        except (OSError, CancelledError) as error:
            raise _gone(error) from None
        self._threads = sum(running.values())
        self._looked = time.monotonic()
        ours = {key for key, _ in self._flying.values()}
        if running or any(not ours.isdisjoint(each.begun) for each in held):
            self._seen = self._looked
        elif self._looked - self._seen > _PATIENCE:
            raise self._given_up(len(paused))
        if running:
            self._submit_again({key for each in held for key in each.waiting})

    def _workers(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the threads of each worker, and of each that is not paused."""
        scheduler: Any = self._client.scheduler
        running = self._client.sync(scheduler.ncores_running, workers=None)  # type: ignore[no-untyped-call]
        return self._client.nthreads(), running  # type: ignore[no-untyped-call]

    def _held(self, paused: list[str]) -> list[_Held]:
        """Return what paused workers have; nothing of those that leave meanwhile."""
        found = self._client.run(list_tasks, workers=paused, on_error="ignore")
        return [_Held(*each) for each in found.values()]

    def _submit_again(self, keys: set[str]) -> None:
        """Take tasks back from paused workers, whose memory is nearly full, for others to do.

        Dask itself leaves them there for as long as the worker is paused. What such a worker has
        begun it finishes.
        """
        for future, (key, task) in list(self._flying.items()):
            if key in keys:
                del self._flying[future]
                future.cancel()
                self.submit(task)

    def _given_up(self, paused: int) -> PixelgenError:
        if paused:
            return PixelgenError(
                f"all workers ({paused}) of the Dask scheduler {self._address} have been paused for"
                f" {_PATIENCE:.0f} s, because their memory is nearly full; start them again with"
                " more memory for each (--memory-limit), then run the same command again: what is"
                " done is kept"
            )
        return PixelgenError(
            f"the Dask scheduler {self._address} has had no worker for {_PATIENCE:.0f} s; start"
            " some ('dask worker ADDRESS --nthreads 1'), then run the same command again"
        )

    @property
    def _address(self) -> str:
        return str(self._client.scheduler_info(n_workers=0)["address"])

    def _await_worker(self) -> None:
        """Wait for a worker; a cluster that scales from zero starts one only for a task."""
        self._look()
        if self._threads:
            return
        self._ahead = _AHEAD_TO_SCALE
        first = self._executor.submit(prepare_worker, versions(), self._order)
        while not self._threads:
            time.sleep(_LOOK / 10)
            self._look()
        first.cancel()

    def _check(self) -> None:
        """Refuse workers that would not do, before there is any work for them."""
        found = self._client.run(prepare_worker, versions(), self._order, on_error="return")
        for address, answer in found.items():
            if isinstance(answer, PixelgenError):
                raise PixelgenError(f"the worker {address} {answer}") from None
            if isinstance(answer, Exception) and not isinstance(answer, OSError):  # which has left
                raise PixelgenError(
                    f"the worker {address} cannot run pixelgen {__version__} ({answer!r}); install"
                    " that version there, with its extra 'dask'"
                ) from None


def _result(future: "Future[R]") -> R:
    """Return the result of a task; what it raised is raised."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        raise PixelgenError(
            "workers keep dying (killed, or out of memory?); run the same command again with more"
            " memory for each"
        ) from None
    except CancelledError as error:
        raise _gone(error) from None


def _gone(error: BaseException) -> PixelgenError:
    return PixelgenError(
        f"the Dask scheduler is gone ({type(error).__name__}); start it again, then run the same"
        " command again: what is done is kept"
    )
