"""A process and its machine: processors, memory, signals."""

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_memory() -> None:
    """Make glibc keep freed memory for the next image.

    By default it returns arrays of a megabyte to the system at once. Mapping and zeroing their
    pages again takes as long as drawing an image.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the maximum
        library.mallopt(_M_ARENA_MAX, 1)  # one for all threads, of which only one works at a time


def cores() -> int:
    """Return how many processors this process may use, by affinity and cgroup quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota()))


def _quota() -> int:
    """Return the quota of cgroup v2 or v1 in processors, rounded up; a million if unlimited."""
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
    """Block signals, also in threads and processes started meanwhile: they must not handle ours."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
