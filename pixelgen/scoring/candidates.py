"""Images to score: those of a job, rendered where they are scored, or of a dataset, read there.

They are scored as a trainer reads them: of a format with losses, after its round trip.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixelgen.contact_sheet import decode_image
from pixelgen.dataset.api import load
from pixelgen.generator import Generator
from pixelgen.image_types import Pixels
from pixelgen.job import Job
from pixelgen.scoring.base import Image
from pixelgen.source_images import SourceFolder


class Candidate(NamedTuple):
    """An image to score, and the name of the family that it is of."""

    family: str
    image: Image


class Candidates(ABC):
    """Images by number, from 0; a value that can be sent to another process."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many there are."""

    @abstractmethod
    def read(self, numbers: range) -> Iterator[Candidate]:
        """Yield the images of some numbers.

        Raises:
            PixelgenError: For one that cannot be read.
        """


@dataclass(frozen=True)
class JobCandidates(Candidates):
    """The images of a job, which has scanned the images that it is made from."""

    job: Job

    def __len__(self) -> int:
        """Return the job's count."""
        return len(self.job)

    def read(self, numbers: range) -> Iterator[Candidate]:
        """Render some images."""
        render, generator = _renderer(self.job)
        for number in numbers:
            index = self.job.indices[number]
            family = generator.origin(index).family
            yield Candidate(_family_name(family), to_rgb(render(index)))


@dataclass(frozen=True)
class DatasetCandidates(Candidates):
    """The images of a finished dataset at a path."""

    path: str
    count: int

    def __len__(self) -> int:
        """Return the dataset's count."""
        return self.count

    def read(self, numbers: range) -> Iterator[Candidate]:
        """Read and decode some images."""
        dataset = _dataset(self.path)
        for number in numbers:
            pixels, row = dataset[number]
            yield Candidate(_family_name(str(row["generator"])), to_rgb(pixels))


@dataclass(frozen=True)
class FolderCandidates(Candidates):
    """The images of a folder of the user's, each decoded whole; the folder is their family."""

    folder: SourceFolder

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.folder.images)

    def read(self, numbers: range) -> Iterator[Candidate]:
        """Read and decode some images."""
        family = Path(self.folder.source.path).resolve().name
        for number in numbers:
            levels = self.folder.decoded.levels(self.folder.images[number])
            yield Candidate(family, to_rgb(levels))


# Tables of families, and the places of rows, are kept from one block to the next.
@lru_cache(maxsize=1)
def _renderer(job: Job) -> tuple[Callable[[int], Pixels], Generator]:
    generator = Generator(job.image, job.sources)
    if job.format.is_lossless(job.image.mode):
        return lambda index: generator.render(index).pixels, generator
    make = job.maker()
    return lambda index: decode_image(bytes(make(index)), job.image.shape_at(index), job), generator


_dataset = lru_cache(maxsize=1)(load)


def _family_name(spec: str) -> str:
    return spec.partition(":")[0]


def to_rgb(pixels: Pixels) -> Image:
    """Return (height, width, 1 … 4) of 8 or 16 bits as RGB of 8 bits, without alpha."""
    levels = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    if levels.shape[2] < 3:
        return np.repeat(levels[..., :1], 3, axis=2)
    return np.ascontiguousarray(levels[..., :3])
