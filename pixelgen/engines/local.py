"""Processes on this machine as an engine."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, cast

from pixelgen.engines.base import Check, Engine, R, T, Work, fan_out
from pixelgen.engines.machine import block_signals, keep_memory
from pixelgen.engines.serial import map_in_process
from pixelgen.errors import PixelgenError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

_MIN_POOL_WORK = 0.1  # seconds: less work is done before a pool has started
_MAX_REBUILDS = 3
_THREAD_EXIT_TIMEOUT = 0.01  # seconds that the system may take to end a joined thread
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@dataclass(frozen=True)
class Local(Engine):
    """Processes on this machine, --jobs of them; none if there is too little work."""

    name = "local"

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        """Use a pool, unless this process can do the work before a pool has started.

        If the minimum time does not decide it, this process does the first task and times it.
        """
        jobs = min(jobs, work.tasks)
        remaining = iter(tasks)
        seconds = work.min_seconds
        if jobs > 1 and seconds < _MIN_POOL_WORK:
            start = time.perf_counter()
            yield from map_in_process(function, islice(remaining, 1))
            seconds = (time.perf_counter() - start) * (work.tasks - 1)
        if jobs > 1 and seconds > _MIN_POOL_WORK:
            with closing(_Pool(function, jobs)) as pool:
                yield from fan_out(pool, remaining)
        else:
            yield from map_in_process(function, remaining)


class _Pool(Generic[T, R]):
    """Processes that apply one function; dead ones are replaced, and their tasks run again."""

    def __init__(self, function: Callable[[T], R], jobs: int) -> None:
        self._function = function
        self._jobs = jobs
        self._executor = _executor(jobs)
        self._in_flight: dict[Future[R], T] = {}
        self._rebuilds = 0

    def is_full(self) -> bool:
        return len(self._in_flight) >= 2 * self._jobs

    def is_idle(self) -> bool:
        return not self._in_flight

    def submit(self, task: T) -> None:
        """Submit a task; if the pool breaks meanwhile, to a new one."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            with block_signals(_SIGNALS):
                self._in_flight[self._executor.submit(self._function, task)] = task
        except BrokenProcessPool:
            self._rebuild()
            self.submit(task)
        except (OSError, RuntimeError) as error:
            raise PixelgenError(
                f"cannot start worker processes: {error}; run the same command again with"
                " --jobs 1, or allow this user more processes"
            ) from None

    def take(self) -> Iterator[R]:
        """Wait for the next results and yield them."""
        from concurrent.futures import FIRST_COMPLETED, wait
        from concurrent.futures.process import BrokenProcessPool

        broken = False
        for future in wait(self._in_flight, return_when=FIRST_COMPLETED).done:
            if isinstance(future.exception(), BrokenProcessPool):
                broken = True
            else:
                del self._in_flight[future]
                yield future.result()
        if broken:
            self._rebuild()

    def _rebuild(self) -> None:
        """Start a new pool with the tasks that were in flight."""
        self._rebuilds += 1
        if self._rebuilds > _MAX_REBUILDS:
            raise PixelgenError(
                "worker processes keep dying (killed, or out of memory?); run the same command"
                " again with fewer --jobs"
            )
        self.close()
        self._executor = _executor(self._jobs)
        lost, self._in_flight = list(self._in_flight.values()), {}
        for task in lost:
            self.submit(task)

    def close(self) -> None:
        """End the processes after their present tasks."""
        processes = list((self._executor._processes or {}).values())
        watch = threading.Thread(target=_terminate_if_one_dies, args=(processes,), daemon=True)
        with suppress(RuntimeError):  # no more threads
            watch.start()
        with suppress(RuntimeError):  # the pool did not start completely
            self._executor.shutdown(cancel_futures=True)


def _terminate_if_one_dies(processes: "list[BaseProcess]") -> None:
    """Wait until processes end; if one of them dies, terminate the others.

    It may have died with the lock that they need to learn that they should end.
    """
    from multiprocessing.connection import wait

    running = {process.sentinel: process for process in processes}
    while running:
        for sentinel in wait(list(running)):
            process = running.pop(cast(int, sentinel))
            while process.exitcode is None:  # another thread may be collecting it
                time.sleep(1e-4)
            if process.exitcode != 0:
                for other in running.values():
                    other.terminate()


def _executor(jobs: int) -> "ProcessPoolExecutor":
    """Create a pool: by fork, which is fastest, if this process has one thread; else by spawn."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # OpenBLAS would start a thread for each core when numpy is imported, for no use here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("fork" if _has_one_thread() else "spawn")
    return ProcessPoolExecutor(jobs, context, _initialize_worker)


def _has_one_thread() -> bool:
    """Return whether fork is safe: Python does not know the threads of C libraries."""
    tasks = "/proc/self/task"
    deadline = time.monotonic() + _THREAD_EXIT_TIMEOUT
    while os.path.isdir(tasks):
        if len(os.listdir(tasks)) == 1:
            return True
        if time.monotonic() > deadline:
            break
        time.sleep(1e-4)  # a joined thread may take a moment to disappear
    return False


def _initialize_worker() -> None:
    """Leave the terminal's signals to the parent, and end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a broken pool sends it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    keep_memory()
    _request_death_signal()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _request_death_signal() -> None:
    """Make Linux kill this process when its parent ends: during some encoders no thread can run."""
    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
