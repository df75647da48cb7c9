"""Quotas: which member of a mixture each image takes.

In each block of as many images as the weights sum to, every member has as many images as its
weight. The order within a block is drawn from the seed and the number of the block.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixelgen.families.base import Family
from pixelgen.families.member import Member
from pixelgen.rng import BLOCK, PARAMETERS, Stream


class MemberChooser:
    """Chooses the members of images, and draws their parameters; keeps the order of one block.

    Within a block, the k-th image (from 0) of a member of weight w has the time (k + u)/w. Here u
    is drawn from 0 … 1 for each image of the block, and the images are ordered by time. So after
    any number of images, a member of share s of M members is less than 1 + s·M images from its
    share.
    """

    def __init__(self, members: Sequence[Member], stream: Stream) -> None:
        weights = [int(member.weight) for member in members]
        self._members = members
        self._stream = stream
        self._owners = np.repeat(np.arange(len(weights)), weights)
        self._weights = np.repeat(weights, weights)
        self._turns = np.concatenate([*map(np.arange, weights)]) << 32
        self._block = -1
        self._order: npt.NDArray[np.intp] = self._owners

    def choose(self, image: int) -> tuple[Member, Family]:
        """Return the member of an image, and its family with what is drawn; moves the stream."""
        member = self._members[0] if len(self._members) == 1 else self._member_at(image)
        if not member.drawn:
            return member, member.family
        self._stream.seek(image, purpose=PARAMETERS)
        _, *words = map(int, self._stream.integers(1 + len(member.drawn), 64))
        return member, member.at(words)

    def _member_at(self, image: int) -> Member:
        block, place = divmod(image, len(self._owners))
        if block != self._block:
            self._stream.seek(block, purpose=BLOCK)
            # Exact: integers below 2**49 become doubles, whose quotient is the same everywhere.
            times = (self._turns + self._stream.integers(len(self._owners), 32)) / self._weights
            self._order = self._owners[np.argsort(times, kind="stable")]
            self._block = block
        return self._members[int(self._order[place])]
