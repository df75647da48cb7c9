"""A directory as a store: files are published whole or not at all, and never over foreign files.

A file is written under a temporary name beside its target, closed and renamed. The rename never
replaces: a file that has the name already stays, unless it is our own, either complete (then there
is nothing to do) or torn by a power cut (then it is replaced). Folders are opened one by one
without following links, so a link planted inside the root cannot lead outside.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO, ClassVar

from pixelgen.errors import BadValue, Conflict
from pixelgen.storage.append_log import FileLog
from pixelgen.storage.base import (
    LINE_LIMIT,
    PROBE_PREFIX,
    Chunks,
    Put,
    StagedFile,
    Store,
)
from pixelgen.storage.local_folders import OpenFolders, open_folder
from pixelgen.storage.local_temporaries import remove_stale, write_temporary
from pixelgen.storage.posix import (
    FileState,
    attach_path,
    boot_id,
    compare_files,
    explain_os_errors,
    mount_id,
    remove_temporary,
    rename_no_replace,
    sync_file_system,
    sync_files,
)
from pixelgen.threads import run_in_thread

_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class LocalStore(Store):
    """A directory.

    ``durability`` says what is synced to the disk: with ``none`` nothing; with ``commit``
    everything once, before the manifest; with ``each`` also every batch, before it is published.
    With ``follows_links`` a file may be a link to one elsewhere, as DVC and git-annex make them: it
    is read, but never written through.
    """

    has_local_paths: ClassVar[bool] = True
    can_lock: ClassVar[bool] = True
    can_replace: ClassVar[bool] = True
    appends_immediately: ClassVar[bool] = True

    root: str
    durability: str = "commit"
    follows_links: bool = False
    folders: OpenFolders | None = field(default=None, compare=False, repr=False)
    """Those of a store that :meth:`opened` returned."""

    def path(self, name: str) -> str:
        """Return the path of a file."""
        return os.path.join(self.root, name)

    def absolute(self) -> "LocalStore":
        """Return the same directory by its absolute path."""
        return replace(self, root=os.path.abspath(self.root))

    def create(self) -> None:
        """Create the root folder."""
        with explain_os_errors(self.root):
            try:
                os.makedirs(self.root, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise BadValue(
                    f"invalid output {self.root!r}: it is, or lies below, a file; use a directory"
                ) from None

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        """Write many files into one folder; with ``each`` all are synced, then published."""
        with (
            explain_os_errors(self.root, folder),
            open_folder(self.root, folder, create=True) as fd,
        ):
            if self.durability != "each":
                yield lambda name, data: self._publish(fd, write_temporary(fd, name, data), folder)
                return
            staged: deque[StagedFile] = deque()
            try:
                yield lambda name, data: staged.append(write_temporary(fd, name, data))
                sync_file_system(fd)
                while staged:
                    self._publish(fd, staged.popleft(), folder)
            except BaseException:
                for file in staged:
                    remove_temporary(fd, file.temp)
                raise

    def put(self, name: str, data: Chunks) -> None:
        """Publish one file."""
        folder, base = os.path.split(name)
        with self.batch(folder) as put:
            put(base, data)

    def overwrite(self, name: str, data: Chunks) -> None:
        """Replace the content of one of our own files in the root, synced."""
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as fd:
            staged = write_temporary(fd, name, data)
            self.sync(staged.temp)
            os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)
            self.sync(name)

    def stage(self, name: str, data: Chunks) -> StagedFile:
        """Write a file in the root under a temporary name, to be published later."""
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as fd:
            return write_temporary(fd, name, data)

    def publish(self, staged: StagedFile) -> None:
        """Give a staged file its final name and the present time."""
        with explain_os_errors(self.root), open_folder(self.root, "") as fd:
            os.utime(staged.temp, dir_fd=fd)
            self._publish(fd, staged)

    def discard(self, staged: StagedFile) -> None:
        """Remove a staged file."""
        with suppress(OSError), open_folder(self.root, "") as fd:
            remove_temporary(fd, staged.temp)

    @contextmanager
    def probe_file(self, data: bytes) -> Iterator[str]:
        """Keep a file in the root while the context lasts, to test who sees this directory."""
        staged = self.stage(PROBE_PREFIX.strip("."), data)
        try:
            yield staged.temp
        finally:
            self.discard(staged)

    def move(self, old: str, new: str) -> None:
        """Rename one of our own files to a free name; create the folder of that name."""
        (old_folder, old_base), (folder, base) = map(os.path.split, (old, new))
        with (
            explain_os_errors(self.root, folder, name=new),
            open_folder(self.root, old_folder) as old_fd,
            open_folder(self.root, folder, create=True) as fd,
        ):
            if not rename_no_replace(old_fd, old_base, base, fd):
                raise Conflict(f"{self.path(new)} is not pixelgen's own; move it away")

    def subfolder(self, name: str) -> "LocalStore":
        """Return a folder of the root as a store."""
        self.check_folder(name)
        return replace(self, root=self.path(name), folders=None)

    def sync(self, name: str = "") -> None:
        """Sync one file in the root, or everything, to the disk; with ``none`` do nothing."""
        if self.durability == "none":
            return
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as folder:
            if not name:
                run_in_thread(sync_file_system, folder)
                return
            fd = self._open(name)
            try:
                run_in_thread(sync_files, fd, folder)
            finally:
                os.close(fd)

    @contextmanager
    def log(self, name: str) -> Iterator[FileLog]:
        """Open a log, a file in the root; create it if it does not exist."""
        self._check_regular(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with explain_os_errors(self.root, name=name), open_folder(self.root, "") as folder:
            fd = os.open(name, flags, 0o666, dir_fd=folder)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
            yield FileLog(fd, self.root, name, synced=self.durability == "each")
        finally:
            os.close(fd)

    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines of a file; none if it does not exist."""
        with suppress(FileNotFoundError), attach_path(self.path(name)), self.reader(name) as file:
            yield from iter(partial(file.readline, max_bytes), b"")

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file in chunks of a megabyte."""
        with attach_path(self.path(name)), open(self._open(name), "rb", buffering=0) as file:
            while chunk := file.read(1 << 20):
                yield chunk

    def content_equals(self, name: str, data: Chunks) -> bool:
        """Return it; a file that the disk cannot read back is not equal."""
        try:
            return super().content_equals(name, data)
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise

    def reader(self, name: str) -> BinaryIO:
        """Open a regular file for reading."""
        return os.fdopen(self._open(name), "rb")

    def _open(self, name: str) -> int:
        """Open a regular file for reading."""
        with self._folders() as folders:
            return folders.open_file(name)

    def _folders(self) -> AbstractContextManager[OpenFolders]:
        """Return the folders that are kept open, or a place for those that are opened now."""
        if self.folders:
            return nullcontext(self.folders)
        return closing(OpenFolders(self.root, follow=self.follows_links))

    @contextmanager
    def opened(self) -> Iterator["LocalStore"]:
        """Keep folders open, so that opening a file, or its size, costs one system call."""
        with self._folders() as folders:
            yield replace(self, folders=folders)

    def mount_id(self) -> str:
        """Return the ids of the boot and of the mount: unsynced writes may not survive either."""
        with explain_os_errors(self.root), open_folder(self.root, "") as fd:
            return f"{boot_id()} {mount_id(fd)}"

    def is_known_empty(self) -> bool:
        """Return False: a directory may hold any number of other files."""
        return False

    def size(self, name: str) -> int | None:
        """Return the size of a regular file, or None if it does not exist."""
        with self._folders() as folders:
            return folders.size(name)

    def drop_page_cache(self, name: str) -> None:
        """Drop a file from the page cache, so that it is read from the disk again."""
        with suppress(OSError):
            fd = self._open(name)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def list_names(self, prefix: str) -> list[str]:
        """Return the names in the root with a prefix; none if the root does not exist."""
        try:
            with attach_path(self.root):
                return [name for name in os.listdir(self.root) if name.startswith(prefix)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, name: str) -> bool:
        """Return whether a file, a folder or anything else has this name."""
        return os.path.lexists(self.path(name))

    def count_links(self, names: Iterable[str]) -> int:
        """Return how many of some files are links that are followed."""
        with self._folders() as folders:
            return sum(map(folders.is_link, names)) if self.follows_links else 0

    def open_lock(self, name: str) -> int:
        """Open a lock file, which is empty; create it if it does not exist."""
        self._check_regular(name)
        if self.size(name):
            raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
        with explain_os_errors(self.root, name=name):
            return os.open(self.path(name), _LOCK, 0o666)

    def _check_regular(self, name: str) -> None:
        """Raise Conflict where a folder, a link or a device has a name in the root."""
        with suppress(FileNotFoundError):  # another process may remove it at any moment
            if not stat.S_ISREG(os.lstat(self.path(name)).st_mode):
                raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")

    def remove(self, name: str) -> None:
        """Remove one of our own files, if it exists."""
        folder, base = os.path.split(name)
        with (
            explain_os_errors(self.root, folder),
            suppress(FileNotFoundError),
            open_folder(self.root, folder) as fd,
        ):
            os.unlink(base, dir_fd=fd)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder below the root, and its parents, as far as they are empty."""
        with suppress(OSError):
            while folder:
                parent, base = os.path.split(folder)
                with open_folder(self.root, parent) as fd:
                    os.rmdir(base, dir_fd=fd)
                folder = parent

    def check_folder(self, folder: str) -> None:
        """Raise Conflict where a folder, or one of its parents, is a link or a file."""
        with suppress(FileNotFoundError), open_folder(self.root, folder):
            pass

    def touch(self, name: str) -> None:
        """Set a file's modification time to now, if possible."""
        with suppress(OSError):
            status = os.lstat(self.path(name))
            if status.st_nlink == 1 and stat.S_ISREG(status.st_mode):
                os.utime(self.path(name), follow_symlinks=False)

    def remove_stale_files(self, folder: str) -> None:
        """Remove temporary files of this host's dead processes from a folder."""
        with (
            explain_os_errors(self.root, folder),
            suppress(FileNotFoundError),
            open_folder(self.root, folder) as fd,
        ):
            remove_stale(fd)

    def _publish(self, fd: int, staged: StagedFile, folder: str = "") -> None:
        """Rename a staged file of a folder, open as ``fd``, to its final name.

        A file that has the name stays if it is complete.

        Raises:
            Conflict: If it is somebody else's.
        """
        try:
            if rename_no_replace(fd, staged.temp, staged.name):
                return
            state = compare_files(fd, staged.name, staged.temp)
            if state is FileState.TORN:
                os.replace(staged.temp, staged.name, src_dir_fd=fd, dst_dir_fd=fd)
                return
        except BaseException:
            remove_temporary(fd, staged.temp)
            raise
        remove_temporary(fd, staged.temp)
        if state is FileState.FOREIGN:
            raise Conflict(
                f"{self.path(os.path.join(folder, staged.name))} is not pixelgen's own and was not"
                " changed; move it away, or use another directory"
            )
