"""Processes of this machine as an engine."""

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

_POOL_PAYS = 0.1  # seconds of work: less than that is done before a pool has started
_REBUILDS = 3
_THREAD_END = 0.01  # seconds that the system may take to end a thread
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@dataclass(frozen=True)
class Local(Engine):
    """Processes on this machine, --jobs of them; none where the work is too small for that."""

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
        """Fan out, unless the work is done here before a pool has started.

        Where the least time it can take does not tell, the first task is done here and timed.
        """
        jobs = min(jobs, work.tasks)
        left = iter(tasks)
        seconds = work.min_seconds
        if jobs > 1 and seconds < _POOL_PAYS:
            begun = time.perf_counter()
            yield from map_in_process(function, islice(left, 1))
            seconds = (time.perf_counter() - begun) * (work.tasks - 1)
        if jobs > 1 and seconds > _POOL_PAYS:
            with closing(_Pool(function, jobs)) as pool:
                yield from fan_out(pool, left)
        else:
            yield from map_in_process(function, left)


class _Pool(Generic[T, R]):
    """Processes that apply one function; a dead one is replaced and no task is lost with it."""

    def __init__(self, function: Callable[[T], R], jobs: int) -> None:
        self._function = function
        self._jobs = jobs
        self._executor = _executor(jobs)
        self._flying: dict[Future[R], T] = {}
        self._rebuilds = 0

    def is_full(self) -> bool:
        return len(self._flying) >= 2 * self._jobs

    def is_idle(self) -> bool:
        return not self._flying

    def submit(self, task: T) -> None:
        """Submit a task; where the pool breaks at that very moment, to the next one."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            with block_signals(_SIGNALS):
                self._flying[self._executor.submit(self._function, task)] = task
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
        for future in wait(self._flying, return_when=FIRST_COMPLETED).done:
            if isinstance(future.exception(), BrokenProcessPool):
                broken = True
            else:
                del self._flying[future]
                yield future.result()
        if broken:
            self._rebuild()

    def _rebuild(self) -> None:
        """Start afresh with the tasks that were in flight."""
        self._rebuilds += 1
        if self._rebuilds > _REBUILDS:
            raise PixelgenError(
                "worker processes keep dying (killed, or out of memory?); run the same command"
                " again, with fewer --jobs"
            )
        self.close()
        self._executor = _executor(self._jobs)
        lost, self._flying = list(self._flying.values()), {}
        for task in lost:
            self.submit(task)

    def close(self) -> None:
        """End the processes, once each has finished the task it is at."""
        processes = list((self._executor._processes or {}).values())
        watch = threading.Thread(target=_end_with_the_killed, args=(processes,), daemon=True)
        with suppress(RuntimeError):  # of a system that has no thread left
            watch.start()
        with suppress(RuntimeError):  # of a pool that could not be started whole
            self._executor.shutdown(cancel_futures=True)


def _end_with_the_killed(processes: "list[BaseProcess]") -> None:
    """See processes end that were told to; if one is killed meanwhile, terminate the others.

    It may have died with the lock in which they wait for being told.
    """
    from multiprocessing.connection import wait

    left = {process.sentinel: process for process in processes}
    while left:
        for sentinel in wait(list(left)):
            process = left.pop(cast(int, sentinel))
            while process.exitcode is None:  # it is known to whichever thread has asked first
                time.sleep(1e-4)
            if process.exitcode != 0:
                for other in left.values():
                    other.terminate()


def _executor(jobs: int) -> "ProcessPoolExecutor":
    """Make a pool: by fork, the fastest, while this process has one thread; else afresh."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # OpenBLAS starts a thread a core when numpy is imported, and no work here is for it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("fork" if _has_one_thread() else "spawn")
    return ProcessPoolExecutor(jobs, context, _begin_worker)


def _has_one_thread() -> bool:
    """Tell whether a fork is safe: threads of other libraries count, Python knows only its own."""
    tasks = "/proc/self/task"
    deadline = time.monotonic() + _THREAD_END
    while os.path.isdir(tasks):
        if len(os.listdir(tasks)) == 1:
            return True
        if time.monotonic() > deadline:
            break
        time.sleep(1e-4)  # one that was joined a moment ago
    return False


def _begin_worker() -> None:
    """Leave the terminal's signals to the parent, and end when it does, whatever ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how a broken pool ends those who are left
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    keep_memory()
    _die_with_parent()
    threading.Thread(target=_follow_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Have Linux kill this process when its parent ends: within some encoders no thread may run."""
    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
