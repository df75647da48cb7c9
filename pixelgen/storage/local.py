"""A directory: named bytes, published whole or not at all, never over a stranger's.

A file is written under a temporary name beside its target, checked, closed and renamed. The rename
never replaces: what already bears the name is left alone, unless it is our own file, complete (then
there is nothing to do) or torn by a power cut (then it is mended). Folders are opened one by one
without following links, so nothing outside the root can be reached by a link planted inside it.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar

from pixelgen.errors import BadValue, Conflict
from pixelgen.storage.append_log import FileLog
from pixelgen.storage.base import (
    LINE_LIMIT,
    PROBE_PREFIX,
    Chunks,
    Put,
    SizeLookup,
    StagedFile,
    Store,
)
from pixelgen.storage.local_folders import open_file, open_folder, size_in, size_lookup
from pixelgen.storage.local_temporaries import sweep, write_temporary
from pixelgen.storage.posix import (
    State,
    attach_path,
    boot,
    compare,
    drop,
    explain_os_errors,
    mount_id,
    rename_new,
    sync_all,
    sync_files,
)
from pixelgen.threads import run_in_thread

_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class LocalStore(Store):
    """A directory.

    ``durability`` says what is synced to the disk: ``none`` nothing, ``commit`` everything once,
    before the manifest; ``each`` every batch, before its files get their names, too.
    """

    has_local_paths: ClassVar[bool] = True
    can_lock: ClassVar[bool] = True
    can_replace: ClassVar[bool] = True
    appends_immediately: ClassVar[bool] = True

    root: str
    durability: str = "commit"

    def path(self, name: str) -> str:
        """Return the path of a name, for messages."""
        return os.path.join(self.root, name)

    def absolute(self) -> "LocalStore":
        """Return the same directory as a process in another one names it."""
        return replace(self, root=os.path.abspath(self.root))

    def create(self) -> None:
        """Make the root folder."""
        with explain_os_errors(self.root):
            try:
                os.makedirs(self.root, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise BadValue(
                    f"the output path {self.root!r} is, or lies below, a file; name a directory"
                ) from None

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        """Put many files into one folder; under ``each`` they get their names together, synced."""
        with (
            explain_os_errors(self.root, folder),
            open_folder(self.root, folder, create=True) as fd,
        ):
            if self.durability != "each":
                yield lambda name, data: self._publish(fd, write_temporary(fd, name, data))
                return
            staged: deque[StagedFile] = deque()
            try:
                yield lambda name, data: staged.append(write_temporary(fd, name, data))
                sync_all(fd)
                while staged:
                    self._publish(fd, staged.popleft())
            except BaseException:
                for file in staged:
                    drop(fd, file.temp)
                raise

    def put(self, name: str, data: Chunks) -> None:
        """Publish one file."""
        folder, base = os.path.split(name)
        with self.batch(folder) as put:
            put(base, data)

    def overwrite(self, name: str, data: Chunks) -> None:
        """Put one of our own files of the root in the place of what it was, synced."""
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as fd:
            staged = write_temporary(fd, name, data)
            self.sync(staged.temp)
            os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)
            self.sync(name)

    def stage(self, name: str, data: Chunks) -> StagedFile:
        """Write a file of the root under a temporary name, to be published later."""
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as fd:
            return write_temporary(fd, name, data)

    def publish(self, staged: StagedFile) -> None:
        """Give a staged file its name, and the time of this moment."""
        with explain_os_errors(self.root), open_folder(self.root, "") as fd:
            os.utime(staged.temp, dir_fd=fd)
            self._publish(fd, staged)

    def discard(self, staged: StagedFile) -> None:
        """Drop a staged file."""
        with suppress(OSError), open_folder(self.root, "") as fd:
            drop(fd, staged.temp)

    @contextmanager
    def probe_file(self, data: bytes) -> Iterator[str]:
        """Show data to whoever sees this directory, under a name of the root, for a while."""
        staged = self.stage(PROBE_PREFIX.strip("."), data)
        try:
            yield staged.temp
        finally:
            self.discard(staged)

    def move(self, old: str, new: str) -> None:
        """Rename one of our own files of the root to a name that is free."""
        with explain_os_errors(self.root, name=new), open_folder(self.root, "") as fd:
            if not rename_new(fd, old, new):
                raise Conflict(f"{self.path(new)} is not pixelgen's own; move it away")

    def sync(self, name: str = "") -> None:
        """Bring one file of the root, or all of it, to the disk; under ``none`` nothing."""
        if self.durability == "none":
            return
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as folder:
            if not name:
                run_in_thread(sync_all, folder)
                return
            fd = open_file(self.root, name)
            try:
                run_in_thread(sync_files, fd, folder)
            finally:
                os.close(fd)

    @contextmanager
    def log(self, name: str) -> Iterator[FileLog]:
        """Open a log, a file of the root; make it if there is none."""
        self._check_regular(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as folder:
            fd = os.open(name, flags, 0o666, dir_fd=folder)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
            yield FileLog(fd, self.root, name, synced=self.durability == "each")
        finally:
            os.close(fd)

    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines of a file; nothing where there is no file."""
        with suppress(FileNotFoundError):
            file = open_file(self.root, name)
            with attach_path(self.path(name)), os.fdopen(file, "rb") as lines:
                yield from iter(lambda: lines.readline(max_bytes), b"")

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file in pieces of a megabyte."""
        with attach_path(self.path(name)), os.fdopen(open_file(self.root, name), "rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

    def content_equals(self, name: str, data: Chunks) -> bool:
        """Tell it; what the disk has lost is not there."""
        try:
            return super().content_equals(name, data)
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise

    def reader(self, name: str) -> BinaryIO:
        """Open a regular file."""
        return os.fdopen(open_file(self.root, name), "rb")

    def mount_id(self) -> str:
        """Name the machine's boot and the mount: what is not synced may outlive neither."""
        with explain_os_errors(self.root), open_folder(self.root, "") as fd:
            return f"{boot()} {mount_id(fd)}"

    def size_lookup(self) -> AbstractContextManager[SizeLookup]:
        """Keep some folders open, so that a file costs one call of the system."""
        return size_lookup(self.root)

    def is_known_empty(self) -> bool:
        """Tell of no directory: it may hold any number of other files."""
        return False

    def size(self, name: str) -> int | None:
        """Return the size of a regular file, or None where there is none."""
        folder, base = os.path.split(name)
        try:
            with attach_path(self.path(name)), open_folder(self.root, folder) as fd:
                return size_in(fd, base)
        except (FileNotFoundError, NotADirectoryError, Conflict):
            return None

    def drop_page_cache(self, name: str) -> None:
        """Drop what the system remembers of a file, so that it is read from the disk again."""
        with suppress(OSError):
            fd = open_file(self.root, name)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def list_names(self, prefix: str) -> list[str]:
        """List the root."""
        try:
            with attach_path(self.root):
                return [name for name in os.listdir(self.root) if name.startswith(prefix)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, name: str) -> bool:
        """Tell whether anything at all bears the name."""
        return os.path.lexists(self.path(name))

    def open_lock(self, name: str) -> int:
        """Open the file of a lock, which is empty, made if there is none."""
        self._check_regular(name)
        if self.size(name):
            raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
        with explain_os_errors(self.root, name=name):
            return os.open(self.path(name), _LOCK, 0o666)

    def _check_regular(self, name: str) -> None:
        """Raise Conflict where a folder, a link or a device bears a name of the root."""
        with suppress(FileNotFoundError):  # one look: another process may remove it meanwhile
            if not stat.S_ISREG(os.lstat(self.path(name)).st_mode):
                raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")

    def remove(self, name: str) -> None:
        """Remove one of our own files, if it is there."""
        folder, base = os.path.split(name)
        with (
            explain_os_errors(self.root, folder),
            suppress(FileNotFoundError),
            open_folder(self.root, folder) as fd,
        ):
            os.unlink(base, dir_fd=fd)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder below the root and those that it lies in, as far as they are empty."""
        with suppress(OSError):
            while folder:
                above, base = os.path.split(folder)
                with open_folder(self.root, above) as fd:
                    os.rmdir(base, dir_fd=fd)
                folder = above

    def check_folder(self, folder: str) -> None:
        """Raise Conflict where a folder, or one that it lies in, is a link or a file."""
        with suppress(FileNotFoundError), open_folder(self.root, folder):
            pass

    def touch(self, name: str) -> None:
        """Set a file's time to now, where that can be done."""
        with suppress(OSError):
            if os.lstat(self.path(name)).st_nlink == 1:
                os.utime(self.path(name))

    def remove_stale_files(self, folder: str) -> None:
        """Remove what dead processes of this host left under temporary names in a folder."""
        with (
            explain_os_errors(self.root, folder),
            suppress(FileNotFoundError),
            open_folder(self.root, folder) as fd,
        ):
            sweep(fd)

    def _publish(self, fd: int, staged: StagedFile) -> None:
        """Rename to the final name, unless what bears it is whole already, or a stranger's."""
        try:
            if rename_new(fd, staged.temp, staged.name):
                return
            state = compare(fd, staged.name, staged.temp)
            if state is State.TORN:
                os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)
                return
        except BaseException:
            drop(fd, staged.temp)
            raise
        drop(fd, staged.temp)
        if state is State.FOREIGN:
            raise Conflict(
                f"{staged.name} in {self.root} is not pixelgen's own and stays as it is; move it"
                " away, or choose another directory"
            )
