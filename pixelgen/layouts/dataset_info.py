"""What a layout knows of a dataset: each image's name, its split and its row in the manifest."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Self, TypeAlias

from pixelgen.errors import BadValue
from pixelgen.generator import ImageSpec
from pixelgen.layouts.image_indices import ImageIndices


class ImageRecord(NamedTuple):
    """A finished image: its index, its file's size in bytes, and its SHA-256 or ''.

    ``origin`` says where it came from, as members of a JSON object, unless the job determines it.
    """

    number: int
    size: int
    sha256: str
    origin: str


Row: TypeAlias = Callable[[ImageRecord], bytes]
"""Turns the record of an image into its line of the manifest."""

_CYCLE_LIMIT = 10_000
_USUAL_SPLITS = ("train", "val", "test")
SPLIT_WORDS = ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval",
               "evaluation")  # fmt: skip
"""The words that Hugging Face datasets takes for a split where they are part of a path."""
_SPLIT_WORD = re.compile(
    rf"(?:^|[-._ 0-9/])(?:{'|'.join(SPLIT_WORDS)})(?:$|[-._ 0-9/])", re.ASCII | re.IGNORECASE
)
_SPLIT = re.compile(
    r"([A-Za-z][A-Za-z0-9]{0,30})=([0-9]{0,6}(?:\.[0-9]{1,6}|/[0-9]{1,6})?)", re.ASCII
)


class Shard(NamedTuple):
    """The unit of work, of retry and of commit: a few images, by their ascending indices."""

    number: int
    indices: Sequence[int]


def names_a_split(path: str) -> bool:
    """Return whether Hugging Face datasets would take a path for one of a split.

    >>> names_a_split("a/instances_train2017.json"), names_a_split("a/coco-trainset.json")
    (True, False)
    """
    return bool(_SPLIT_WORD.search(path))


def _suggest_splits(text: str) -> str:
    """Return how shares written without names, such as 80/20, are probably meant.

    >>> _suggest_splits("80/20"), _suggest_splits("0.7,0.2,0.1"), _suggest_splits("yes")
    ('train=0.8,val=0.2', 'train=0.7,val=0.2,test=0.1', 'train=0.9,val=0.1')
    """
    shares = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", text[:50])]
    if not 2 <= len(shares) <= len(_USUAL_SPLITS) or not all(shares):
        shares = [0.9, 0.1]
    pairs = zip(_USUAL_SPLITS, shares, strict=False)
    return ",".join(f"{name}={share / sum(shares):.4g}" for name, share in pairs)


@dataclass(frozen=True)
class Splits:
    """Named shares of a dataset that add up to one, spread evenly over it.

    The split of a unit (an image, or a shard) depends on its number alone, so a larger dataset
    begins with the units of the smaller one. Each unit goes to the split that is furthest behind
    its share. The counts are exact after every ``len(cycle)`` units; with two splits they are never
    off by a whole unit.

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
                raise BadValue(
                    f"invalid split {text[:50]!r}: must be NAME=SHARE,… with shares that add up to"
                    f" 1; write {_suggest_splits(text)}"
                )
            if name in shares:
                raise BadValue(f"split {name!r} is given twice; give each name once")
            shares[name] = share
        if sum(shares.values()) != 1:
            raise BadValue(
                f"splits {text} add up to {float(sum(shares.values())):g}; they must add up to 1"
            )
        splits = cls(tuple(shares.items()))
        if splits._length > _CYCLE_LIMIT:
            raise BadValue(f"splits {text} are too fine; use shares of at most four decimals")
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
        """The splits of the first units, after which they repeat."""
        behind = dict.fromkeys(self.names, Fraction(0))
        cycle = []
        for _ in range(self._length):
            for name, share in self.shares:
                behind[name] += share
            cycle.append(max(behind, key=lambda name: behind[name]))
            behind[cycle[-1]] -= 1
        return cycle

    @cached_property
    def _preceding(self) -> dict[str, list[int]]:
        """For each split, how many of its units precede each position of the cycle."""
        return {
            name: [0, *accumulate(int(each == name) for each in self._cycle)] for name in self.names
        }

    def of(self, number: int) -> str:
        """Return the split that a unit belongs to."""
        return self._cycle[number % self._length]

    def count(self, name: str, units: int) -> int:
        """Return how many of the first units belong to a split."""
        whole, rest = divmod(units, self._length)
        return whole * self._preceding[name][-1] + self._preceding[name][rest]


