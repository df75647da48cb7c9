"""Mixtures: several families in one dataset, or one whose parameters are drawn for each image.

Members are written as :mod:`pixelgen.families.member` says, or by the name of a preset::

    >>> mix = Mixture.parse(["uniform", "gaussian=1.5:sigma=20..40"])
    >>> [str(member) for member in mix.members]
    ['uniform=2', 'gaussian=3:sigma=20.0..40.0']

In each block of as many images as the weights sum to, every member has as many images as its
weight; with ``stripes=2@50``, until it has 50. Image i depends only on the seed and i, so a larger
dataset begins with the images of the smaller one.
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from pixelgen.errors import BadValue, suggest_choice
from pixelgen.families.base import Family
from pixelgen.families.member import Member
from pixelgen.families.presets import PRESETS, expand
from pixelgen.image_types import Shape
from pixelgen.registry import find_component

VERSION = 2
"""How members are chosen; 1 drew each with the probability of its share."""

MOST_WEIGHT = 100_000
"""The images of a block: their order is computed at once."""

MOST_LIMIT = 999_999_999
"""The largest limit of a member."""

_LIMIT = re.compile(r"0*[1-9][0-9]{0,8}", re.ASCII)
_WEIGHT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True)
class Mixture:
    """One or more families, of which each image takes one.

    Weights count by their ratios; here they are the smallest whole numbers of these ratios. Raises
    BadValue where no member is without a limit, and for a sum that exceeds :data:`MOST_WEIGHT`.
    """

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        """Bring the weights to whole numbers."""
        if not self.members:
            raise BadValue("a mixture must have at least one family")
        weights = [member.weight for member in self.members]
        unit = Fraction(
            math.gcd(*(weight.numerator for weight in weights)),
            math.lcm(*(weight.denominator for weight in weights)),
        )
        total = int(sum(weights) / unit)
        if total > MOST_WEIGHT:
            raise BadValue(
                f"the weights of the mixture add up to {total:,} in lowest terms, and must add up"
                f" to at most {MOST_WEIGHT:,}; write the weights with fewer digits"
            )
        whole = (member._replace(weight=member.weight / unit) for member in self.members)
        object.__setattr__(self, "members", tuple(whole))
        if all(member.limit for member in self.members):
            raise BadValue(
                f"every family of the mixture has a limit ({str(self)[:100]}); one must have none,"
                " for the images after them; remove a limit"
            )

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Read the members and presets; raise BadValue for what is unknown or not allowed.

        The weight of a preset is divided among its members by their own weights.
        """
        return cls(tuple(member for text in texts for member in _read_members(text)))

    @property
    def is_fixed(self) -> bool:
        """Return whether every image has the same family with the same parameters."""
        return len(self.members) == 1 and not self.members[0].drawn

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of all members; what is drawn for each image is at its default."""
        return tuple(member.family for member in self.members)

    @property
    def algorithms(self) -> set[str]:
        """The families that its images come from, each with the version of its pixels.

        Of several members, also how they are chosen.
        """
        chosen = {f"mixture/{VERSION}"} if len(self.members) > 1 else set()
        return chosen.union(*(member.algorithms for member in self.members))

    def check_shape(self, shape: Shape) -> None:
        """Refuse a frame that a member cannot fill; raise BadValue."""
        for member in self.members:
            member.check_shape(shape)

    def with_limits(self, limits: Mapping[str, int]) -> Self:
        """Return the mixture with at most so many images of each of some families, by name.

        If several members are of a family, its limit is divided among them by their weights: by
        largest remainders, and each has at least one image. Images are counted from image 0.

        >>> str(Mixture.parse(["uniform", "stripes", "stripes:n=4"]).with_limits({"stripes": 5}))
        'uniform + stripes@3 + stripes@2:n=4'

        Raises:
            BadValue: For a family that is not in the mixture or has a limit already, for a limit
                that is below the number of its members or above :data:`MOST_LIMIT`, and if no
                member without a limit remains.
        """
        members = list(self.members)
        for name, limit in limits.items():
            places = [place for place, each in enumerate(members) if each.family.name == name]
            own = [members[place] for place in places]
            self._check_limit(name, limit, own)
            parts = _divide(limit, [member.weight for member in own])
            for place, part in zip(places, parts, strict=True):
                members[place] = members[place]._replace(limit=part)
        return type(self)(tuple(members))

    def _check_limit(self, name: str, limit: int, own: Sequence[Member]) -> None:
        """Refuse a limit that the members of a family cannot have."""
        start = f"family {name!r} cannot be limited to {limit}"
        if not own:
            names = dict.fromkeys(family.name for family in self.families)
            raise BadValue(f"{start}: {_describe_absent(name, [*names])}")
        for member in own:
            if member.limit:
                raise BadValue(
                    f"{start}: it has a limit already (@{member.limit}); remove one of the two"
                )
        if not len(own) <= limit <= MOST_LIMIT:
            raise BadValue(
                f"{start}: must be from {len(own)}, an image for each of its members in the"
                f" mixture, to {MOST_LIMIT}; write {name}={len(own)}"
            )

    def to_spec(self) -> str | list[str]:
        """Return the spec of the mixture: a text for one member, else a list."""
        specs = [*map(str, self.members)]
        return specs[0] if len(specs) == 1 else specs

    def __str__(self) -> str:
        return " + ".join(map(str, self.members))


def _describe_absent(name: str, names: Sequence[str]) -> str:
    """Return why a name that no family of a mixture has cannot be limited, and which can."""
    import difflib  # here, as it is needed for a mistake alone

    # A higher cutoff than for a suggestion, since "crop" is not meant to be "co".
    (meant,) = difflib.get_close_matches(name, [*names, *PRESETS], n=1, cutoff=0.7) or [""]
    if meant in PRESETS:
        return (
            f"{meant!r} is a preset, and only a family can have a limit; choose one of"
            f" {', '.join(names)}"
        )
    return f"it is not in the mixture{suggest_choice(name, names)}"


def _read_members(text: str) -> list[Member]:
    """Read a family, or the members of a preset, with a weight."""
    head, _, parameters = text.strip().partition(":")
    if "," in head:
        _refuse_list(head, parameters)
    head, at, most = head.partition("@")
    name, equals, weight = head.partition("=")
    share = _read_weight(name, weight) if equals else Fraction(1)
    limit = _read_limit(head, most) if at else 0
    preset = name.strip().lower()
    if preset not in PRESETS:
        return [Member.build(name, share, limit, parameters)]
    if limit:
        raise BadValue(
            f"preset {preset!r} cannot have a limit (@{limit}), as only families can; remove it"
        )
    members = [each for spec in expand(preset, parameters) for each in _read_members(spec)]
    total = sum(member.weight for member in members)
    return [member._replace(weight=member.weight * share / total) for member in members]


def _read_weight(name: str, text: str) -> Fraction:
    weight = Fraction(text) if _WEIGHT.fullmatch(text) else Fraction(0)
    if not 0 < weight <= MOST_WEIGHT:
        raise BadValue(
            f"family {name!r}: weight {text!r} must be a number from 0.001 to {MOST_WEIGHT}, with"
            " at most three decimals"
        )
    return weight


def _read_limit(head: str, text: str) -> int:
    if not _LIMIT.fullmatch(text):
        raise BadValue(
            f"family {head!r}: limit {text!r} must be a whole number from 1 to {MOST_LIMIT}; write"
            f" {head}@50"
        )
    return int(text)


def _divide(images: int, weights: Sequence[Fraction]) -> list[int]:
    """Divide images by weights, by largest remainders, so that each part is at least 1."""
    shares = [images * weight / sum(weights) for weight in weights]
    # Parts that are raised to 1 take fewer images from the others than there are parts.
    parts = [max(1, int(share) - len(shares)) for share in shares]
    while sum(parts) < images:
        missing = [share - part for share, part in zip(shares, parts, strict=True)]
        parts[missing.index(max(missing))] += 1
    return parts


def _refuse_list(head: str, parameters: str) -> None:
    """Say how to write several families."""
    names = re.findall(r"[^,\s]+", head)
    for each in names:  # what the message says to write must be right
        name = re.split("[=@]", each)[0]
        if name.lower() not in PRESETS:
            find_component(Family, name, PRESETS)
    names[-1] += f":{parameters}" if parameters else ""
    options = " ".join(f"--family {shlex.quote(each)}" for each in names)
    raise BadValue(f"family {head!r} is a list; give each family of a mixture by itself: {options}")
