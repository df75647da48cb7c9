"""Opening folders and files below a root, one step at a time, without following links."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pixelgen.errors import Conflict
from pixelgen.storage.base import SizeLookup
from pixelgen.storage.posix import NOT_A_FILE, READ_FLAGS, attach_path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_OPEN_FOLDERS = 32


@contextmanager
def open_folder(root: str, name: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder below the root; raise Conflict where a step is a link or a file."""
    fd = os.open(root, _FOLDER)
    try:
        for step in filter(None, name.split("/")):
            subfolder = _open_subfolder(root, fd, step, name, create=create)
            os.close(fd)
            fd = subfolder
        yield fd
    finally:
        os.close(fd)


def _open_subfolder(root: str, fd: int, step: str, name: str, *, create: bool) -> int:
    """Open a folder in an open folder, one step on the way to ``name``."""
    try:
        with attach_path(os.path.join(root, name)):
            if create:
                with suppress(FileExistsError):
                    os.mkdir(step, dir_fd=fd)
            return os.open(step, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
    except NotADirectoryError:
        raise Conflict(
            f"{os.path.join(root, name)} passes through {step!r}, which is a link or a file, not"
            " a folder of pixelgen; use another directory"
        ) from None


def open_file(root: str, name: str, *, follow: bool = False) -> int:
    """Open a regular file for reading, with ``follow`` also one that a link leads to.

    Raises:
        FileNotFoundError: If it does not exist.
        OSError: If it cannot be opened for another reason.
    """
    folder, base = os.path.split(name)
    flags = READ_FLAGS & ~os.O_NOFOLLOW if follow else READ_FLAGS
    try:
        with attach_path(os.path.join(root, name)), open_folder(root, folder) as fd:
            file = os.open(base, flags, dir_fd=fd)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    except OSError as error:
        if error.errno not in NOT_A_FILE:
            raise
    raise FileNotFoundError(errno.ENOENT, "no such regular file", os.path.join(root, name))


def size_in(fd: int, base: str, *, follow: bool = False) -> int | None:
    """Return the size of a regular file in an open folder, or None if it does not exist.

    With ``follow`` also that of a file that a link leads to.

    Raises:
        OSError: If it cannot be found out.
    """
    try:
        status = os.stat(base, dir_fd=fd, follow_symlinks=follow)
    except OSError as error:
        if error.errno in NOT_A_FILE:
            return None
        raise
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@contextmanager
def size_lookup(root: str, *, follow: bool = False) -> Iterator[SizeLookup]:
    """Keep some folders open, so that a size costs one system call."""
    opened: dict[str, int | None] = {}

    def close_all() -> None:
        for fd in filter(None, opened.values()):
            os.close(fd)
        opened.clear()

    def size(name: str) -> int | None:
        folder, _, base = name.rpartition("/")
        if folder not in opened and len(opened) >= _MAX_OPEN_FOLDERS:
            close_all()
        if folder not in opened:
            opened[folder] = _open_descriptor(root, folder)
        fd = opened[folder]
        return None if fd is None else size_in(fd, base, follow=follow)

    try:
        yield size
    finally:
        close_all()


def _open_descriptor(root: str, folder: str) -> int | None:
    """Return a folder's descriptor, which the caller closes, or None if it does not exist."""
    with suppress(FileNotFoundError, NotADirectoryError, Conflict), open_folder(root, folder) as fd:
        return os.dup(fd)
    return None
