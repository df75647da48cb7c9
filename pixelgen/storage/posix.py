"""What the store asks of the system: whole writes, names that are never taken over, syncs."""

import ctypes
import errno
import functools
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import BinaryIO

from pixelgen.errors import PixelgenError

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # none, a link, a socket

_RENAME_NOREPLACE = 1
_PAGE = 4096
_AT_EMPTY_PATH, _STATX_MNT_ID_UNIQUE, _STATX_BYTES = 0x1000, 0x4000, 256  # of Linux's stat.h
_SPACE = "free some space, then run the same command again"
_RIGHTS = "choose a directory you may write to"
_PLACE = "choose another directory"
_FILES = "allow this user more open files (ulimit -n), then run the same command again"
_SIZE = "allow larger files (ulimit -f), or choose a directory on another file system"
_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENAMETOOLONG: _PLACE,
    errno.ELOOP: _PLACE,
    errno.ENOTDIR: _PLACE,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EFBIG: _SIZE,
}


@contextmanager
def attach_path(path: str) -> Iterator[None]:
    """Have what the system refuses name a path, whatever it knows of it by itself."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


@contextmanager
def explain_os_errors(root: str, folder: str = "", name: str = "") -> Iterator[None]:
    """Turn what the system refuses into one line: what file below a root, why, what to do."""
    try:
        yield
    except OSError as error:
        file = error.filename if isinstance(error.filename, str) else name
        if not file.startswith(root):
            file = os.path.join(root, folder, file)
        why = os.strerror(error.errno) if error.errno else str(error)
        hint = _HINTS.get(error.errno or 0, "run the same command again to go on")
        raise PixelgenError(f"cannot write {file}: {why}; {hint}") from error


class State(Enum):
    """What bears the name of a file that we have written anew."""

    WHOLE = "the very same bytes"
    TORN = "a beginning of them in which pages may end in zeros: what a power cut leaves"
    FOREIGN = "anything else"


def compare(fd: int, name: str, temp: str) -> State:
    """Compare what bears a name in a folder with what we have written, page by page."""
    try:
        there = os.open(name, READ, dir_fd=fd)
    except OSError as error:
        if error.errno in (*NO_FILE, errno.EACCES):
            return State.FOREIGN
        raise
    if not stat.S_ISREG(os.fstat(there).st_mode):
        os.close(there)
        return State.FOREIGN
    new = os.open(temp, READ, dir_fd=fd)
    with os.fdopen(there, "rb") as found, os.fdopen(new, "rb") as wanted:
        return _by_pages(found, wanted)


def _by_pages(old: BinaryIO, new: BinaryIO) -> State:
    state = State.WHOLE
    while True:
        page, wanted = old.read(_PAGE), new.read(_PAGE)
        if page == wanted:
            if not page:
                return state
        elif len(page) <= len(wanted) and wanted.startswith(page.rstrip(b"\0")):
            state = State.TORN
        else:
            return State.FOREIGN


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def rename_new(fd: int, old: str, new: str) -> bool:
    """Rename inside a folder; return False where the new name is taken.

    Linux does it in one call. Where the call or the file system's support for it is missing, a
    hard link (which never replaces) and an unlink do the same.
    """
    if hasattr(_libc(), "renameat2"):
        names = os.fsencode(old), os.fsencode(new)
        if _libc().renameat2(fd, names[0], fd, names[1], _RENAME_NOREPLACE) == 0:
            return True
        code = ctypes.get_errno()
        if code == errno.EEXIST:
            return False
        if code not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code), new)
    try:
        os.link(old, new, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
    except FileExistsError:
        return False
    os.unlink(old, dir_fd=fd)
    return True


def drop(fd: int, temp: str) -> None:
    """Remove a temporary file from a folder; where that cannot be done, a later run sweeps it."""
    with suppress(OSError):
        os.unlink(temp, dir_fd=fd)


def sync_all(fd: int) -> None:
    """Bring the whole file system of a folder to the disk."""
    if not hasattr(_libc(), "syncfs"):
        os.sync()
    elif _libc().syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_files(*fds: int) -> None:
    """Bring open files or folders to the disk."""
    for fd in fds:
        os.fsync(fd)


def mount_id(fd: int) -> int:
    """Return the number of the mount that an open file is on, of which there is never another.

    0 where the system has none to tell: Linux has since 6.8 (``statx(2)``, STATX_MNT_ID_UNIQUE).
    """
    told = ctypes.create_string_buffer(_STATX_BYTES)
    library = _libc()
    if not hasattr(library, "statx"):
        return 0
    if library.statx(fd, b"", _AT_EMPTY_PATH, _STATX_MNT_ID_UNIQUE, told) != 0:
        return 0
    has_it = int.from_bytes(told.raw[:4], sys.byteorder) & _STATX_MNT_ID_UNIQUE
    return int.from_bytes(told.raw[144:152], sys.byteorder) if has_it else 0


@functools.cache
def boot() -> str:
    """Name the machine's present boot; where that is unknown, no two runs share one."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except FileNotFoundError:
        return os.urandom(16).hex()


@functools.cache
def host() -> str:
    """Return this machine's name, fit for a file name."""
    return re.sub(r"[^0-9A-Za-z-]", "-", os.uname().nodename)[:64]


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended but that nobody waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        pass  # no such process, or no /proc
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
