"""The lock: a directory is written to by one process at a time, where the file system has locks.

Runs that make a portion of a set each hold it together, and one of their own besides. Where there
are none, or ones that do nothing, as in an object store, unique temporary names, deterministic
bytes and renames still end in the right set.
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

_PATIENCE = 0.5  # seconds; workers of a killed parent hold its lock that long at most
_LONG_PATIENCE = 10.0  # seconds that another may take to begin the set
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def lock(store: Store, name: str = LOCK) -> Iterator[None]:
    """Hold the directory, or what has a lock of this name, alone; raise Busy if another does."""
    with _held(store, name, fcntl.LOCK_EX, _PATIENCE):
        yield


@contextmanager
def shared_lock(store: Store) -> Iterator[None]:
    """Hold the directory together with others; raise Busy if one holds it alone."""
    with _held(store, LOCK, fcntl.LOCK_SH, _LONG_PATIENCE):
        yield


@contextmanager
def _held(store: Store, name: str, how: int, patience: float) -> Iterator[None]:
    if not store.can_lock:
        yield
        return
    deadline = time.monotonic() + patience
    while (fd := _try_lock(store, name, how)) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{store.root} is in use by another pixelgen; wait for it to end")
        time.sleep(0.02)
    try:
        yield
    except BaseException:
        with suppress(PixelgenError):  # rather tell what happened first
            _remove(store, name, fd)
        raise
    else:
        _remove(store, name, fd)
    finally:
        os.close(fd)


def remove_stale_lock(store: Store) -> None:
    """Remove the lock file that a process left which was killed at the very end of a run."""
    if store.can_lock and store.size(LOCK) == 0:
        with suppress(Busy), lock(store):
            pass


def _remove(store: Store, name: str, fd: int) -> None:
    """Remove the lock file, unless others hold it, too, or a stranger put another in its place."""
    if _flock(fd, fcntl.LOCK_EX) and _is(store, name, fd):
        store.remove(name)


def _is(store: Store, name: str, fd: int) -> bool:
    """Tell whether an open file is the one that bears the name."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(store.path(name)))
    except FileNotFoundError:
        return False


def _try_lock(store: Store, name: str, how: int) -> int | None:
    """Return the descriptor of the lock file, locked; None while another process holds it."""
    fd = store.open_lock(name)
    # The last holder removes the file when it is done: a lock on a removed file is none.
    if _flock(fd, how) and _is(store, name, fd):
        return fd
    os.close(fd)
    return None


def _flock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
