"""A repetition of the experiment with mined negatives: its datasets, and the models they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import pixelgen
from benchmarks.usefulness.images import SIDE, Gray, Rendered, render_patches
from benchmarks.usefulness.mined import Candidates, Mined, mine
from benchmarks.usefulness.tasks import Features, Task
from benchmarks.usefulness.trials import TEST_CROPS, Sample, Trainer, Trial, draw_sample
from pixelgen import Job
from pixelgen.families.source import Sourced

ROUNDS = 3
BASELINE = "classic"
CANDIDATES = "default"  # of which negatives are mined
ROWS = (
    f"`{BASELINE}`",
    "`uniform`",
    f"`{CANDIDATES}`",
    "mined in one round",
    f"mined in {ROUNDS} rounds",
    f"half own scenes, half `{BASELINE}`",
)
CANDIDATE_ROWS = (2, 3, 4)  # candidates as they come, then those that were mined
_SEEDS = 1 << 32  # no seed of candidates or of images to test with is one of the baseline

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MiningSetup:
    """What all repetitions share.

    Attributes:
        photographs: To train and to test with.
        tasks: What models have to find.
        count: How many negatives a model is trained with.
        scenes: How many photographs are the user's own scenes.
        candidates: How many images are scored in a round, at least as many as ``count``.
    """

    photographs: Sequence[Gray]
    tasks: Sequence[Task]
    count: int
    scenes: int
    candidates: int


@dataclass(frozen=True)
class MiningTrial:
    """What one seed gave; its datasets are :data:`ROWS`.

    Attributes:
        on_photographs: False positives on crops of photographs.
        on_families: False positives on images of :func:`held_out_families`; a family counts as a
            photograph does there.
        fooled: The share of candidates that fooled the model, by (round, task).
        mined: The share of negatives that were mined, in one and in several rounds, by task.
    """

    on_photographs: Trial
    on_families: Trial
    fooled: Shares
    mined: Shares


@dataclass(frozen=True)
class _TaskResult:
    """What one task gave.

    Attributes:
        on_photographs: Which crops are taken for objects, by (dataset, crop).
        on_families: Which images of families are, by (dataset, image).
        one: What was mined in one round.
        several: What was mined in several.
    """

    on_photographs: npt.NDArray[np.bool_]
    on_families: npt.NDArray[np.bool_]
    one: Mined
    several: Mined


def held_out_families() -> list[str]:
    """Return the families that no model is trained with, and that need no images of the user's."""
    mixtures = [Job(family=name).image.family for name in (BASELINE, CANDIDATES)]
    trained = {family.name for mixture in mixtures for family in mixture.families}
    return [
        name
        for name, family in sorted(pixelgen.families().items())
        if name not in trained and not issubclass(family, Sourced)
    ]


def run_mining_trial(setup: MiningSetup, seed: int) -> MiningTrial:
    """Train each task's model with each dataset, on the same objects and the same photographs."""
    sample = draw_sample(setup.photographs, setup.scenes, setup.count, seed)
    candidates = _render(CANDIDATES, ROUNDS * setup.candidates, seed + _SEEDS)
    patches = _collect_patches(setup, sample, candidates, seed)
    views: dict[object, dict[str, Features]] = {}  # several tasks see the same of patches
    results = []
    for task in setup.tasks:
        view = (task.features, task.side)
        if view not in views:
            views[view] = {name: task.view(each) for name, each in patches.items()}
        trainer = Trainer.draw(task, sample.known, seed)
        results.append(_run_task(setup, trainer, views[view], candidates))
    on_photographs = np.zeros((len(ROWS), len(setup.tasks), len(sample.crops)), np.int64)
    on_photographs[:, :, sample.test] = _count(
        [result.on_photographs for result in results], len(sample.test)
    )
    families = len(held_out_families())
    on_families = _count([result.on_families for result in results], families)
    images = np.full(families, len(patches["held out"]) // families)
    return MiningTrial(
        Trial(on_photographs, sample.crops),
        Trial(on_families, images),
        np.transpose([result.several.fooled for result in results]),
        np.transpose([(result.one.share, result.several.share) for result in results]),
    )


def _count(found: Sequence[npt.NDArray[np.bool_]], groups: int) -> Counts:
    """Count by (dataset, task, group) what was found by (dataset, patch) for each task."""
    stacked = np.stack(found, axis=1)
    counts: Counts = stacked.reshape(*stacked.shape[:2], groups, -1).sum(axis=3)
    return counts


def _render(family: str, count: int, seed: int) -> Rendered:
    return render_patches(Job(count=count, size=SIDE, family=family, seed=seed))


def _collect_patches(
    setup: MiningSetup, sample: Sample, candidates: Rendered, seed: int
) -> dict[str, Gray]:
    """Return what models are trained and tested with, by name."""
    families = held_out_families()
    each = min(TEST_CROPS // len(families), setup.count)
    held_out = [_render(family, each, seed + 2 * _SEEDS).patches for family in families]
    return {
        "photographs": sample.tested,
        "held out": np.concatenate(held_out),
        "candidates": candidates.patches,
        "scenes": sample.scenes[::2],  # half of those of each scene
        BASELINE: _render(BASELINE, setup.count, seed).patches,
        "uniform": _render("uniform", setup.count, seed).patches,
    }


def _run_task(
    setup: MiningSetup, trainer: Trainer, seen: Mapping[str, Features], rendered: Rendered
) -> _TaskResult:
    """Mine, train with each dataset, and test."""
    candidates = Candidates(seen["candidates"], rendered.families, rendered.fingerprints)
    first = trainer.train(seen[BASELINE][: setup.count // 2])
    each = setup.candidates
    rounds = [range(start, start + each) for start in range(0, ROUNDS * each, each)]
    one = mine(trainer, first, candidates, setup.count, rounds[:1])
    several = mine(trainer, first, candidates, setup.count, rounds)
    models = [trainer.train(each) for each in _datasets(setup.count, seen, one, several)]
    return _TaskResult(
        np.stack([model.find(seen["photographs"]) for model in models]),
        np.stack([model.find(seen["held out"]) for model in models]),
        one,
        several,
    )


def _datasets(
    count: int, seen: Mapping[str, Features], one: Mined, several: Mined
) -> Sequence[Features]:
    """Return the negatives of each row."""
    candidates, scenes = seen["candidates"], seen["scenes"]
    structured = seen[BASELINE][: count - len(scenes)]
    return (
        seen[BASELINE],
        seen["uniform"],
        candidates[:count],
        candidates[one.indices],
        candidates[several.indices],
        np.concatenate([scenes, structured]),
    )
