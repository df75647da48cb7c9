"""What a layout is: a container for the encoded images, a shard at a time."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from pixelgen.formats.base import Data
from pixelgen.parts import Part
from pixelgen.store import Chunks, LocalStore

Samples: TypeAlias = Iterable[tuple[int, Data]]
"""(index, bytes of the file); the bytes stay as they are until the next sample is asked for."""

_SHARD_BYTES = 8 << 20
_SHARD_SIZES = (1000, 500, 250, 200, 125, 100, 50, 40, 25, 20, 10, 8, 5, 4, 2, 1)


class Shard(NamedTuple):
    """The unit of work, of retry and of commit: the images ``start`` … ``stop``−1."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class Names:
    """What the files of a set are called: by its count of images and its format's suffix."""

    count: int
    suffix: str

    def key(self, index: int) -> str:
        """Return an image's name without suffix: its index, in at least six digits."""
        return f"{index:0{max(6, len(str(self.count - 1)))}d}"

    def file(self, index: int) -> str:
        """Return an image's file name."""
        return self.key(index) + self.suffix


class Object(NamedTuple):
    """A file of the set: its name, size in bytes and SHA-256 ('' under ``--checksum none``)."""

    name: str
    size: int
    sha256: str


class Record(NamedTuple):
    """What became of a shard: the size in bytes and SHA-256 of each image.

    ``file_hash`` is that of the shard's file, where it is one. No hash under ``--checksum none``.
    """

    shard: int
    sizes: list[int]
    hashes: list[str]
    file_hash: str = ""


@dataclass(frozen=True)
class Container(Part):
    """Where images go; a subclass sets ``name`` and writes the methods below."""

    kind: ClassVar[str] = "layout"

    def shard_size(self, image_bytes: int) -> int:
        """Return how many images make a shard: about 8 MiB, and a divisor of 1000."""
        return next(n for n in _SHARD_SIZES if n * image_bytes <= _SHARD_BYTES or n == 1)

    @abstractmethod
    def write(
        self, store: LocalStore, names: Names, shard: Shard, samples: Samples, *, checksum: bool
    ) -> str:
        """Publish a shard; return the SHA-256 of its file if it is one and ``checksum`` is on."""

    @abstractmethod
    def contents(
        self, names: Names, shard: Shard, samples: Samples
    ) -> Iterator[tuple[str, Chunks]]:
        """Yield the name and the bytes of each file that holds a shard; take them in order."""

    @abstractmethod
    def read(self, store: LocalStore, names: Names, shard: Shard) -> Iterator[bytes]:
        """Yield the bytes of a shard's images, in order."""

    @abstractmethod
    def location(self, names: Names, index: int) -> dict[str, str]:
        """Return the first columns of an image's manifest row, ``file_name`` foremost."""

    @abstractmethod
    def files(self, names: Names, shard: Shard) -> Iterator[str]:
        """Yield the names of the files that hold a shard."""

    def objects(self, names: Names, shard: Shard, record: Record) -> Iterator[Object]:
        """Yield the files that hold a shard, with what its record knows of each."""
        hashes = record.hashes or [""] * len(record.sizes)
        yield from map(Object, self.files(names, shard), record.sizes, hashes)

    @abstractmethod
    def folders(self, names: Names) -> Iterator[str]:
        """Yield the folders that the files lie in, each once."""

    @abstractmethod
    def loader(self, root: str, shards: int, suffix: str) -> str:
        """Return the call that loads a set, to show to people."""
