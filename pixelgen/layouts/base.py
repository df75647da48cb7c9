"""The base classes of layouts: a container for the images, and sidecars that index them."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple, TypeAlias

from pixelgen.errors import BadValue
from pixelgen.formats.base import Data
from pixelgen.layouts.dataset_info import DatasetInfo, ImageRecord, Shard
from pixelgen.registry import Component
from pixelgen.storage import Chunks, Store

File: TypeAlias = tuple[str, Chunks]
"""The name of a file, relative to the dataset's directory, and its bytes."""

MANIFEST = "metadata.jsonl"
"""The manifest of most layouts: the name that Hugging Face datasets looks for."""

_SHARD_BYTES = 8 << 20
_SHARD_SIZES = (1000, 500, 250, 200, 125, 100, 50, 40, 25, 20, 10, 8, 5, 4, 2, 1)


class Sample(NamedTuple):
    """An image to write: its index, its file's bytes, their SHA-256 or '', and its origin.

    The bytes are valid until the next sample is requested. For the origin see
    :class:`ImageRecord`.
    """

    number: int
    data: Data
    sha256: str
    origin: str = ""

    @property
    def image_record(self) -> ImageRecord:
        """The values that its manifest row needs."""
        return ImageRecord(self.number, len(self.data), self.sha256, self.origin)


Samples: TypeAlias = Iterable[Sample]


class FileEntry(NamedTuple):
    """A file of the dataset: its name, its size in bytes and its SHA-256.

    The size is None if it cannot be known before the file is written; the SHA-256 is '' under
    ``--checksum none``.
    """

    name: str
    size: int | None
    sha256: str


class ShardRecord(NamedTuple):
    """A finished shard: the size in bytes, the SHA-256 and the origin of each image.

    ``file_size`` and ``file_hash`` describe the shard's file; they are 0 and '' if the shard is not
    one file, or if they are unknown. ``hashes`` is empty under ``--checksum none``, ``origins``
    where the job determines them.
    """

    shard: int
    sizes: list[int]
    hashes: list[str]
    file_size: int = 0
    file_hash: str = ""
    origins: Sequence[str] = ()

    def image_records(self, shard: Shard) -> Iterator[ImageRecord]:
        """Yield the record of each image of the shard."""
        unknown = [""] * len(self.sizes)
        values = zip(self.sizes, self.hashes or unknown, self.origins or unknown, strict=True)
        for index, value in zip(shard.indices, values, strict=True):
            yield ImageRecord(index, *value)


@dataclass(frozen=True)
class ManifestView:
    """What index files are made from: the rows of the manifest and the records of the shards."""

    info: DatasetInfo
    container: "Container"
    records: Callable[[], Iterator[tuple[Shard, ShardRecord]]]

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the manifest."""
        for shard, record in self.records():
            for image_record in record.image_records(shard):
                yield self.info.row(image_record)

    def rows(self, split: str = "") -> Iterator[dict[str, Any]]:
        """Yield the rows of the manifest: all, or those of one split."""
        for line in self.lines():
            row = json.loads(line.decode())  # of bytes it would first guess the encoding
            if not split or row["split"] == split:
                yield row

    def file_entries(self, split: str = "") -> Iterator[tuple[Shard, FileEntry]]:
        """Yield the files of the shards, each with its shard: all, or those of one split.

        Splits are those of shards (``splits_shards``).
        """
        for shard, record in self.records():
            if not split or self.info.split_of_shard(shard.number) == split:
                for entry in self.container.file_entries(self.info, shard, record):
                    yield shard, entry

    def split_files(self, stem: str, suffix: str) -> Iterator[tuple[str, str]]:
        """Yield the name of an index file for each split, with the split."""
        for split in self.info.split_names:
            yield split_file(stem, split, suffix), split


def split_file(stem: str, split: str, suffix: str) -> str:
    """Return the name of an index file of a split ('': of a dataset without splits).

    The name ends in "trainset", not in "train": Hugging Face datasets would take that word for a
    split of the images, and then see no other file.
    """
    return f"{stem}-{split}set{suffix}" if split else f"{stem}{suffix}"


def json_array(items: Iterable[str]) -> Iterator[bytes]:
    """Yield a JSON array of items that are JSON already, one a line, in constant memory."""
    yield b"["
    separator = ""
    for item in items:
        yield f"{separator}\n{item}".encode()
        separator = ","
    yield b"\n]"


@dataclass(frozen=True)
class LayoutComponent(Component):
    """What containers and sidecars share: both may index the dataset once it is complete."""

    kind: ClassVar[str] = "layout"
    needs_checksum: ClassVar[bool] = False

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the files that index the dataset, from its rows alone, in constant memory.

        Their names depend only on ``info``. Files that exist once come first, then those that exist
        once an image; files of one folder follow each other.
        """
        yield from ()

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders that hold only such files."""
        yield from ()

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the Python call that loads the dataset, as text; '' if it has none."""
        return ""


