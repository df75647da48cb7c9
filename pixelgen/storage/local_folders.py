"""Opening folders and files below a root, one step at a time, without following links."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pixelgen.errors import Conflict
from pixelgen.storage.posix import NOT_A_FILE, READ_FLAGS, attach_path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_OPEN_FOLDERS = 32


@contextmanager
def open_folder(root: str, name: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder below the root; raise Conflict where a step is a link or a file."""
    fd = _open_descriptor(root, name, create=create)
    try:
        yield fd
    finally:
        os.close(fd)


def _open_descriptor(root: str, name: str, *, create: bool = False) -> int:
    """Return the descriptor of a folder, which the caller closes."""
    fd = os.open(root, _FOLDER)
    try:
        for step in filter(None, name.split("/")):
            subfolder = _open_subfolder(root, fd, step, name, create=create)
            os.close(fd)
            fd = subfolder
    except BaseException:
        os.close(fd)
        raise
    return fd


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


class OpenFolders:
    """Folders below a root, kept open once a file in them was wanted: few system calls a file.

    They are opened as :func:`open_folder` does it, at most 32 at a time, and must not be replaced
    meanwhile. With ``follow``, a file may be a link to one elsewhere.
    """

    def __init__(self, root: str, *, follow: bool = False) -> None:
        self._root = root
        self._follow = follow
        self._flags = READ_FLAGS & ~os.O_NOFOLLOW if follow else READ_FLAGS
        self._opened: dict[str, int] = {}

    def close(self) -> None:
        """Close all folders."""
        for fd in self._opened.values():
            os.close(fd)
        self._opened.clear()

    def open_file(self, name: str) -> int:
        """Open a regular file for reading; return its descriptor, which the caller closes.

        Raises:
            FileNotFoundError: If it does not exist.
            OSError: If it cannot be opened for another reason.
        """
        folder, _, base = name.rpartition("/")
        try:
            file = os.open(base, self._flags, dir_fd=self._descriptor(folder))
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
            os.close(file)
        except OSError as error:
            if error.errno not in NOT_A_FILE:
                error.filename = os.path.join(self._root, name)
                raise
        path = os.path.join(self._root, name)
        raise FileNotFoundError(errno.ENOENT, "no such regular file", path)

    def size(self, name: str) -> int | None:
        """Return the size of a regular file, or None if it does not exist.

        Raises:
            OSError: If it cannot be found out.
        """
        status = self._status(name, follow=self._follow)
        return status.st_size if status and stat.S_ISREG(status.st_mode) else None

    def is_link(self, name: str) -> bool:
        """Return whether a file exists and is a link."""
        status = self._status(name, follow=False)
        return bool(status and stat.S_ISLNK(status.st_mode))

    def _status(self, name: str, *, follow: bool) -> os.stat_result | None:
        """Return the status of a file, or None if it does not exist."""
        folder, _, base = name.rpartition("/")
        try:
            fd = self._descriptor(folder)
            try:
                return os.stat(base, dir_fd=fd, follow_symlinks=follow)
            except OSError as error:
                if error.errno not in NOT_A_FILE:
                    raise
        except OSError as error:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                error.filename = os.path.join(self._root, name)
                raise
        except Conflict:
            pass
        return None

    def _descriptor(self, folder: str) -> int:
        """Return the descriptor of a folder, to be used at once."""
        fd = self._opened.get(folder)
        if fd is None:
            if len(self._opened) >= _MAX_OPEN_FOLDERS:
                self.close()
            fd = self._opened[folder] = _open_descriptor(self._root, folder)
        return fd
