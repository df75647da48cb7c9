"""Which candidates a mined dataset keeps."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_PLAIN_SHARE = 0.5  # of all that are chosen
_FAMILY_SHARE = 0.12  # of mined ones that are of one family, at most, but one at least

Indices = npt.NDArray[np.int64]


def choose(
    scores: npt.NDArray[np.float64],
    families: Sequence[str],
    threshold: float,
    keep: int,
) -> tuple[Indices, Indices]:
    """Choose candidates that fool a model, and plain ones: the first of either, in order.

    Plain ones are the first that were not mined, whatever they score. They replace mined ones
    where too few candidates reach the threshold.

    Args:
        scores: One for each candidate.
        families: The family of each.
        threshold: The score from which on a candidate fools the model.
        keep: How many to choose in all.

    Returns:
        The indices of mined candidates, and of plain ones.
    """
    most = keep - round(keep * _PLAIN_SHARE)
    most_of_family = max(1, int(most * _FAMILY_SHARE))
    counts: Counter[str] = Counter()
    mined: list[int] = []
    for index in map(int, np.flatnonzero(scores >= threshold)):
        if len(mined) < most and counts[families[index]] < most_of_family:
            counts[families[index]] += 1
            mined.append(index)
    plain = np.setdiff1d(np.arange(len(scores)), mined)[: keep - len(mined)]
    return np.array(mined, np.int64), plain