@dataclass(frozen=True)
class DatasetInfo:
    """The images of a dataset: files of a ``format``, each with an index, a name and a row.

    ``image`` says what they are like; their names begin with ``prefix`` and end with ``suffix``.
    ``label`` is the class that the user named, or '', ``given_number`` the number given for it, and
    ``classes`` are those of the user's own dataset, with ``category_ids`` unless these are 1, 2, ….
    In an index, the id of image 0 is ``first_id``. A shard has ``shard_size`` images; with
    ``splits_shards`` all of them go to one split together. ``container`` is the name of what holds
    them.
    """

    indices: ImageIndices
    image: ImageSpec
    format: str
    suffix: str
    prefix: str
    label: str
    given_number: int | None
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    first_id: int
    splits: Splits | None
    shard_size: int
    splits_shards: bool
    container: str
    row: Row = field(compare=False, repr=False)

    @property
    def most_bytes(self) -> int:
        """The largest size of an image file that is read, in bytes."""
        return 16 * self.image.size.most_pixels + (1 << 20)

    @property
    def count(self) -> int:
        """The number of images."""
        return len(self.indices)

    def key(self, index: int) -> str:
        """Return an image's name without suffix: its index, in at least six digits."""
        return self._key_format % index

    @cached_property
    def _key_format(self) -> str:
        """The form of a name; a prefix has letters, digits, _ and - alone."""
        return f"{self.prefix}%0{max(6, len(str(self.indices.stop - 1)))}d"

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of a detector's index: the user's, or one that names the images."""
        return self.classes or (self.label or "object",)

    @property
    def category_numbers(self) -> tuple[int, ...]:
        """The id of each category."""
        return self.category_ids or tuple(range(1, len(self.categories) + 1))

    @property
    def label_number(self) -> int:
        """The class of the images as a number: the given one, one of the user's, or that after."""
        if self.given_number is not None:
            return self.given_number
        return (*self.classes, self.label).index(self.label)

    def file(self, index: int) -> str:
        """Return an image's file name."""
        return self.key(index) + self.suffix

    def split(self, index: int) -> str:
        """Return the split that an image belongs to; '' without splits."""
        if not self.splits:
            return ""
        if self.splits_shards:
            return self.split_of_shard(self.shard_number(index))
        return self.splits.of(index - self.indices.start)

    def shard_number(self, index: int) -> int:
        """Return the number of the shard that an image of the dataset is in."""
        return (self.indices.position(index) or 0) // self.shard_size

    def split_of_shard(self, number: int) -> str:
        """Return the split of a shard, where shards are split; '' without splits."""
        return self.splits.of(number) if self.splits else ""

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the splits; one empty name without splits."""
        return self.splits.names if self.splits else ("",)

    @property
    def first_split(self) -> str:
        """The split that a printed loader call reads; '' without splits."""
        return self.split_names[0]

    def has_images(self, split: str) -> bool:
        """Return whether a split has any image."""
        if self.splits_shards:
            return self.split_units(split, self.shard_count) > 0
        return any(self.split(index) == split for index in self.indices)

    @property
    def train_split(self) -> str:
        """The split to train on: "train", or the first if none has that name."""
        return "train" if "train" in self.split_names else self.first_split

    def split_units(self, name: str, units: int) -> int:
        """Return how many of the first units belong to a split; all of them without splits."""
        return self.splits.count(name, units) if self.splits else units

    @cached_property
    def shard_count(self) -> int:
        """The number of shards."""
        return -(-self.count // self.shard_size)
