"""Folders below a root, opened one by one without following a link that was planted inside it."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pixelgen.errors import Conflict
from pixelgen.storage.base import SizeLookup
from pixelgen.storage.posix import NO_FILE, READ, attach_path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDERS_OPEN = 32


@contextmanager
def open_folder(root: str, name: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder below the root, following no link below it."""
    fd = os.open(root, _FOLDER)
    try:
        for step in filter(None, name.split("/")):
            below = _enter(root, fd, step, name, create=create)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _enter(root: str, fd: int, step: str, name: str, *, create: bool) -> int:
    """Open a folder in a folder, as a step to the one of a name."""
    try:
        with attach_path(os.path.join(root, name)):
            if create:
                with suppress(FileExistsError):
                    os.mkdir(step, dir_fd=fd)
            return os.open(step, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
    except NotADirectoryError:
        raise Conflict(
            f"{os.path.join(root, name)} passes through {step!r}, which is a link or a file and not"
            " ours; choose another directory"
        ) from None


def open_file(root: str, name: str) -> int:
    """Open a regular file for reading; raise FileNotFoundError where there is none."""
    folder, base = os.path.split(name)
    try:
        with attach_path(os.path.join(root, name)), open_folder(root, folder) as fd:
            file = os.open(base, READ, dir_fd=fd)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
    raise FileNotFoundError(errno.ENOENT, "no such regular file", os.path.join(root, name))


def size_in(fd: int, base: str) -> int | None:
    """Return the size of a regular file in an open folder; None where there is none."""
    try:
        found = os.stat(base, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@contextmanager
def size_lookup(root: str) -> Iterator[SizeLookup]:
    """Keep some folders open, so that a file costs one call of the system."""
    opened: dict[str, int | None] = {}

    def close_all() -> None:
        for fd in filter(None, opened.values()):
            os.close(fd)
        opened.clear()

    def size(name: str) -> int | None:
        folder, _, base = name.rpartition("/")
        if folder not in opened and len(opened) >= _FOLDERS_OPEN:
            close_all()
        if folder not in opened:
            opened[folder] = _descriptor(root, folder)
        fd = opened[folder]
        return None if fd is None else size_in(fd, base)

    try:
        yield size
    finally:
        close_all()


def _descriptor(root: str, folder: str) -> int | None:
    """Return a descriptor of a folder, for the caller to close; None where there is none."""
    with suppress(FileNotFoundError, NotADirectoryError, Conflict), open_folder(root, folder) as fd:
        return os.dup(fd)
    return None
