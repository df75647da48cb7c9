"""A repetition: with one seed, train every model with each dataset and count false positives."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.images import Gray, Negatives
from benchmarks.usefulness.objects import Labels, Scenes, cut_all
from benchmarks.usefulness.tasks import Features, Task

RECALL = 0.95  # of held-out objects that a threshold keeps
TEST_CROPS = 2500  # of all test photographs together
_FEWEST_CROPS = 10  # of one
REFERENCES = ("other photographs", "own scenes")

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Setup:
    """What all repetitions share."""

    negatives: Sequence[Negatives]
    photographs: Sequence[Gray]
    tasks: Sequence[Task]
    count: int
    """How many negatives a model is trained with."""
    scenes: int
    """How many photographs are the user's own scenes."""


@dataclass(frozen=True)
class Trial:
    """What one seed gave.

    Attributes:
        false_positives: Crops taken for objects, by (dataset, task, photograph); the last two
            datasets are the references.
        crops: How many crops of each photograph were scored; 0 for those of the training half.
    """

    false_positives: Counts
    crops: Counts


def run_trial(setup: Setup, seed: int) -> Trial:
    """Train each task's model with each dataset, on the same objects and the same photographs.

    Half of the photographs, drawn by the seed, are for training: the first of them are the known
    scenes. The others are for testing.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(setup.photographs))
    half = len(order) // 2
    scenes, others, test = order[: setup.scenes], order[setup.scenes : half], order[half:]
    per_photograph = max(_FEWEST_CROPS, TEST_CROPS // len(test))
    crops = np.zeros(len(order), np.int64)
    crops[test] = per_photograph

    def take(indices: npt.NDArray[np.int64]) -> list[Gray]:
        return [setup.photographs[index] for index in indices]

    scored = cut_all(take(test), crops.sum(), rng)
    references = [cut_all(take(indices), setup.count, rng) for indices in (others, scenes)]
    trained = [_choose(each.patches, setup.count, seed) for each in setup.negatives] + references
    known = Scenes(take(scenes), take(test))
    counts = np.zeros((len(trained), len(setup.tasks), len(order)), np.int64)
    views: dict[object, list[Features]] = {}  # several tasks see the same of patches
    for number, task in enumerate(setup.tasks):
        view = (task.features, task.side)
        if view not in views:
            views[view] = [task.view(patches) for patches in (scored, *trained)]
        objects = task.draw(np.random.default_rng(seed), known)
        train, held_out = task.view(objects.train), task.view(objects.held_out)
        inputs, *negatives = views[view]
        for dataset, patches in enumerate(negatives):
            model = _train(task, seed, train, objects.labels, patches)
            threshold = np.quantile(task.score(model, held_out), 1 - RECALL)
            is_positive = task.score(model, inputs) >= threshold
            counts[dataset, number, test] = is_positive.reshape(len(test), -1).sum(axis=1)
    return Trial(counts, crops)


def _choose(patches: Gray, count: int, seed: int) -> Gray:
    """Draw patches: of any two datasets of one size, those of the same indices."""
    return np.random.default_rng(seed).choice(patches, count, replace=False)


def _train(task: Task, seed: int, objects: Features, labels: Labels, negatives: Features) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():  # networks are trained for a fixed number of epochs
        warnings.simplefilter("ignore", ConvergenceWarning)
        return task.train(seed, objects, labels, negatives)
