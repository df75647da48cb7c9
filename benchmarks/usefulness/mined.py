"""Negatives that are mined: candidates that fool a model, and plain ones beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.tasks import Features
from benchmarks.usefulness.trials import Trained, Trainer
from pixelgen.scoring.score_table import ScoredCandidate
from pixelgen.scoring.selection_rules import SelectionRules, Selector


@dataclass(frozen=True)
class Candidates:
    """Images in the order in which they are scored.

    Attributes:
        features: What a model sees of each.
        families: The family of each.
        fingerprints: Those by which near-duplicates are found.
    """

    features: Features
    families: Sequence[str]
    fingerprints: Sequence[int]


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

    They are chosen as ``pixelgen mine`` does. Where too few candidates fool the model, plain ones
    take their places, so that there are ``count``. A candidate fools a model from the threshold on
    that keeps 95 % of held-out objects.

    Args:
        trainer: Trains models for the rounds after the first.
        model: Scores the candidates of the first round.
        candidates: Of all rounds.
        count: How many negatives to choose in all.
        rounds: The candidates of each round.
    """
    chosen: list[int] = []
    fooled: list[float] = []
    mined: list[int] = []
    for number, numbers in enumerate(rounds, 1):
        if chosen:
            model = trainer.train(candidates.features[chosen])
        fools = model.find(candidates.features[numbers.start : numbers.stop])
        keep = count * number // len(rounds) - len(chosen)
        hard = _select(candidates, dict(zip(numbers, fools, strict=True)), keep, mined)
        plain = np.setdiff1d(numbers, hard)[: keep - len(hard)]
        chosen += [*hard, *plain.tolist()]
        mined += hard
        fooled.append(float(fools.mean()))
    return Mined(np.array(chosen), fooled, len(mined) / count)


def _select(
    candidates: Candidates, fools: Mapping[int, bool], keep: int, known: Sequence[int]
) -> list[int]:
    """Return candidates that fool a model, none of which is nearly the same as a known one."""
    selector = Selector(SelectionRules(keep=keep, threshold=1), len({*candidates.families}))
    for index in known:
        selector.mark_known(candidates.fingerprints[index])
    for index, is_fooled in fools.items():
        family, fingerprint = candidates.families[index], candidates.fingerprints[index]
        selector.add(index, ScoredCandidate(float(is_fooled), "", family, fingerprint))
    return [image.candidate for image in selector.selected().images if image.mined]
