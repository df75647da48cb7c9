"""The selection of a mined dataset: which candidates its images are, and how they were scored.

Candidates are the images that a job would make; image i of the mined dataset is the i-th candidate
of the selection.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

_TYPES = {"candidate": int, "score": float, "predicted": str, "mined": bool}
MOST_CANDIDATE = (1 << 53) - 1
LONGEST_NAME = 1000
"""Characters of the name of a class."""


class SelectedImage(NamedTuple):
    """An image of a mined dataset, as a line of the selection and the manifest have it.

    Attributes:
        candidate: Its index among the candidates.
        score: The model's highest confidence in it, 0 … 1, rounded to 1e-4.
        predicted: The class of that confidence; '' if the model names none.
        mined: Whether it was selected for its score.
    """

    candidate: int
    score: float
    predicted: str
    mined: bool

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Self:
        """Read the values of a line.

        Raises:
            ValueError: For what no selection holds.
            KeyError: Where a value is missing.
        """
        values = {name: row[name] for name in _TYPES}
        image = cls(**values)
        if any(type(values[name]) is not wanted for name, wanted in _TYPES.items()):
            raise ValueError("a value is of another type")
        if not 0 <= image.candidate <= MOST_CANDIDATE or not 0 <= image.score <= 1:
            raise ValueError("a value is out of range")
        if len(image.predicted) > LONGEST_NAME:
            raise ValueError("the name of a class is too long")
        return image


@dataclass(frozen=True)
class Selection:
    """The images of a mined dataset in order.

    ``files`` are further files of the search, by name, which no image depends on. They are there
    where the search was made or read, so that they are written beside the selection.
    """

    images: tuple[SelectedImage, ...]
    files: tuple[tuple[str, bytes], ...] = field(default=(), compare=False, repr=False)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the file that records it."""
        for image in self.images:
            yield json.dumps(image._asdict()).encode() + b"\n"

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the lines, in hexadecimal."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line)
        return digest.hexdigest()

    @cached_property
    def candidates(self) -> tuple[int, ...]:
        """The indices of the candidates."""
        return tuple(image.candidate for image in self.images)
