"""What a layout knows of a set: of each image its name, its split and its row in the manifest."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Self, TypeAlias

from pixelgen.errors import BadValue


class ImageRecord(NamedTuple):
    """What becomes known of an image when it is there: bytes of its file, and its SHA-256 or ''.

    ``origin`` tells where it came from, as members of JSON, if that does not follow from the job.
    """

    number: int
    size: int
    sha256: str
    origin: str


Row: TypeAlias = Callable[[ImageRecord], bytes]
"""What is known of an image to its line of the manifest."""

_CYCLE_LIMIT = 10_000
_SPLIT = re.compile(
    r"([A-Za-z][A-Za-z0-9]{0,30})=([0-9]{0,6}(?:\.[0-9]{1,6}|/[0-9]{1,6})?)", re.ASCII
)


class Shard(NamedTuple):
    """The unit of work, of retry and of commit: the images ``start`` … ``stop``−1."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class Splits:
    """Named shares of a set that add up to one, spread evenly over it.

    Which split a unit (an image, or a shard) belongs to hangs on its number alone, so the first
    units of a larger set are those of the smaller one. Each time it goes to the split that is
    furthest behind its share, which is exact after every ``len(cycle)`` units and never off by a
    whole one at two splits.

    >>> splits = Splits.parse("train=0.75,val=0.25")
    >>> [splits.of(number) for number in range(5)], splits.count("val", 100)
    (['train', 'train', 'val', 'train', 'train'], 25)
    """

    shares: tuple[tuple[str, Fraction], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name=share,…``; raise BadValue unless the shares are positive and add up to 1."""
        shares: dict[str, Fraction] = {}
        for pair in text.split(","):
            found = _SPLIT.fullmatch(pair.strip())
            try:
                name, share = (found[1], Fraction(found[2])) if found else ("", Fraction(0))
            except (ValueError, ZeroDivisionError):
                share = Fraction(0)
            if share <= 0:
                raise BadValue(f"split {pair.strip()!r}: write it as train=0.9,val=0.1")
            if name in shares:
                raise BadValue(f"split {name!r} is given twice")
            shares[name] = share
        if sum(shares.values()) != 1:
            raise BadValue(f"the splits {text} add up to {float(sum(shares.values())):g}, not to 1")
        splits = cls(tuple(shares.items()))
        if splits._length > _CYCLE_LIMIT:
            raise BadValue(f"the splits {text} are too fine; use shares of up to four decimals")
        return splits

    def __str__(self) -> str:
        return ",".join(f"{name}={share}" for name, share in self.shares)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the splits, in the order given."""
        return tuple(name for name, _ in self.shares)

    @cached_property
    def _length(self) -> int:
        return math.lcm(*(share.denominator for _, share in self.shares))

    @cached_property
    def _cycle(self) -> list[str]:
        """Return the splits of the first units, after which they repeat."""
        behind = dict.fromkeys(self.names, Fraction(0))
        cycle = []
        for _ in range(self._length):
            for name, share in self.shares:
                behind[name] += share
            cycle.append(max(behind, key=lambda name: behind[name]))
            behind[cycle[-1]] -= 1
        return cycle

    @cached_property
    def _before(self) -> dict[str, list[int]]:
        """Return, of each split, how many of its units stand before each place of the cycle."""
        return {
            name: [0, *accumulate(int(each == name) for each in self._cycle)] for name in self.names
        }

    def of(self, number: int) -> str:
        """Return the split that a unit belongs to."""
        return self._cycle[number % self._length]

    def count(self, name: str, units: int) -> int:
        """Return how many of the first units belong to a split."""
        whole, rest = divmod(units, self._length)
        return whole * self._before[name][-1] + self._before[name][rest]


@dataclass(frozen=True)
class DatasetInfo:
    """The images of a set: ``count`` files of a ``format``, each with a name and a row.

    ``suffix`` ends their names. Sides are in pixels, ``channels`` 1 … 4, ``depth`` in bits.
    ``label`` is the class that the user named, or ''. ``shard_size`` images make a shard, and
    ``unit`` images go to one split together.
    """

    count: int
    format: str
    suffix: str
    width: int
    height: int
    channels: int
    depth: int
    label: str
    splits: Splits | None
    shard_size: int
    unit: int
    row: Row = field(compare=False, repr=False)

    @property
    def most_bytes(self) -> int:
        """The bytes that the file of an image has at most; a larger one is not read."""
        return 16 * self.width * self.height + (1 << 20)

    def key(self, index: int) -> str:
        """Return an image's name without suffix: its index, in at least six digits."""
        return f"{index:0{max(6, len(str(self.count - 1)))}d}"

    def file(self, index: int) -> str:
        """Return an image's file name."""
        return self.key(index) + self.suffix

    def split(self, index: int) -> str:
        """Return the split that an image belongs to; '' if there are none."""
        return self.splits.of(index // self.unit) if self.splits else ""

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the splits; one empty name if there are none."""
        return self.splits.names if self.splits else ("",)

    def split_units(self, name: str, units: int) -> int:
        """Return how many of the first units belong to a split; all where there are none."""
        return self.splits.count(name, units) if self.splits else units

    @property
    def shard_count(self) -> int:
        """The number of shards."""
        return -(-self.count // self.shard_size)
