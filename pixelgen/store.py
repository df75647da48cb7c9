"""The store: named bytes, published whole or not at all, never over a stranger's.

A file is written under a temporary name beside its target, checked, closed and renamed. The rename
never replaces: what already bears the name is left alone, unless it is our own file, complete (then
there is nothing to do) or torn by a power cut (then it is mended). Folders are opened one by one
without following links, so nothing outside the root can be reached by a link planted inside it.
"""

import ctypes
import errno
import functools
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO, NamedTuple, TypeAlias

from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.formats.base import Data

Chunks: TypeAlias = Data | Iterable[Data]
Put: TypeAlias = Callable[[str, Chunks], None]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_PAGE = 4096
_TEMP = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.part")
_NAME_LIMIT = 255


_SPACE = "free some space, then run the same command again"
_RIGHTS = "choose a directory you may write to"
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # none, a link, a socket
_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
}


class Staged(NamedTuple):
    """A file written under a temporary name, waiting for its own."""

    name: str
    temp: str


@dataclass(frozen=True)
class LocalStore:
    """A directory.

    ``durability`` says what is synced to the disk: ``none`` nothing, ``commit`` everything once,
    before the manifest; ``each`` every batch, before its files get their names, too.
    """

    root: str
    durability: str = "commit"

    def path(self, name: str) -> str:
        """Return the path of a name, for messages."""
        return os.path.join(self.root, name)

    def create(self) -> None:
        """Make the root folder."""
        with self.telling():
            try:
                os.makedirs(self.root, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise BadValue(
                    f"the output path {self.root!r} is, or lies below, a file; name a directory"
                ) from None

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        """Put many files into one folder; under ``each`` they get their names together, synced."""
        with self.telling(folder), self._folder(folder, create=True) as fd:
            if self.durability != "each":
                yield lambda name, data: self._publish(fd, self._stage(fd, name, data))
                return
            staged: deque[Staged] = deque()
            try:
                yield lambda name, data: staged.append(self._stage(fd, name, data))
                _sync(fd)
                while staged:
                    self._publish(fd, staged.popleft())
            except BaseException:
                for file in staged:
                    os.unlink(file.temp, dir_fd=fd)
                raise

    def put(self, name: str, data: Chunks) -> None:
        """Publish one file."""
        folder, base = os.path.split(name)
        with self.batch(folder) as put:
            put(base, data)

    def replace(self, name: str, data: Chunks) -> None:
        """Put one of our own files of the root in the place of what it was."""
        with self.telling(name=name), self._folder("") as fd:
            staged = self._stage(fd, name, data)
            os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)

    def stage(self, name: str, data: Chunks) -> Staged:
        """Write a file of the root under a temporary name, to be published later."""
        with self.telling(name=name), self._folder("") as fd:
            return self._stage(fd, name, data)

    def publish(self, staged: Staged) -> None:
        """Give a staged file its name."""
        with self.telling(), self._folder("") as fd:
            self._publish(fd, staged)

    def discard(self, staged: Staged) -> None:
        """Drop a staged file."""
        with self._folder("") as fd:
            os.unlink(staged.temp, dir_fd=fd)

    def sync(self, name: str = "") -> None:
        """Bring one file of the root, or all of it, to the disk; under ``none`` nothing."""
        if self.durability == "none":
            return
        with self.telling(name=name), self._folder("") as folder:
            if not name:
                _sync(folder)
                return
            fd = self.open(name)
            try:
                os.fsync(fd)
                os.fsync(folder)
            finally:
                os.close(fd)

    def append(self, name: str, line: bytes) -> int:
        """Append a line to a file of the root, synced under ``each``; return where it begins."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self.telling(name=name), self._folder("") as folder:
            fd = os.open(name, flags, 0o666, dir_fd=folder)
            try:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                    raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
                size = found.st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":  # end a torn line first
                    _write(fd, b"\n")
                _write(fd, line)
                if self.durability == "each":
                    os.fsync(fd)
                return os.lseek(fd, 0, os.SEEK_CUR) - len(line)
            finally:
                os.close(fd)

    def open(self, name: str) -> int:
        """Open a regular file for reading; raise FileNotFoundError where there is none."""
        folder, base = os.path.split(name)
        try:
            with self._folder(folder) as fd:
                file = os.open(base, _READ, dir_fd=fd)
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
            os.close(file)
        except OSError as error:
            if error.errno not in _NO_FILE:
                error.filename = self.path(name)
                raise
        raise FileNotFoundError(errno.ENOENT, "no such regular file", self.path(name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with os.fdopen(self.open(name), "rb") as file:
            return file.read()

    def lines(self, name: str, start: int = 0) -> Generator[bytes]:
        """Yield the lines of a file from a byte on; nothing where there is no file."""
        with suppress(FileNotFoundError), os.fdopen(self.open(name), "rb") as file:
            file.seek(start)
            yield from file

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file in pieces of a megabyte."""
        with os.fdopen(self.open(name), "rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

    def size(self, name: str) -> int | None:
        """Return the size of a regular file, or None where there is none."""
        folder, base = os.path.split(name)
        try:
            with self._folder(folder) as fd:
                found = os.stat(base, dir_fd=fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError, Conflict):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def forget(self, name: str) -> None:
        """Drop what the system remembers of a file, so that it is read from the disk again."""
        with suppress(OSError):
            fd = self.open(name)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def exists(self, name: str) -> bool:
        """Tell whether anything at all bears the name."""
        return os.path.lexists(self.path(name))

    def remove(self, name: str) -> None:
        """Remove one of our own files, if it is there."""
        folder, base = os.path.split(name)
        with self.telling(folder), suppress(FileNotFoundError), self._folder(folder) as fd:
            os.unlink(base, dir_fd=fd)

    def touch(self, name: str) -> None:
        """Set a file's time to now, where that can be done."""
        with suppress(OSError):
            if os.lstat(self.path(name)).st_nlink == 1:
                os.utime(self.path(name))

    def sweep(self, folder: str) -> None:
        """Remove what dead processes of this host left under temporary names in a folder."""
        with self.telling(folder), suppress(FileNotFoundError), self._folder(folder) as fd:
            for name in os.listdir(fd):
                left = _TEMP.fullmatch(name)
                # Our own number too: a process before this one had it, in a container for one.
                gone = left and (int(left["pid"]) == os.getpid() or not _alive(int(left["pid"])))
                if left and gone and left["host"] == _host():
                    with suppress(IsADirectoryError):  # not ours
                        os.unlink(name, dir_fd=fd)

    @contextmanager
    def _folder(self, name: str, *, create: bool = False) -> Iterator[int]:
        """Open a folder below the root, following no link below it."""
        fd = os.open(self.root, _FOLDER)
        try:
            for step in filter(None, name.split("/")):
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(step, dir_fd=fd)
                try:
                    below = os.open(step, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
                except NotADirectoryError:
                    raise Conflict(
                        f"{self.path(name)} passes through {step!r}, which is a link or a file and"
                        " not ours; choose another directory"
                    ) from None
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _stage(self, fd: int, name: str, data: Chunks) -> Staged:
        """Write a temporary file beside its target, and check that all of it was taken."""
        tail = f".{_host()}.{os.getpid()}.{os.urandom(4).hex()}.part"
        temp = f".{name[: _NAME_LIMIT - 1 - len(tail)]}{tail}"
        try:
            file = os.open(temp, _NEW, 0o666, dir_fd=fd)
            try:
                for chunk in (data,) if isinstance(data, Data) else data:
                    _write(file, chunk)
            except BaseException:
                os.unlink(temp, dir_fd=fd)
                raise
            finally:
                os.close(file)
        except OSError as error:
            error.filename = name
            raise
        return Staged(name, temp)

    def _publish(self, fd: int, staged: Staged) -> None:
        """Rename to the final name, unless what bears it is whole already, or a stranger's."""
        try:
            if _rename_new(fd, staged.temp, staged.name):
                return
            state = _state(fd, staged)
            if state is _State.TORN:
                os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)
                return
        except BaseException:
            os.unlink(staged.temp, dir_fd=fd)
            raise
        os.unlink(staged.temp, dir_fd=fd)
        if state is _State.FOREIGN:
            raise Conflict(
                f"{staged.name} in {self.root} is not pixelgen's own and stays as it is; move it"
                " away, or choose another directory"
            )

    @contextmanager
    def telling(self, folder: str = "", name: str = "") -> Iterator[None]:
        """Turn what the system refuses into one line: what file, why, what to do."""
        try:
            yield
        except OSError as error:
            file = error.filename if isinstance(error.filename, str) else name
            if not file.startswith(self.root):
                file = self.path(os.path.join(folder, file))
            why = os.strerror(error.errno) if error.errno else str(error)
            hint = _HINTS.get(error.errno or 0, "run the same command again to go on")
            raise PixelgenError(f"cannot write {file}: {why}; {hint}") from error


def _write(file: int, data: Data) -> None:
    """Write all of the data; a short write is not an error to the system, but it is to us."""
    view = memoryview(data)
    while view.nbytes:
        view = view[os.write(file, view) :]


class _State(Enum):
    """What bears the name of a file that we have written anew."""

    WHOLE = "the very same bytes"
    TORN = "a beginning of them in which pages may be zero: what a power cut leaves"
    FOREIGN = "anything else"


def _state(fd: int, staged: Staged) -> _State:
    """Compare what bears the name with the staged file, page by page."""
    try:
        there = os.open(staged.name, _READ, dir_fd=fd)
    except OSError as error:
        if error.errno in (*_NO_FILE, errno.EACCES):
            return _State.FOREIGN
        raise
    if not stat.S_ISREG(os.fstat(there).st_mode):
        os.close(there)
        return _State.FOREIGN
    new = os.open(staged.temp, _READ, dir_fd=fd)
    with os.fdopen(there, "rb") as found, os.fdopen(new, "rb") as wanted:
        return _compare(found, wanted)


def _compare(old: BinaryIO, new: BinaryIO) -> _State:
    state = _State.WHOLE
    while True:
        page, wanted = old.read(_PAGE), new.read(_PAGE)
        if page == wanted:
            if not page:
                return state
        elif len(page) <= len(wanted) and (page == wanted[: len(page)] or not any(page)):
            state = _State.TORN
        else:
            return _State.FOREIGN


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _rename_new(fd: int, old: str, new: str) -> bool:
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


def _sync(fd: int) -> None:
    """Bring the whole file system of a folder to the disk."""
    if not hasattr(_libc(), "syncfs"):
        os.sync()
    elif _libc().syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@functools.cache
def _host() -> str:
    """Return this machine's name, fit for a file name."""
    return re.sub(r"[^0-9A-Za-z-]", "-", os.uname().nodename)[:64]


def _alive(pid: int) -> bool:
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
