"""A repetition: with one seed, train every model with each dataset and count false positives."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.images import Gray, Negatives
from benchmarks.usefulness.objects import Objects, Scenes, cut_all
from benchmarks.usefulness.tasks import Features, Scores, Task

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


@dataclass(frozen=True)
class Sample:
    """The photographs of a seed, half of which are to train with.

    Attributes:
        scenes: Crops of the user's own scenes: the first of the training half.
        others: Crops of the others of that half.
        known: The scenes themselves, and the photographs to test with.
        test: Which photographs are to test with.
        tested: Crops of these, as many of each.
        crops: How many crops of each photograph that are; 0 for those of the training half.
    """

    scenes: Gray
    others: Gray
    known: Scenes
    test: Counts
    tested: Gray
    crops: Counts


def draw_sample(photographs: Sequence[Gray], scenes: int, count: int, seed: int) -> Sample:
    """Draw the photographs of a seed, with as many crops of scenes and of others to train with."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(photographs))
    half = len(order) // 2
    own, others, test = order[:scenes], order[scenes:half], order[half:]
    crops = np.zeros(len(order), np.int64)
    crops[test] = max(_FEWEST_CROPS, TEST_CROPS // len(test))

    def take(indices: Counts) -> list[Gray]:
        return [photographs[index] for index in indices]

    tested = cut_all(take(test), crops.sum(), rng)
    other_crops, own_crops = (cut_all(take(indices), count, rng) for indices in (others, own))
    known = Scenes(take(own), take(test))
    return Sample(own_crops, other_crops, known, test, tested, crops)


@dataclass(frozen=True)
class Trained:
    """A trained model, and the threshold that keeps most held-out objects."""

    task: Task
    model: Any
    threshold: float

    def score(self, inputs: Features) -> Scores:
        """Return how sure it is that each patch has an object."""
        return self.task.score(self.model, inputs)

    def find(self, inputs: Features) -> npt.NDArray[np.bool_]:
        """Return which patches it takes for objects."""
        return self.score(inputs) >= self.threshold


@dataclass(frozen=True)
class Trainer:
    """Trains a task's model with the objects of a seed, and with any negatives."""

    task: Task
    objects: Objects
    seed: int

    @classmethod
    def draw(cls, task: Task, known: Scenes, seed: int) -> "Trainer":
        """Draw the objects."""
        return cls(task, task.draw(np.random.default_rng(seed), known), seed)

    def train(self, negatives: Features) -> Trained:
        """Train a model, and choose its threshold."""
        from sklearn.exceptions import ConvergenceWarning

        task, objects = self.task, self.objects
        with warnings.catch_warnings():  # networks are trained for a fixed number of epochs
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = task.train(self.seed, self.inputs, objects.labels, negatives)
        threshold = np.quantile(task.score(model, self.held_out), 1 - RECALL)
        return Trained(task, model, float(threshold))

    @cached_property
    def inputs(self) -> Features:
        """What the model sees of the objects to train with."""
        return self.task.view(self.objects.train)

    @cached_property
    def held_out(self) -> Features:
        """What it sees of those held out."""
        return self.task.view(self.objects.held_out)


def run_trial(setup: Setup, seed: int) -> Trial:
    """Train each task's model with each dataset, on the same objects and the same photographs.

    Half of the photographs, drawn by the seed, are for training: the first of them are the known
    scenes. The others are for testing.
    """
    sample = draw_sample(setup.photographs, setup.scenes, setup.count, seed)
    chosen = [_choose(each.patches, setup.count, seed) for each in setup.negatives]
    trained = [*chosen, sample.others, sample.scenes]
    counts = np.zeros((len(trained), len(setup.tasks), len(sample.crops)), np.int64)
    views: dict[object, list[Features]] = {}  # several tasks see the same of patches
    for number, task in enumerate(setup.tasks):
        view = (task.features, task.side)
        if view not in views:
            views[view] = [task.view(patches) for patches in (sample.tested, *trained)]
        tested, *negatives = views[view]
        trainer = Trainer.draw(task, sample.known, seed)
        for dataset, patches in enumerate(negatives):
            is_positive = trainer.train(patches).find(tested)
            by_photograph = is_positive.reshape(len(sample.test), -1).sum(axis=1)
            counts[dataset, number, sample.test] = by_photograph
    return Trial(counts, sample.crops)


def _choose(patches: Gray, count: int, seed: int) -> Gray:
    """Draw patches: of any two datasets of one size, those of the same indices."""
    return np.random.default_rng(seed).choice(patches, count, replace=False)
