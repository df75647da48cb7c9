"""Ratios of false positives to those of the baseline, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.trials import Trial

_RESAMPLES = 2000
_LEVEL = 0.95
_ADDED = 0.5  # to false positives, and twice to crops: no rate is 0, and ratios are finite

Rates = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """False positives relative to the baseline, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Comparison:
    """All repetitions together: the first dataset is the baseline.

    Attributes:
        rates: False positive rates by (dataset, task, seed).
        resampled: Logarithms of ratios to the baseline, by (resample, dataset, task).
    """

    rates: Rates
    resampled: Rates

    def rate(self, tasks: Sequence[int]) -> float:
        """Return the mean false positive rate of the baseline."""
        return float(self.rates[0, tasks].mean())

    def ratio(self, dataset: int, tasks: Sequence[int]) -> Ratio:
        """Return the geometric mean of the ratios of some tasks, over tasks and seeds."""
        logs = np.log(self.rates[dataset] / self.rates[0])[tasks]
        resampled = self.resampled[:, dataset, tasks].mean(axis=1)
        low, high = np.quantile(resampled, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return Ratio(*np.exp([logs.mean(), low, high]).tolist())


def compare(trials: Sequence[Trial]) -> Comparison:
    """Compare datasets by seeds, each of which tested all with the same objects and photographs.

    The intervals are of a percentile bootstrap that draws seeds, and photographs with all their
    crops: both vary from user to user (Owen, "The pigeonhole bootstrap", 2007).
    """
    found = np.stack([each.false_positives for each in trials], axis=2).astype(float)
    crops = np.stack([each.crops for each in trials]).astype(float)
    rng, total = np.random.default_rng(0), crops.shape[1]
    resampled = []
    for _ in range(_RESAMPLES):
        photographs = np.bincount(rng.integers(0, total, total), minlength=total)
        seeds = rng.integers(0, len(trials), len(trials))
        rates = _rates(found[:, :, seeds] @ photographs, crops[seeds] @ photographs)
        resampled.append(np.log(rates / rates[0]).mean(axis=2))
    return Comparison(_rates(found.sum(axis=3), crops.sum(axis=1)), np.stack(resampled))


def _rates(found: Rates, crops: Rates) -> Rates:
    return (found + _ADDED) / (crops + 2 * _ADDED)
