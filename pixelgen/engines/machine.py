"""What a process has of its machine: processors, memory, signals."""

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_memory() -> None:
    """Let the C library keep freed memory for the next image, where it is one that can be told to.

    By itself glibc gives arrays of a megabyte back at once, and to have the pages of each image's
    zeroed and mapped anew takes as long as drawing it.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most that it takes
        library.mallopt(_M_ARENA_MAX, 1)  # one for all threads: only one works at a time


def cores() -> int:
    """Return how many processors this process may use: its affinity, and its cgroup's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota()))


def _quota() -> int:
    """Return the processors that cgroup v2 or v1 grants, rounded up; a million without limit."""
    unlimited = 1 << 20
    v2 = Path("/sys/fs/cgroup/cpu.max")
    v1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    try:
        if v2.exists():
            quota, period = v2.read_text().split()
        else:
            quota = v1.read_text()
            period = v1.with_name("cpu.cfs_period_us").read_text()
    except OSError:
        return unlimited
    if quota == "max" or int(quota) <= 0:
        return unlimited
    return -(-int(quota) // int(period))


@contextmanager
def block_signals(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Hold signals back, also in threads and processes begun here: our handlers are not theirs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
