"""System calls of the directory store: renames that never replace, syncs, ids, error messages."""

import ctypes
import errno
import functools
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import BinaryIO

from pixelgen.errors import PixelgenError

READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NOT_A_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # none, a link, a socket

_RENAME_NOREPLACE = 1
_PAGE = 4096
_AT_EMPTY_PATH, _STATX_MNT_ID_UNIQUE, _STATX_BYTES = 0x1000, 0x4000, 256  # of Linux's stat.h
_FREE_SPACE = "free some space, then run the same command again"
_WRITABLE = "use a directory that you may write to"
_OTHER_DIRECTORY = "use another directory"
_OPEN_FILES = "allow this user more open files (ulimit -n), then run the same command again"
_FILE_SIZE = "allow larger files (ulimit -f), or use a directory on another file system"
_HINTS = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: _WRITABLE,
    errno.ENAMETOOLONG: _OTHER_DIRECTORY,
    errno.ELOOP: _OTHER_DIRECTORY,
    errno.ENOTDIR: _OTHER_DIRECTORY,
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.EFBIG: _FILE_SIZE,
}


@contextmanager
def attach_path(path: str) -> Iterator[None]:
    """Set the path that an OSError names."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


@contextmanager
def explain_os_errors(root: str, folder: str = "", name: str = "") -> Iterator[None]:
    """Turn an OSError into a PixelgenError: which file below a root, why, and what to do."""
    try:
        yield
    except OSError as error:
        file = error.filename if isinstance(error.filename, str) else name
        if not file.startswith(root):
            file = os.path.join(root, folder, file)
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = _HINTS.get(error.errno or 0, "run the same command again to resume")
        raise PixelgenError(f"cannot write {file}: {reason}; {hint}") from error


class FileState(Enum):
    """What an existing file is, compared with the one that we have just written."""

    COMPLETE = "the same bytes"
    TORN = "a prefix of them, in which pages may end in zeros, as after a power cut"
    FOREIGN = "anything else"


def compare_files(fd: int, name: str, temp: str) -> FileState:
    """Compare an existing file in a folder with the one that we have written, page by page."""
    try:
        there = os.open(name, READ_FLAGS, dir_fd=fd)
    except OSError as error:
        if error.errno in (*NOT_A_FILE, errno.EACCES):
            return FileState.FOREIGN
        raise
    if not stat.S_ISREG(os.fstat(there).st_mode):
        os.close(there)
        return FileState.FOREIGN
    new = os.open(temp, READ_FLAGS, dir_fd=fd)
    with os.fdopen(there, "rb") as found, os.fdopen(new, "rb") as wanted:
        return compare_pages(found, wanted)


def compare_pages(old: BinaryIO, new: BinaryIO) -> FileState:
    """Compare an existing file with another one, page by page."""
    state = FileState.COMPLETE
    while True:
        page, wanted = old.read(_PAGE), new.read(_PAGE)
        if page == wanted:
            if not page:
                return state
        elif len(page) <= len(wanted) and wanted.startswith(page.rstrip(b"\0")):
            state = FileState.TORN
        else:
            return FileState.FOREIGN


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    """Return the function of Linux; None where the C library lacks it."""
    return getattr(_libc(), "renameat2", None)


def rename_no_replace(fd: int, old: str, new: str, new_folder: int | None = None) -> bool:
    """Rename inside a folder, or into ``new_folder``; return False if the new name exists.

    Linux does it in one call. Where the call or the file system's support is missing, a hard link,
    which never replaces, and an unlink do the same.

    Raises:
        OSError: If it fails for another reason.
    """
    to_fd = fd if new_folder is None else new_folder
    if rename := _renameat2():
        if rename(fd, os.fsencode(old), to_fd, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return True
        code = ctypes.get_errno()
        if code == errno.EEXIST:
            return False
        if code not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code), new)
    try:
        os.link(old, new, src_dir_fd=fd, dst_dir_fd=to_fd, follow_symlinks=False)
    except FileExistsError:
        return False
    os.unlink(old, dir_fd=fd)
    return True


def remove_temporary(fd: int, temp: str) -> None:
    """Remove a temporary file from a folder; if that fails, a later run removes it."""
    with suppress(OSError):
        os.unlink(temp, dir_fd=fd)


def sync_file_system(fd: int) -> None:
    """Sync the whole file system of a folder."""
    if not hasattr(_libc(), "syncfs"):
        os.sync()
    elif _libc().syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_files(*fds: int) -> None:
    """Sync open files or folders."""
    for fd in fds:
        os.fsync(fd)


def mount_id(fd: int) -> int:
    """Return the id of the mount that an open file is on, which is never used again.

    0 if the system has no such id: Linux has since 6.8 (``statx(2)``, STATX_MNT_ID_UNIQUE).
    """
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    library = _libc()
    if not hasattr(library, "statx"):
        return 0
    if library.statx(fd, b"", _AT_EMPTY_PATH, _STATX_MNT_ID_UNIQUE, buffer) != 0:
        return 0
    has_id = int.from_bytes(buffer.raw[:4], sys.byteorder) & _STATX_MNT_ID_UNIQUE
    return int.from_bytes(buffer.raw[144:152], sys.byteorder) if has_id else 0


@functools.cache
def boot_id() -> str:
    """Return the id of the machine's boot; where it is unknown, a random one for each process."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except FileNotFoundError:
        return os.urandom(16).hex()


@functools.cache
def host_name() -> str:
    """Return this machine's name, safe for a file name."""
    return re.sub(r"[^0-9A-Za-z-]", "-", os.uname().nodename)[:64]


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
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


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of the data: the system may write less than it is given, without an error."""
    view = memoryview(data)
    while view.nbytes:
        view = view[os.write(fd, view) :]
