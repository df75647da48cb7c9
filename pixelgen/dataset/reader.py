"""A finished dataset, read back: its rows and its images, in their order."""

import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

from pixelgen.contact_sheet import decode_image
from pixelgen.dataset.manifest_reader import list_damaged
from pixelgen.dataset.plan import Plan
from pixelgen.dataset.source_record import read_sources
from pixelgen.errors import BadValue, Conflict, suggest_choice
from pixelgen.image_types import Pixels
from pixelgen.job import Job
from pixelgen.source_images import UnusableImage
from pixelgen.storage import Store

Row = dict[str, Any]
T = TypeVar("T")


class LoadedImage(NamedTuple):
    """An image of a dataset: its pixels, (height, width, channels), and its row."""

    image: Pixels
    row: Row


class Items(Sequence[T]):
    """A sequence whose slices are lists; a subclass writes ``__len__`` and :meth:`at`."""

    @abstractmethod
    def at(self, index: int) -> T:
        """Return item ``index`` of 0 … ``len(self)`` − 1."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        found = range(len(self))[index]
        return self.at(found) if isinstance(found, int) else [self.at(each) for each in found]


class Rows(Items[Row]):
    """The rows of a manifest, one an image, in the order of the images."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job

    def __len__(self) -> int:
        return len(self._job)

    def at(self, index: int) -> Row:
        """Return item ``index`` of 0 … ``len(self)`` − 1."""
        with self._store.reader(self._job.manifest) as file:
            file.seek(int(self._places[index]))
            return self._parse(file.readline())

    def __iter__(self) -> Iterator[Row]:
        return map(self._parse, self._store.lines(self._job.manifest))

    @cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        """Where each row begins, 8 bytes an image."""
        lines = self._store.lines(self._job.manifest)
        lengths = np.fromiter((len(line) for line in lines), np.int64)
        if lengths.size != len(self._job):
            raise list_damaged(self._job, self._store, self._job.manifest)
        return lengths.cumsum() - lengths

    def _parse(self, line: bytes) -> Row:
        try:
            row: Row = json.loads(line)
        except (ValueError, RecursionError):
            raise list_damaged(self._job, self._store, self._job.manifest) from None
        return row


class Images(Items[Pixels]):
    """The images of a dataset, decoded from their files: (height, width, channels).

    They are uint8, as Pillow decodes them; in format npy also uint16, for a depth of 16.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job

    def __len__(self) -> int:
        return len(self._job)

    def at(self, index: int) -> Pixels:
        """Return item ``index`` of 0 … ``len(self)`` − 1."""
        job = self._job
        shard = job.shard(index // job.shard_size)
        number = job.indices[index]
        data = job.layout.container.read_one(self._store, job.info, shard, number)
        return self._decode(data, number)

    def __iter__(self) -> Iterator[Pixels]:
        job = self._job
        for shard in job.shards():
            images = job.layout.container.read(self._store, job.info, shard)
            yield from map(self._decode, images, shard.indices)

    def _decode(self, data: bytes, index: int) -> Pixels:
        try:
            return decode_image(data, self._job.image.shape_at(index), self._job)
        except UnusableImage as error:
            raise Conflict(f"an image of {self._store.root} is damaged: {error}") from None


class Dataset(Items[LoadedImage]):
    """A finished dataset: ``len(dataset)`` images, ``dataset[i]`` the pixels and the row of one.

    An image or a row that is damaged raises Conflict when it is read.

    Attributes:
        rows: The rows of the manifest, in order.
        images: The images, in order: arrays (height, width, channels).
        job: What the dataset was made from.
    """

    def __init__(self, store: Store, plan: Plan) -> None:
        self.store = store
        self.plan = plan
        self.job = read_sources(plan, store) if plan.job.selection else plan.job
        self.rows = Rows(store, self.job)
        self.images = Images(store, self.job)

    @property
    def path(self) -> str:
        """The path or URL of the manifest."""
        return self.store.path(self.job.manifest)

    def __len__(self) -> int:
        return len(self.job)

    def at(self, index: int) -> LoadedImage:
        """Return item ``index`` of 0 … ``len(self)`` − 1."""
        return LoadedImage(self.images[index], self.rows[index])

    def __iter__(self) -> Iterator[LoadedImage]:
        return map(LoadedImage, self.images, self.rows)


def find_images(store: Store, job: Job, column: str, value: str) -> list[int]:
    """Return the indices of the images whose rows have a value in a column.

    ``family`` is the name of what the column ``generator`` says with its parameters.

    Raises:
        BadValue: Where the rows have no such column.
    """
    found: list[int] = []
    for row in Rows(store, job):
        if column != "family" and column not in row:
            raise BadValue(f"unknown column {column!r}{suggest_choice(column, ['family', *row])}")
        text = str(row.get(column, row["generator"]))
        if value in (text, text.partition(":")[0] if column == "family" else text):
            found.append(row["index"])
    return found
