"""Locks: one process at a time writes to a directory, if its file system supports locks.

Runs that each make a partition share the lock of the directory, and hold one of their own. Without
working locks, as in an object store, unique temporary names, deterministic bytes and renames still
lead to the right dataset.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pixelgen.errors import Busy, PixelgenError
from pixelgen.storage import Store

LOCK = ".pixelgen.lock"

_TIMEOUT = 0.5  # seconds; workers of a killed parent hold its lock for less
_SHARED_TIMEOUT = 10.0  # seconds that another process may take to start the dataset
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def lock(store: Store, name: str = LOCK) -> Iterator[None]:
    """Hold a lock exclusively, by default the directory's; raise Busy if another process has it."""
    with _hold(store, name, fcntl.LOCK_EX, _TIMEOUT):
        yield


@contextmanager
def shared_lock(store: Store) -> Iterator[None]:
    """Share the directory's lock; raise Busy if a process holds it exclusively."""
    with _hold(store, LOCK, fcntl.LOCK_SH, _SHARED_TIMEOUT):
        yield


@contextmanager
def _hold(store: Store, name: str, operation: int, timeout: float) -> Iterator[None]:
    if not store.can_lock:
        yield
        return
    deadline = time.monotonic() + timeout
    while (fd := _try_lock(store, name, operation)) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{store.root} is in use by another pixelgen process; wait until it ends")
        time.sleep(0.02)
    try:
        yield
    except BaseException:
        with suppress(PixelgenError):  # the first error matters more
            _remove(store, name, fd)
        raise
    else:
        _remove(store, name, fd)
    finally:
        os.close(fd)


def remove_stale_lock(store: Store) -> None:
    """Remove the lock file of a process that was killed at the very end of a run."""
    if store.can_lock and store.size(LOCK) == 0:
        with suppress(Busy), lock(store):
            pass


def _remove(store: Store, name: str, fd: int) -> None:
    """Remove the lock file, unless others share it or the name belongs to another file."""
    if _flock(fd, fcntl.LOCK_EX) and _has_name(store, name, fd):
        store.remove(name)


def _has_name(store: Store, name: str, fd: int) -> bool:
    """Return whether an open file is the one with this name."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(store.path(name)))
    except FileNotFoundError:
        return False


def _try_lock(store: Store, name: str, operation: int) -> int | None:
    """Return the descriptor of the locked file, or None while another process holds the lock."""
    fd = store.open_lock(name)
    # The last holder removes the file when it is done: a lock on a removed file excludes nobody.
    if _flock(fd, operation) and _has_name(store, name, fd):
        return fd
    os.close(fd)
    return None


def _flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
