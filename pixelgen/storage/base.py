"""What a store is: where the files of a set are put, under names relative to its root."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import BinaryIO, ClassVar, NamedTuple, Protocol, Self, TypeAlias

from pixelgen.errors import Conflict
from pixelgen.formats.base import Data

Chunks: TypeAlias = Data | Iterable[Data]
Put: TypeAlias = Callable[[str, Chunks], None]
SizeLookup: TypeAlias = Callable[[str], int | None]

LINE_LIMIT = 64 << 10
"""Bytes that a line of a manifest, of the sums or of a record of sources has at most."""


PROBE = ".pixelgen.probe."
"""What the names begin with, in the root, of what :meth:`Store.probe_file` shows."""


def pieces(data: Chunks) -> Iterable[Data]:
    """Return the pieces of some data, each to be used before the next is taken."""
    return (data,) if isinstance(data, Data) else data


class Staged(NamedTuple):
    """A file written elsewhere, waiting for its name: its temporary name, or the open file."""

    name: str
    temp: str = ""
    file: BinaryIO | None = None


class Log(Protocol):
    """What grows by whole lines and is read back, while it is open."""

    @property
    def size(self) -> int:
        """The bytes of all lines."""

    def append(self, line: bytes) -> int:
        """Append a line; return the byte it begins at."""

    def lines(self, start: int = 0, *, most: int) -> Generator[bytes]:
        """Yield the lines from a byte on, one of more than ``most`` bytes in pieces."""

    def remove(self) -> None:
        """Take the log away."""


class Store(ABC):
    """Where the files of a set are put: named bytes, published whole or not at all.

    What bears a name already is never replaced, unless it is to the byte a beginning of the same.
    Methods raise FileNotFoundError for what is not there, Conflict for a stranger's file under a
    name, PixelgenError for what the store refuses. A store is hashable and crosses processes.
    ``root`` is as people name it; ``durability`` says what is to outlive a power cut: none, commit
    or each.
    """

    root: str
    durability: str

    # What a store can do besides. Callers ask these, never which class a store is of.

    has_local_paths: ClassVar[bool] = False
    """Whether :meth:`path` returns a path of this machine, which any program can open."""
    can_lock: ClassVar[bool] = False
    """Whether :meth:`open_lock` works, so that one process can exclude others.

    Requires local paths. Without locks, unique temporary names and whole files must be enough.
    """
    can_replace: ClassVar[bool] = False
    """Whether a finished dataset can be replaced (``--force``): :meth:`move` works.

    Requires locks, because nobody else may write while files are removed.
    """
    appends_immediately: ClassVar[bool] = False
    """Whether a line of a log is stored when ``append`` returns.

    Only then does a killed process lose none of the images that it has paid for (``--remote``).
    """

    @abstractmethod
    def path(self, name: str) -> str:
        """Return what people call the file of a name."""

    @abstractmethod
    def absolute(self) -> Self:
        """Return the same store as a process in another directory names it."""

    @abstractmethod
    def create(self) -> None:
        """Make the root."""

    # --- what is put ---

    @abstractmethod
    def batch(self, folder: str) -> AbstractContextManager[Put]:
        """Put many files into one folder; all are there when the context ends."""

    @abstractmethod
    def put(self, name: str, data: Chunks) -> None:
        """Publish one file."""

    @abstractmethod
    def overwrite(self, name: str, data: Chunks) -> None:
        """Put one of our own files of the root in the place of what it was."""

    @abstractmethod
    def stage(self, name: str, data: Chunks) -> Staged:
        """Write a file of the root, to be published later."""

    @abstractmethod
    def publish(self, staged: Staged) -> None:
        """Give a staged file its name."""

    @abstractmethod
    def discard(self, staged: Staged) -> None:
        """Drop a staged file."""

    @abstractmethod
    def probe_file(self, data: bytes) -> AbstractContextManager[str]:
        """Show data to whoever sees this store, under a name of the root, for a while."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove one of our own files, if it is there."""

    @abstractmethod
    def log(self, name: str) -> AbstractContextManager[Log]:
        """Open a log of the root; make it if there is none."""

    # --- what is there ---

    @abstractmethod
    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file in pieces of megabytes."""

    @abstractmethod
    def lines(self, name: str, *, most: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines of a file or a log; nothing where there is none.

        One of more than ``most`` bytes comes in pieces of so many, so that no file fills memory.
        """

    @abstractmethod
    def reader(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file to be read at any place."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, or None where there is none."""

    @abstractmethod
    def size_lookup(self) -> AbstractContextManager[SizeLookup]:
        """Give a faster :meth:`size` for many files that do not change meanwhile."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Tell whether anything at all bears the name."""

    @abstractmethod
    def names(self, beginning: str) -> list[str]:
        """Return the names in the root that begin so; none where there is no root."""

    @abstractmethod
    def is_new(self) -> bool:
        """Tell, where that is quick, that nothing at all is in the store."""

    @abstractmethod
    def mount_id(self) -> str:
        """Name the time for which what was put here is believed to stay."""

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of a file; raise Conflict if there are more than ``most``."""
        size = self.size(name)
        if size is not None and size > most:
            raise Conflict(
                f"{self.path(name)} is {size:,} bytes long; such a file has at most {most:,}"
            )
        return b"".join(self.chunks(name))

    def is_blank(self, name: str) -> bool:
        """Tell whether a file is empty or all zeros: what a power cut leaves."""
        return self.size(name) is not None and not any(map(any, self.chunks(name)))

    def content_equals(self, name: str, data: Chunks) -> bool:
        """Tell whether a file is there, can be read, and has just these bytes."""
        with suppress(FileNotFoundError), self.reader(name) as file:
            return all(file.read(len(each)) == each for each in pieces(data)) and not file.read(1)
        return False

    # --- what only some stores can do ---

    def open_lock(self, name: str) -> int:
        """Open the file of a lock in the root for ``flock``, made if there is none.

        Raises Conflict where something else bears the name. For stores that ``can_lock``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no locks")

    def move(self, old: str, new: str) -> None:
        """Rename one of our own files of the root to a name that is free, in one step.

        For stores that ``can_replace``.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot rename")

    # --- what a disk needs besides ---

    def sync(self, name: str = "") -> None:  # noqa: B027 – what is put is safe
        """Bring one file of the root, or all of it, to the disk."""

    def touch(self, name: str) -> None:  # noqa: B027 – times are the store's own
        """Set a file's time to now, where that can be done."""

    def forget(self, name: str) -> None:  # noqa: B027 – nothing is remembered
        """Drop what the system remembers of a file, so that it is read from the disk again."""

    def sweep(self, folder: str) -> None:  # noqa: B027 – nothing is left by the dead
        """Remove what dead processes of this host left under temporary names in a folder."""

    def check_folder(self, folder: str) -> None:  # noqa: B027 – there are none
        """Raise Conflict where a folder, or one that it lies in, is a link or a file."""

    def remove_folder(self, folder: str) -> None:  # noqa: B027 – there are none
        """Remove a folder below the root and those that it lies in, as far as they are empty."""
