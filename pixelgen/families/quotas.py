"""Quotas: which member of a mixture each image takes.

In each block of as many images as the weights sum to, every member has as many images as its
weight, until its limit. The order within a block is drawn from the seed and the number of the
block.
"""

from bisect import bisect
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.families.base import Family
from pixelgen.families.member import Member
from pixelgen.rng import BLOCK, PARAMETERS, Stream


class Phase(NamedTuple):
    """Blocks that have the same number of images of each member: ``counts``.

    The first of them is block ``block`` of the mixture and begins with image ``image``.
    """

    image: int
    block: int
    counts: tuple[int, ...]


class MemberChooser:
    """Chooses the members of images, and draws their parameters; keeps the order of one block.

    Within a block, the k-th image (from 0) of a member of weight w has the time (k + u)/w. Here u
    is drawn from 0 … 1 for each image of the block, and the images are ordered by time. So after
    any number of images, a member of share s of M members is less than 1 + s·M images from its
    share.
    """

    def __init__(self, members: Sequence[Member], stream: Stream) -> None:
        self._members = members
        self._stream = stream
        self._phases = list_phases(members)
        self._block = -1
        self._order: npt.NDArray[np.intp] = np.arange(0)

    def choose(self, image: int) -> tuple[Member, Family]:
        """Return the member of an image, and its family with what is drawn; moves the stream."""
        member = self._members[0] if len(self._members) == 1 else self._member_at(image)
        if not member.drawn:
            return member, member.family
        self._stream.seek(image, purpose=PARAMETERS)
        _, *words = map(int, self._stream.integers(1 + len(member.drawn), 64))
        return member, member.at(words)

    def _member_at(self, image: int) -> Member:
        phase = self._phases[bisect(self._phases, image, key=lambda each: each.image) - 1]
        later, place = divmod(image - phase.image, sum(phase.counts))
        if phase.block + later != self._block:
            self._block = phase.block + later
            self._order = self._draw_order(phase.counts)
        return self._members[int(self._order[place])]

    def _draw_order(self, counts: Sequence[int]) -> npt.NDArray[np.intp]:
        """Return the number of the member of each image of the block."""
        self._stream.seek(self._block, purpose=BLOCK)
        turns = np.concatenate([*map(np.arange, counts)]) << 32
        # Exact: integers below 2**49 become doubles, whose quotient is the same everywhere.
        times = (turns + self._stream.integers(len(turns), 32)) / np.repeat(counts, counts)
        return np.repeat(np.arange(len(counts)), counts)[np.argsort(times, kind="stable")]


def list_phases(members: Sequence[Member]) -> list[Phase]:
    """Return the phases of a mixture: all its members take part until the first limit, and so on.

    A member that has reached its limit has no images in the phases that follow.
    """
    counts = [int(member.weight) for member in members]
    left = {number: member.limit for number, member in enumerate(members) if member.limit}
    phases = []
    image = block = 0
    while left:
        whole = min(rest // counts[number] for number, rest in left.items())
        if whole:
            phases.append(Phase(image, block, tuple(counts)))
        image, block = image + whole * sum(counts), block + whole
        left = {number: rest - whole * counts[number] for number, rest in left.items()}
        # One block has what remains of the members that cannot fill another.
        ending = {number: rest for number, rest in left.items() if rest < counts[number]}
        counts = [ending.get(number, count) for number, count in enumerate(counts)]
        phases.append(Phase(image, block, tuple(counts)))
        image, block = image + sum(counts), block + 1
        left = {n: rest - counts[n] for n, rest in left.items() if n not in ending}
        counts = [0 if number in ending else count for number, count in enumerate(counts)]
    return [*phases, Phase(image, block, tuple(counts))]
