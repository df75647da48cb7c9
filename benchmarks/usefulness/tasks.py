"""The tasks: what a model has to find, how it is trained, and how it scores a patch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.usefulness.images import SIDE, Gray, resize
from benchmarks.usefulness.objects import (
    Labels,
    Objects,
    Scenes,
    draw_digits_in_scenes,
    draw_eyes,
    draw_faces,
    draw_plain_digits,
)

Features = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

_EPOCHS = 30  # of a network
_UNITS = 32


@dataclass(frozen=True)
class Task(ABC):
    """A model that finds objects; a subclass says how it uses negatives.

    Attributes:
        name: What it finds, and by which model.
        draw: Draws the objects of one repetition.
        features: What the model sees of patches.
        build: Makes an untrained model from a seed.
        side: Pixels of a patch, to which larger ones are reduced.
    """

    situation: ClassVar[str]

    name: str
    draw: Callable[[np.random.Generator, Scenes], Objects]
    features: Callable[[Gray], Features]
    build: Callable[[int], Any]
    side: int = SIDE

    def view(self, patches: Gray) -> Features:
        """Return what the model sees of patches of any side."""
        return self.features(resize(patches, self.side))

    @abstractmethod
    def train(self, seed: int, objects: Features, labels: Labels, negatives: Features) -> Any:
        """Return a model trained with objects, of the classes that labels give, and negatives."""

    @abstractmethod
    def score(self, model: Any, inputs: Features) -> Scores:
        """Return how sure a model is that each patch has an object."""


class Detector(Task):
    """Knows objects, of whatever class, and background."""

    situation = "detector"

    def train(self, seed: int, objects: Features, labels: Labels, negatives: Features) -> Any:
        targets = np.repeat([1, 0], [len(objects), len(negatives)])
        return self.build(seed).fit(np.concatenate([objects, negatives]), targets)

    def score(self, model: Any, inputs: Features) -> Scores:
        if hasattr(model, "decision_function"):
            return np.asarray(model.decision_function(inputs))
        return np.asarray(model.predict_proba(inputs)[:, 1])


class WithBackgroundClass(Task):
    """A classifier to which negatives are one more class."""

    situation = "background class"

    def train(self, seed: int, objects: Features, labels: Labels, negatives: Features) -> Any:
        targets = np.concatenate([labels, np.full(len(negatives), labels.max() + 1)])
        return self.build(seed).fit(np.concatenate([objects, negatives]), targets)

    def score(self, model: Any, inputs: Features) -> Scores:
        return np.asarray(model.predict_proba(inputs)[:, :-1].max(axis=1))


class WithOutlierExposure(Task):
    """A classifier that is trained to find all classes equally likely on negatives."""

    situation = "outlier exposure"

    def train(self, seed: int, objects: Features, labels: Labels, negatives: Features) -> Any:
        classes = labels.max() + 1
        # A negative once with each class has the gradient of a uniform target.
        targets = np.concatenate([labels, np.tile(np.arange(classes), len(negatives))])
        repeated = np.repeat(negatives, classes, axis=0)
        return self.build(seed).fit(np.concatenate([objects, repeated]), targets)

    def score(self, model: Any, inputs: Features) -> Scores:
        return np.asarray(model.predict_proba(inputs).max(axis=1))


def pixels(patches: Gray) -> Features:
    """Return all levels, from -1 to 1."""
    return patches.reshape(len(patches), -1).astype(np.float32) / 127.5 - 1


def gradients(patches: Gray) -> Features:
    """Return histograms of oriented gradients, by cells of 5x5."""
    from skimage.feature import hog

    options = {"orientations": 9, "pixels_per_cell": (5, 5), "cells_per_block": (2, 2)}
    return np.stack([hog(patch, **options) for patch in patches]).astype(np.float32)


def linear_svm(seed: int) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=0.1, dual=False, random_state=seed)


def rbf_svm(seed: int) -> Any:
    from sklearn.svm import SVC

    return SVC(C=10, random_state=seed)


def network(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(_UNITS, max_iter=_EPOCHS, random_state=seed)


def exposed_network(seed: int) -> Any:
    """Return a network for outlier exposure, which sees each negative ten times an epoch."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(_UNITS, max_iter=_EPOCHS // 3, random_state=seed)


def logistic_regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1, max_iter=50, random_state=seed)


TASKS: tuple[Task, ...] = (
    Detector("faces, linear SVM on HOG", draw_faces, gradients, linear_svm),
    Detector("faces, RBF SVM", draw_faces, pixels, rbf_svm),
    Detector("faces, MLP", draw_faces, pixels, network),
    Detector("eyes, RBF SVM", draw_eyes, pixels, rbf_svm, side=10),
    Detector("digits in scenes, linear SVM on HOG", draw_digits_in_scenes, gradients, linear_svm),
    Detector("digits in scenes, MLP", draw_digits_in_scenes, pixels, network),
    WithBackgroundClass("digits, MLP", draw_plain_digits, pixels, network),
    WithBackgroundClass(
        "digits in scenes, logistic regression on HOG",
        draw_digits_in_scenes,
        gradients,
        logistic_regression,
    ),
    WithOutlierExposure("digits, MLP", draw_plain_digits, pixels, exposed_network),
    WithOutlierExposure(
        "digits, logistic regression on HOG", draw_plain_digits, gradients, logistic_regression
    ),
)
