"""Negatives that are mined: candidates that fool a model, half of the dataset or less."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.selection import choose
from benchmarks.usefulness.tasks import Features
from benchmarks.usefulness.trials import Trained, Trainer


@dataclass(frozen=True)
class Candidates:
    """Images in the order in which they are scored: what a model sees, and their families."""

    features: Features
    families: Sequence[str]


@dataclass(frozen=True)
class Mined:
    """What was mined in one or more rounds.

    Attributes:
        indices: The candidates that were chosen.
        fooled: The share of candidates that fooled the model, for each round.
        share: The share of the chosen ones that were mined; the others are plain.
    """

    indices: npt.NDArray[np.int64]
    fooled: Sequence[float]
    share: float


def mine(
    trainer: Trainer, model: Trained, candidates: Candidates, count: int, rounds: Sequence[range]
) -> Mined:
    """Choose as many negatives in each round, and train with those of all rounds before the next.

    A candidate fools a model from the threshold on that keeps 95 % of held-out objects.

    Args:
        trainer: Trains models for the rounds after the first.
        model: Scores the candidates of the first round.
        candidates: Of all rounds.
        count: How many negatives to choose in all.
        rounds: The candidates of each round.
    """
    chosen: list[int] = []
    fooled, mined = [], 0
    for number, numbers in enumerate(rounds, 1):
        if chosen:
            model = trainer.train(candidates.features[chosen])
        scores = model.score(candidates.features[numbers.start : numbers.stop])
        families = candidates.families[numbers.start : numbers.stop]
        keep = count * number // len(rounds) - len(chosen)
        hard, plain = choose(scores, families, model.threshold, keep)
        chosen += (numbers.start + np.concatenate([hard, plain])).tolist()
        fooled.append(float((scores >= model.threshold).mean()))
        mined += len(hard)
    return Mined(np.array(chosen), fooled, mined / count)
