"""Loose files: containers that give each image a file of its own."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from pixelgen.layouts.base import Container, File, Object, Record, Samples
from pixelgen.layouts.dataset_info import Roster, Shard
from pixelgen.storage import Put, Store

FLAT_LIMIT = 10_000
PER_FOLDER = 1_000


@dataclass(frozen=True)
class Loose(Container):
    """A file an image; a subclass says in which folder."""

    @abstractmethod
    def folder(self, roster: Roster, index: int) -> str:
        """Return the folder that an image's file lies in."""

    def path(self, roster: Roster, index: int) -> str:
        """Return the name of an image's file, relative to the set's directory."""
        return f"{self.folder(roster, index)}/{roster.file(index)}"

    def write(
        self, store: Store, roster: Roster, shard: Shard, samples: Samples, *, checksum: bool
    ) -> tuple[int, str]:
        """Publish each image by itself."""
        with ExitStack() as stack:
            batches: dict[str, Put] = {}
            for sample in samples:
                folder = self.folder(roster, sample.number)
                if folder not in batches:
                    batches[folder] = stack.enter_context(store.batch(folder))
                batches[folder](roster.file(sample.number), sample.data)
        return 0, ""

    def contents(self, roster: Roster, shard: Shard, samples: Samples) -> Iterator[File]:
        """Yield each image."""
        return ((self.path(roster, sample.number), sample.data) for sample in samples)

    def location(self, roster: Roster, index: int) -> dict[str, str]:
        """Return the path relative to the manifest."""
        return {"file_name": self.path(roster, index)}

    def files(self, roster: Roster, shard: Shard) -> Iterator[str]:
        """Yield a file for each image."""
        return (self.path(roster, index) for index in range(shard.start, shard.stop))

    def objects(self, roster: Roster, shard: Shard, record: Record) -> Iterator[Object]:
        """Yield the images."""
        for fact in record.facts(shard):
            yield Object(self.path(roster, fact.number), fact.size, fact.sha256)

    def read(self, store: Store, roster: Roster, shard: Shard) -> Iterator[bytes]:
        """Yield each file."""
        return (store.read(name, roster.most_bytes) for name in self.files(roster, shard))


def numbered(top: str, roster: Roster, index: int) -> str:
    """Return a folder, or of a large set the sub-folder for an image: 1,000 in each."""
    return f"{top}/{index // PER_FOLDER:03d}" if roster.count > FLAT_LIMIT else top


def all_numbered(top: str, roster: Roster) -> Iterator[str]:
    """Yield the folder, or the sub-folders."""
    step = PER_FOLDER if roster.count > FLAT_LIMIT else FLAT_LIMIT
    return (numbered(top, roster, index) for index in range(0, roster.count, step))