@dataclass(frozen=True)
class Container(LayoutComponent):
    """Where images go; a subclass sets ``name`` and implements the methods below.

    ``formats`` are the formats it accepts, its default first; empty means any. ``manifest`` is the
    name of the manifest. With ``splits_shards`` all images of a shard belong to one split, and with
    ``has_one_size`` all images of a dataset have one size.
    """

    formats: ClassVar[tuple[str, ...]] = ()
    manifest: ClassVar[str] = MANIFEST
    splits_shards: ClassVar[bool] = False
    has_one_size: ClassVar[bool] = False

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return the number of images in a shard: about 8 MiB, and a divisor of 1000."""
        return next(n for n in _SHARD_SIZES if n * image_bytes <= _SHARD_BYTES or n == 1)

    def encoded_by(self) -> str:
        """Return the library and version that the bytes depend on; '' if they depend on none."""
        return ""

    @abstractmethod
    def write(
        self, store: Store, info: DatasetInfo, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish a shard; return the size and, with ``checksum``, the SHA-256 of its file.

        Returns (0, '') if the shard is not one file.
        """

    @abstractmethod
    def contents(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield the name and the bytes of each file of a shard; consume them in order."""

    @abstractmethod
    def read(self, store: Store, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield the bytes of a shard's images, in order."""

    def read_one(self, store: Store, info: DatasetInfo, shard: Shard, index: int) -> bytes:
        """Return the bytes of image ``index``, which is in ``shard``."""
        return next(islice(self.read(store, info, shard), shard.indices.index(index), None))

    @abstractmethod
    def location(self, info: DatasetInfo) -> Callable[[int], str]:
        """Return the function that writes the first columns of an image's row from its index.

        They are members of a JSON object, ``file_name`` first. A function, because what all images
        share is then found out once: there is a row for every image.
        """

    @abstractmethod
    def files(self, info: DatasetInfo, shard: Shard) -> Iterator[str]:
        """Yield the names of the files of a shard."""

    @abstractmethod
    def file_entries(
        self, info: DatasetInfo, shard: Shard, record: ShardRecord
    ) -> Iterator[FileEntry]:
        """Yield the files of a shard, each with the size and SHA-256 that its record gives."""

    @abstractmethod
    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of the files, each once."""


@dataclass(frozen=True)
class Sidecar(LayoutComponent):
    """Index files for a training stack; a subclass sets ``name`` and implements :meth:`index`.

    ``containers`` are those whose images its files can name; empty means any. ``excludes`` are
    names of sidecars that it cannot stand beside, each with the reason.
    """

    containers: ClassVar[tuple[str, ...]] = ("files",)
    excludes: ClassVar[Mapping[str, str]] = {}

    def check(self, container: Container) -> None:
        """Raise BadValue if the files cannot index such a container."""
        if self.containers and container.name not in self.containers:
            allowed = " or ".join(self.containers)
            raise BadValue(
                f"layout {self.name} cannot be combined with {container.name}: it lists the images"
                f" of {allowed}; remove one of the two"
            )
