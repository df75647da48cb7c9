"""The contract of a store: where a dataset's files are written, by names relative to its root."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import BinaryIO, ClassVar, NamedTuple, Protocol, Self, TypeAlias

from pixelgen.errors import Conflict
from pixelgen.formats.base import Data

Chunks: TypeAlias = Data | Iterable[Data]
Put: TypeAlias = Callable[[str, Chunks], None]
SizeLookup: TypeAlias = Callable[[str], int | None]

LINE_LIMIT = 64 << 10
"""The most bytes in a line of a manifest, of SHA256SUMS or of a record of sources."""

PROBE_PREFIX = ".pixelgen.probe."
"""The prefix of the names, in the root, of the files of :meth:`Store.probe_file`."""


def iter_chunks(data: Chunks) -> Iterable[Data]:
    """Return data in chunks, each to be used before the next is taken."""
    return (data,) if isinstance(data, Data) else data


class StagedFile(NamedTuple):
    """A file that is written but has no final name yet: its temporary name, or the open file."""

    name: str
    temp: str = ""
    file: BinaryIO | None = None


class Log(Protocol):
    """An open file that grows by whole lines and can be read back."""

    @property
    def size(self) -> int:
        """The size of all lines in bytes."""

    def append(self, line: bytes) -> int:
        """Append a line; return the offset of its first byte."""

    def lines(self, start: int = 0, *, max_bytes: int) -> Generator[bytes]:
        """Yield the lines from an offset on; a line of over ``max_bytes`` bytes comes in pieces."""

    def remove(self) -> None:
        """Remove the log."""


class Store(ABC):
    """Where the files of a dataset are written: named bytes, published whole or not at all.

    A file that exists is never replaced, unless its bytes are a prefix of the new ones. Methods
    raise FileNotFoundError for a missing file, Conflict where a file of somebody else has the name,
    and PixelgenError where the store refuses. A store is hashable and can be pickled.
    ``root`` is the location as the user wrote it. ``durability`` says what must survive a power
    cut: none, commit or each.
    """

    root: str
    durability: str

    # Optional abilities. Callers check these, never the class of a store.

    has_local_paths: ClassVar[bool] = False
    """Whether :meth:`path` returns a path of this machine, which any program can open."""
    can_lock: ClassVar[bool] = False
    """Whether :meth:`open_lock` works, so that one process can exclude others.

    Requires local paths. Without locks, unique temporary names and whole files must be enough.
    """
    can_replace: ClassVar[bool] = False
    """Whether a finished dataset can be replaced or changed: :meth:`move` works.

    Requires locks, because no other process may write while files are removed.
    """
    appends_immediately: ClassVar[bool] = False
    """Whether a line of a log is stored when ``append`` returns.

    Only then does a killed process lose no image that it has paid for (``--remote``).
    """

    @abstractmethod
    def path(self, name: str) -> str:
        """Return the path or URL of a file, for messages."""

    @abstractmethod
    def absolute(self) -> Self:
        """Return the same store, usable in any working directory."""

    @abstractmethod
    def create(self) -> None:
        """Create the root."""

    # --- writing ---

    @abstractmethod
    def batch(self, folder: str) -> AbstractContextManager[Put]:
        """Write many files into one folder; all are published when the context ends."""

    @abstractmethod
    def put(self, name: str, data: Chunks) -> None:
        """Publish one file."""

    @abstractmethod
    def overwrite(self, name: str, data: Chunks) -> None:
        """Replace the content of one of our own files in the root."""

    @abstractmethod
    def stage(self, name: str, data: Chunks) -> StagedFile:
        """Write a file in the root, to be published later."""

    @abstractmethod
    def publish(self, staged: StagedFile) -> None:
        """Give a staged file its final name."""

    @abstractmethod
    def discard(self, staged: StagedFile) -> None:
        """Remove a staged file."""

    @abstractmethod
    def probe_file(self, data: bytes) -> AbstractContextManager[str]:
        """Keep a file in the root while the context lasts, to test who sees this store."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove one of our own files, if it exists."""

    @abstractmethod
    def log(self, name: str) -> AbstractContextManager[Log]:
        """Open a log in the root; create it if it does not exist."""

    # --- reading ---

    @abstractmethod
    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file in chunks of some megabytes."""

    @abstractmethod
    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines of a file or a log; none if it does not exist.

        A line of over ``max_bytes`` bytes comes in pieces, so that no file can fill the memory.
        """

    @abstractmethod
    def reader(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading with seek."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, or None if it does not exist."""

    def opened(self) -> AbstractContextManager["Store"]:
        """Return this store, faster in reading many files, whose folders must stay meanwhile.

        It is for one thread, and cannot be pickled.
        """
        return nullcontext(self)

    @contextmanager
    def size_lookup(self) -> Iterator[SizeLookup]:
        """Return a faster :meth:`size` for many files, which must not change meanwhile."""
        with self.opened() as store:
            yield store.size

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether a file, a folder or anything else has this name."""

    def count_links(self, names: Iterable[str]) -> int:
        """Return how many of some files are links to files elsewhere, which are read."""
        return 0

    @abstractmethod
    def list_names(self, prefix: str) -> list[str]:
        """Return the names in the root with a prefix; none if the root does not exist."""

    @abstractmethod
    def is_known_empty(self) -> bool:
        """Return True only if the store is empty and this is quick to find out."""

    @abstractmethod
    def mount_id(self) -> str:
        """Return an id that changes when writes that were not synced may be lost."""

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return the bytes of a file; raise Conflict if there are more than ``max_bytes``."""
        size = self.size(name)
        if size is not None and size > max_bytes:
            raise Conflict(
                f"{self.path(name)} has {size:,} bytes, but such a file has at most {max_bytes:,}"
            )
        return b"".join(self.chunks(name))

    def is_empty_or_zeros(self, name: str) -> bool:
        """Return whether a file is empty or all zeros, as after a power cut."""
        return self.size(name) is not None and not any(map(any, self.chunks(name)))

    def content_equals(self, name: str, data: Chunks) -> bool:
        """Return whether a file exists, can be read, and has exactly these bytes."""
        with suppress(FileNotFoundError), self.reader(name) as file:
            is_same = all(file.read(len(chunk)) == chunk for chunk in iter_chunks(data))
            return is_same and not file.read(1)
        return False

    # --- optional abilities ---

    def open_lock(self, name: str) -> int:
        """Open a lock file in the root for ``flock``; create it if it does not exist.

        For stores that ``can_lock``.

        Raises:
            Conflict: Where something else has the name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no locks")

    def move(self, old: str, new: str) -> None:
        """Rename one of our own files to a free name, in one step.

        For stores that ``can_replace``.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot rename")

    def subfolder(self, name: str) -> "Store":
        """Return a folder of the root, which need not exist yet, as a store of its own.

        For stores that ``can_replace``.

        Raises:
            Conflict: Where a link or a file has the name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no folders")

    # --- only needed on disks ---

    def sync(self, name: str = "") -> None:  # noqa: B027 – writes are durable
        """Sync one file in the root, or everything, to the disk."""

    def touch(self, name: str) -> None:  # noqa: B027 – the store sets times
        """Set a file's modification time to now, if possible."""

    def drop_page_cache(self, name: str) -> None:  # noqa: B027 – no cache
        """Drop a file from the page cache, so that it is read from the disk again."""

    def remove_stale_files(self, folder: str) -> None:  # noqa: B027 – there are none
        """Remove temporary files of this host's dead processes from a folder."""

    def check_folder(self, folder: str) -> None:  # noqa: B027 – no folders
        """Raise Conflict where a folder, or one of its parents, is a link or a file."""

    def remove_folder(self, folder: str) -> None:  # noqa: B027 – no folders
        """Remove a folder below the root, and its parents, as far as they are empty."""
