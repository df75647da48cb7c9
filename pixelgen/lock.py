"""The lock: a directory is written to by one process at a time, where the file system has locks.

Where it has none, or one that does nothing, unique temporary names, deterministic bytes and renames
still end in the right set.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pixelgen.errors import Busy, Conflict, PixelgenError
from pixelgen.store import LocalStore
from pixelgen.store.system import telling

LOCK = ".pixelgen.lock"

_PATIENCE = 0.5  # seconds; workers of a killed parent hold its lock that long at most
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def lock(store: LocalStore) -> Iterator[None]:
    """Hold the directory for this process alone; raise Busy if another holds it."""
    deadline = time.monotonic() + _PATIENCE
    while (fd := _try_lock(store)) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{store.root} is in use by another pixelgen; wait for it to end")
        time.sleep(0.02)
    try:
        yield
    except BaseException:
        with suppress(PixelgenError):  # rather tell what happened first
            _remove(store, fd)
        raise
    else:
        _remove(store, fd)
    finally:
        os.close(fd)


def release(store: LocalStore) -> None:
    """Remove the lock file that a process left which was killed at the very end of a run."""
    if store.size(LOCK) == 0:
        with suppress(Busy), lock(store):
            pass


def _remove(store: LocalStore, fd: int) -> None:
    """Remove the lock file, unless a stranger put something else in its place."""
    if _is(store, fd):
        store.remove(LOCK)


def _is(store: LocalStore, fd: int) -> bool:
    """Tell whether an open file is the one that bears the name."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(store.path(LOCK)))
    except FileNotFoundError:
        return False


def _try_lock(store: LocalStore) -> int | None:
    """Return the descriptor of the lock file, locked; None while another process holds it."""
    path = store.path(LOCK)
    if store.exists(LOCK) and store.size(LOCK) != 0:
        raise Conflict(f"{path} is not pixelgen's own and stays as it is; move it away")
    with telling(store.root, name=LOCK):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    # The holder removes the file when it is done: a lock on a removed file is none.
    if _flock(fd) and _is(store, fd):
        return fd
    os.close(fd)
    return None


def _flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
