"""What a layout is made of: a container for the images, and sidecars, files that index them."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from pixelgen.errors import BadValue
from pixelgen.formats.base import Data
from pixelgen.layouts.dataset_info import DatasetInfo, ImageRecord, Shard
from pixelgen.registry import Component
from pixelgen.storage import Chunks, Store

File: TypeAlias = tuple[str, Chunks]
"""The name of a file, relative to the set's directory, and its bytes."""

MANIFEST = "metadata.jsonl"
"""The manifest of most layouts: the one that Hugging Face datasets look for."""

_SHARD_BYTES = 8 << 20
_SHARD_SIZES = (1000, 500, 250, 200, 125, 100, 50, 40, 25, 20, 10, 8, 5, 4, 2, 1)


class Sample(NamedTuple):
    """An image as it is written: its index, its file's bytes, their SHA-256 or '', and its origin.

    The bytes stay as they are until the next sample is asked for. For the origin see
    :class:`ImageRecord`.
    """

    number: int
    data: Data
    sha256: str
    origin: str = ""

    @property
    def image_record(self) -> ImageRecord:
        """What its row tells of it."""
        return ImageRecord(self.number, len(self.data), self.sha256, self.origin)


Samples: TypeAlias = Iterable[Sample]


class FileEntry(NamedTuple):
    """A file of the set: its name, its size in bytes and its SHA-256.

    A size that nothing tells beforehand is None; the SHA-256 is '' under ``--checksum none``.
    """

    name: str
    size: int | None
    sha256: str


class ShardRecord(NamedTuple):
    """What became of a shard: the size in bytes, the SHA-256 and the origin of each image.

    ``file_size`` and ``file_hash`` are those of the shard's file, where it is one; 0 and '' where
    not, or not known. No hash under ``--checksum none``, no origin where the job tells it.
    """

    shard: int
    sizes: list[int]
    hashes: list[str]
    file_size: int = 0
    file_hash: str = ""
    origins: Sequence[str] = ()

    def image_records(self, shard: Shard) -> Iterator[ImageRecord]:
        """Yield what is known of each image of the shard."""
        unknown = [""] * len(self.sizes)
        told = zip(self.sizes, self.hashes or unknown, self.origins or unknown, strict=True)
        for index, image_record in zip(range(shard.start, shard.stop), told, strict=True):
            yield ImageRecord(index, *image_record)


@dataclass(frozen=True)
class ManifestView:
    """What files that index a set are made of: the rows of its manifest, and its shards' facts."""

    info: DatasetInfo
    container: "Container"
    records: Callable[[], Iterator[tuple[Shard, ShardRecord]]]

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the manifest."""
        for shard, record in self.records():
            for image_record in record.image_records(shard):
                yield self.info.row(image_record)

    def rows(self, split: str = "") -> Iterator[dict[str, Any]]:
        """Yield the rows of the manifest, all or those of a split."""
        for row in map(json.loads, self.lines()):
            if not split or row["split"] == split:
                yield row

    def file_entries(self) -> Iterator[tuple[Shard, FileEntry]]:
        """Yield the files that hold the images, each with its shard."""
        for shard, record in self.records():
            for found in self.container.file_entries(self.info, shard, record):
                yield shard, found

    def split_files(self, stem: str, suffix: str) -> Iterator[tuple[str, str]]:
        """Yield a file's name, once for each split, with the split.

        A word such as "train" that stands alone in a name would be taken for a split of the images
        by Hugging Face datasets, which then sees nothing but that file.
        """
        for split in self.info.split_names:
            yield f"{stem}-{split}set{suffix}" if split else f"{stem}{suffix}", split


@dataclass(frozen=True)
class LayoutComponent(Component):
    """What a container and a sidecar have in common: both may index the set when it is whole."""

    kind: ClassVar[str] = "layout"
    needs_checksum: ClassVar[bool] = False

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the files that index the set, from its rows alone, in constant memory.

        Their names depend on nothing but ``info``. The few come first, then those that are as many
        as the images; those of one folder in a row.
        """
        yield from ()

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders of such files, if they have some to themselves."""
        yield from ()

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call that loads a set, to show to people; '' where there is none to show."""
        return ""


@dataclass(frozen=True)
class Container(LayoutComponent):
    """Where images go; a subclass sets ``name`` and writes the methods below.

    ``formats`` are the formats it takes, the first being its default; any if there are none named.
    ``manifest`` is the name of the manifest. With ``splits_shards`` a shard belongs to one split.
    """

    formats: ClassVar[tuple[str, ...]] = ()
    manifest: ClassVar[str] = MANIFEST
    splits_shards: ClassVar[bool] = False

    def shard_size(self, count: int, image_bytes: int) -> int:
        """Return how many images make a shard: about 8 MiB, and a divisor of 1000."""
        return next(n for n in _SHARD_SIZES if n * image_bytes <= _SHARD_BYTES or n == 1)

    def encoded_by(self) -> str:
        """Name the library, with its version, that the bytes hang on; '' if they are ours."""
        return ""

    @abstractmethod
    def write(
        self, store: Store, info: DatasetInfo, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish a shard; return the size and, with ``checksum``, the SHA-256 of its file.

        (0, '') where it is not one.
        """

    @abstractmethod
    def contents(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield the name and the bytes of each file that holds a shard; take them in order."""

    @abstractmethod
    def read(self, store: Store, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Yield the bytes of a shard's images, in order."""

    @abstractmethod
    def location(self, info: DatasetInfo, index: int) -> dict[str, str]:
        """Return the first columns of an image's manifest row, ``file_name`` foremost."""

    @abstractmethod
    def files(self, info: DatasetInfo, shard: Shard) -> Iterator[str]:
        """Yield the names of the files that hold a shard."""

    @abstractmethod
    def file_entries(
        self, info: DatasetInfo, shard: Shard, record: ShardRecord
    ) -> Iterator[FileEntry]:
        """Yield the files that hold a shard, with what its record knows of each."""

    @abstractmethod
    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders that the files lie in, each once."""


@dataclass(frozen=True)
class Sidecar(LayoutComponent):
    """Files that index a set for a stack; a subclass sets ``name`` and writes :meth:`index`.

    ``containers`` are those whose images its files can name; any if there are none named.
    """

    containers: ClassVar[tuple[str, ...]] = ("files",)

    def check(self, container: Container) -> None:
        """Raise BadValue, with the way out, where the files cannot index such a container."""
        if self.containers and container.name not in self.containers:
            wanted = " or ".join(self.containers)
            raise BadValue(
                f"{self.name} names the images of layout {wanted}, not of {container.name}; leave"
                " one of the two out"
            )
