"""A finished dataset, read back: its rows and its images, by index."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from pixelgen.contact_sheet import decode_image
from pixelgen.dataset.plan import Plan
from pixelgen.errors import Conflict
from pixelgen.image_types import Pixels
from pixelgen.job import Job
from pixelgen.source_images import UnusableImage
from pixelgen.storage import Store

Row = dict[str, Any]


class LoadedImage(NamedTuple):
    """An image of a dataset: its pixels, (height, width, channels), and its row."""

    image: Pixels
    row: Row


class Rows(Sequence[Row]):
    """The rows of a manifest, one an image, in the order of their indices."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job

    def __len__(self) -> int:
        return self._job.count

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        with self._store.reader(self._job.manifest) as file:
            file.seek(int(self._places[range(len(self))[index]]))
            return _parse(file.readline())

    def __iter__(self) -> Iterator[Row]:
        return map(_parse, self._store.lines(self._job.manifest))

    @cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        """Where each row begins, 8 bytes an image."""
        places = np.zeros(self._job.count + 1, np.int64)
        lengths = (len(line) for line in self._store.lines(self._job.manifest))
        np.cumsum(np.fromiter(lengths, np.int64), out=places[1:])
        return places


def _parse(line: bytes) -> Row:
    row: Row = json.loads(line)
    return row


class Images(Sequence[Pixels]):
    """The images of a dataset, decoded from their files: (height, width, channels).

    They are uint8, as Pillow decodes them; in format npy also uint16, for a depth of 16.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job

    def __len__(self) -> int:
        return self._job.count

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        index = range(len(self))[index]
        job = self._job
        shard = job.shard(index // job.shard_size)
        return self._decode(job.layout.container.read_one(self._store, job.info, shard, index))

    def __iter__(self) -> Iterator[Pixels]:
        job = self._job
        for shard in job.shards():
            yield from map(self._decode, job.layout.container.read(self._store, job.info, shard))

    def _decode(self, data: bytes) -> Pixels:
        try:
            return decode_image(data, self._job)
        except UnusableImage as error:
            raise Conflict(f"an image of {self._store.root} is damaged: {error}") from None


class Dataset(Sequence[LoadedImage]):
    """A finished dataset: ``len(dataset)`` images, ``dataset[i]`` the pixels and the row of one.

    ``rows`` and ``images`` are the two by themselves; ``job`` is what the dataset was made from,
    ``path`` the place of its manifest. Raises Conflict for an image or a row that is damaged.
    """

    def __init__(self, store: Store, plan: Plan) -> None:
        self.store = store
        self.plan = plan
        self.job = plan.job
        self.rows = Rows(store, plan.job)
        self.images = Images(store, plan.job)

    @property
    def path(self) -> str:
        """The path or URL of the manifest."""
        return self.store.path(self.job.manifest)

    def __len__(self) -> int:
        return self.job.count

    @overload
    def __getitem__(self, index: int) -> LoadedImage: ...
    @overload
    def __getitem__(self, index: slice) -> list[LoadedImage]: ...
    def __getitem__(self, index: int | slice) -> LoadedImage | list[LoadedImage]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        return LoadedImage(self.images[index], self.rows[index])

    def __iter__(self) -> Iterator[LoadedImage]:
        return map(LoadedImage, self.images, self.rows)
