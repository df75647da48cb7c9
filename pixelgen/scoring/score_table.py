"""The scores of all candidates of a search, in order, as ``scores.npy`` holds them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from pixelgen.scoring.audit import ScoredImage
from pixelgen.scoring.base import Score

ROW = np.dtype([("score", "<f4"), ("predicted", "<i4"), ("family", "<i4"), ("hash", "<u8"),
                ("color", "<u4")])  # fmt: skip
"""A candidate: its score, the numbers of its class and family in the lists of names, and the two
parts of its fingerprint."""

_HASH_BITS = 64
_MAGIC = b"\x93NUMPY\x01\x00"


class ScoredCandidate(NamedTuple):
    """What is known of a candidate; ``score`` is 0 … 1, rounded to 1e-4."""

    score: float
    predicted: str
    family: str
    fingerprint: int


class Names:
    """Names by number, in the order in which they came up."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}

    def number(self, name: str) -> int:
        """Return the number of a name, a new one if it is new."""
        return self._numbers.setdefault(name, len(self._numbers))

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)


class ScoreTable:
    """The scores of the candidates from ``first`` on."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._blocks: list[npt.NDArray[np.void]] = []
        self._families, self._classes = Names(), Names()

    @classmethod
    def read(
        cls, data: bytes, first: int, count: int, names: tuple[Sequence[str], Sequence[str]]
    ) -> Self:
        """Read the content of ``scores.npy``: so many candidates; names of families and classes.

        Raises:
            ValueError: If it is not such content.
        """
        table, (families, classes) = cls(first), names
        head = _head(count)
        if not data.startswith(head) or len(data) != len(head) + count * ROW.itemsize:
            raise ValueError(f"it is not an array of {count:,} scores")
        rows = np.frombuffer(data, ROW, offset=len(head))
        if not ((rows["score"] >= 0) & (rows["score"] <= 1)).all():
            raise ValueError("a score is not within 0 … 1")
        if (rows["color"] >= 1 << 24).any():
            raise ValueError("a color is out of range")
        for name, known in (("family", families), ("predicted", classes)):
            if len(rows) and not 0 <= rows[name].min() <= rows[name].max() < len(known):
                raise ValueError(f"the number of a {name} is out of range")
        table._blocks = [rows]
        table._families, table._classes = Names(families), Names(classes)
        return table

    def add(self, block: Sequence[ScoredCandidate]) -> None:
        """Add the candidates that follow."""
        rows = [
            (
                each.score,
                self._classes.number(each.predicted),
                self._families.number(each.family),
                each.fingerprint & (1 << _HASH_BITS) - 1,
                each.fingerprint >> _HASH_BITS,
            )
            for each in block
        ]
        self._blocks.append(np.array(rows, ROW))

    def to_bytes(self) -> bytes:
        """Return the content of ``scores.npy``."""
        return _head(len(self)) + np.concatenate(self._blocks).tobytes()

    @property
    def families(self) -> list[str]:
        """The names of the families."""
        return [*self._families]

    @property
    def classes(self) -> list[str]:
        """The names of the predicted classes."""
        return [*self._classes]

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def __iter__(self) -> Iterator[ScoredCandidate]:
        families, classes = self.families, self.classes
        for block in self._blocks:
            for score, predicted, family, bits, color in block.tolist():
                names = classes[predicted], families[family]
                yield ScoredCandidate(round(score, 4), *names, color << _HASH_BITS | bits)

    def scored_images(self) -> Iterator[ScoredImage]:
        """Yield each candidate as an audit takes it."""
        for each in self:
            yield ScoredImage(each.family, Score(each.score, each.predicted))


def _head(count: int) -> bytes:
    """Return the beginning of a file of so many rows, in version 1.0 of numpy's format (NEP 1)."""
    text = f"{{'descr': {ROW.descr}, 'fortran_order': False, 'shape': ({count},), }}"
    padding = -(len(_MAGIC) + 2 + len(text) + 1) % 64
    text += " " * padding + "\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text.encode()
