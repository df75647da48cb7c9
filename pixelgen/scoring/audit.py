"""How often images fool a model, family by family."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.scoring.base import Score

QUANTILES = (50, 90, 99)
"""In percent: of the scores of a family."""

_Z = 1.959964  # of an interval of 95 %


class ScoredImage(NamedTuple):
    """A family and the score of one of its images, its value rounded to 1e-4."""

    family: str
    score: Score


@dataclass(frozen=True)
class FamilyScores:
    """What the scores of a family are like.

    Attributes:
        family: Its name.
        images: How many were scored.
        quantiles: The scores that :data:`QUANTILES` percent of them do not exceed.
        highest: The highest score.
        fooled: How many have at least the threshold.
        predicted: The class that most of these are taken for; of all, where there are none.
    """

    family: str
    images: int
    quantiles: tuple[float, ...]
    highest: float
    fooled: int
    predicted: str

    @classmethod
    def of(cls, family: str, scores: Sequence[Score], threshold: float) -> "FamilyScores":
        """Describe the scores of a family, of which there is at least one."""
        values = np.array([score.value for score in scores])
        fooled = [score for score in scores if score.value >= threshold]
        classes = Counter(score.predicted for score in fooled or scores)
        return cls(
            family=family,
            images=len(scores),
            quantiles=tuple(
                float(each) for each in np.percentile(values, QUANTILES, method="higher")
            ),
            highest=float(values.max()),
            fooled=len(fooled),
            predicted=classes.most_common(1)[0][0],
        )

    @property
    def rate(self) -> float:
        """The share of images that fool the model."""
        return self.fooled / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 % of the rate."""
        return wilson_interval(self.fooled, self.images)


@dataclass(frozen=True)
class Audit:
    """What a model makes of images that hold none of its objects.

    Attributes:
        threshold: The score from which on an image fools the model.
        families: The scores of each family, those that fool the model most often first.
        overall: The scores of all images.
    """

    threshold: float
    families: tuple[FamilyScores, ...]
    overall: FamilyScores

    @classmethod
    def of(cls, scored: Iterable[ScoredImage], threshold: float) -> "Audit":
        """Describe scores, of which there is at least one."""
        by_family: defaultdict[str, list[Score]] = defaultdict(list)
        for family, score in scored:
            by_family[family].append(score)
        families = [FamilyScores.of(*each, threshold) for each in by_family.items()]
        families.sort(key=lambda each: (-each.rate, -each.highest, each.family))
        everything = [score for scores in by_family.values() for score in scores]
        return cls(threshold, tuple(families), FamilyScores.of("all", everything, threshold))

    def above(self, rate: float) -> tuple[FamilyScores, ...]:
        """Return the families that fool the model more often than at a rate."""
        return tuple(each for each in self.families if each.rate > rate)


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the interval of 95 % of a rate (Wilson, JASA 22, 1927).

    >>> [round(each, 3) for each in wilson_interval(0, 40)]
    [0.0, 0.088]
    """
    rate = hits / count
    scale = 1 + _Z**2 / count
    middle = (rate + _Z**2 / (2 * count)) / scale
    half = _Z / scale * math.sqrt(rate * (1 - rate) / count + (_Z / (2 * count)) ** 2)
    return max(middle - half, 0.0), min(middle + half, 1.0)
