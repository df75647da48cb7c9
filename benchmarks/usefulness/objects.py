"""The objects that models learn to find: faces, eyes and digits from scikit-image and scikit-learn.

Each function draws the objects of one repetition: those to train with, and others held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.usefulness.images import SIDE, Gray, cut_crops

Labels = npt.NDArray[np.int64]
"""The class of each patch: 0, 1, ..."""

_EYES = (3, (1, 10))  # the top of a pair of eyes in a face, and the left of either
_EYE = 10  # pixels
_DIGITS = 800  # digits to train with, and half as many held out
_CONTRAST = 120  # levels between a digit and the mean of the ground it is on, at least


@dataclass(frozen=True)
class Scenes:
    """Where objects are: photographs of the scenes that are known, and of those that are not."""

    known: Sequence[Gray]
    unknown: Sequence[Gray]


@dataclass(frozen=True)
class Objects:
    """Patches with an object: to train with, each with its class, and held out."""

    train: Gray
    labels: Labels
    held_out: Gray


def draw_faces(rng: np.random.Generator, scenes: Scenes) -> Objects:
    """Draw half of the 100 faces of ``lfw_subset``, and mirror each."""
    train, held_out = _split_faces(rng)
    return _one_class(_and_mirrored(train), _and_mirrored(held_out))


def draw_eyes(rng: np.random.Generator, scenes: Scenes) -> Objects:
    """Cut both eyes out of the same faces: patches of 10x10, the right eyes mirrored."""
    return _one_class(*map(_cut_eyes, _split_faces(rng)))


def draw_plain_digits(rng: np.random.Generator, scenes: Scenes) -> Objects:
    """Draw digits of any level on a ground of one other level."""

    def ground(count: int, photographs: Sequence[Gray]) -> Gray:
        levels = rng.integers(0, 256, (count, 1, 1), np.uint8)
        return np.broadcast_to(levels, (count, SIDE, SIDE))

    return _draw_digits(rng, ground(_DIGITS, scenes.known), ground(_DIGITS // 2, scenes.unknown))


def draw_digits_in_scenes(rng: np.random.Generator, scenes: Scenes) -> Objects:
    """Draw digits on crops of the known scenes, and those held out on crops of others."""

    def ground(count: int, photographs: Sequence[Gray]) -> Gray:
        return cut_all(photographs, count, rng)

    return _draw_digits(rng, ground(_DIGITS, scenes.known), ground(_DIGITS // 2, scenes.unknown))


def cut_all(photographs: Sequence[Gray], count: int, rng: np.random.Generator) -> Gray:
    """Cut crops of photographs, as many of each as of the others, or one more."""
    parts = np.array_split(np.arange(count), len(photographs))
    pairs = zip(photographs, parts, strict=True)
    return np.concatenate([cut_crops(each, len(part), rng) for each, part in pairs])


def _split_faces(rng: np.random.Generator) -> tuple[Gray, Gray]:
    from skimage.data import lfw_subset

    faces = np.rint(lfw_subset()[:100] * 255).astype(np.uint8)  # the rest are not faces
    order = rng.permutation(len(faces))
    return faces[order[:50]], faces[order[50:]]


def _and_mirrored(patches: Gray) -> Gray:
    return np.concatenate([patches, patches[:, :, ::-1]])


def _cut_eyes(faces: Gray) -> Gray:
    top, lefts = _EYES
    left, right = (faces[:, top : top + _EYE, x : x + _EYE] for x in lefts)
    return np.concatenate([left, right[:, :, ::-1]])


def _one_class(train: Gray, held_out: Gray) -> Objects:
    return Objects(train, np.zeros(len(train), np.int64), held_out)


def _draw_digits(rng: np.random.Generator, train: Gray, held_out: Gray) -> Objects:
    """Draw a digit on each patch of ground; those held out are other examples."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = rng.choice(len(digits.target), len(train) + len(held_out), replace=False)
    drawn = np.stack(
        [
            _paint(digits.images[index], ground, rng)
            for index, ground in zip(chosen, [*train, *held_out], strict=True)
        ]
    )
    return Objects(drawn[: len(train)], digits.target[chosen[: len(train)]], drawn[len(train) :])


def _paint(digit: npt.NDArray[np.float64], ground: Gray, rng: np.random.Generator) -> Gray:
    """Paint a digit of 8x8 on a patch: 16 to 25 pixels high, anywhere, in one level."""
    side = int(rng.integers(16, SIDE + 1))
    ink = Image.fromarray(np.rint(digit * (255 / 16)).astype(np.uint8))
    cover = np.zeros((SIDE, SIDE))
    left, top = rng.integers(0, SIDE - side + 1, 2)
    enlarged = ink.resize((side, side), Image.Resampling.BICUBIC)
    cover[top : top + side, left : left + side] = np.asarray(enlarged) / 255
    mean = int(ground.mean())
    level = rng.choice([level for level in range(256) if abs(level - mean) >= _CONTRAST])
    painted: Gray = np.rint(ground + cover * (level - ground.astype(float))).astype(np.uint8)
    return painted
