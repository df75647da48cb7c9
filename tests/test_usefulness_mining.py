"""The experiment with mined negatives: what is chosen, round by round, and that it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelgen
from benchmarks.usefulness.mined import Candidates, mine
from benchmarks.usefulness.mining_trials import ROWS, held_out_families
from benchmarks.usefulness.objects import Scenes
from benchmarks.usefulness.tasks import TASKS
from benchmarks.usefulness.trials import Trainer
from pixelgen.families.presets import PRESETS
from tests.support.command import ROOT, Done


@pytest.fixture
def packages() -> None:
    """Skip a test where the packages are missing."""
    for name in ("sklearn", "skimage"):
        pytest.importorskip(name, reason="scikit-learn or scikit-image is not installed")


def mining(folder: Path, *arguments: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.usefulness.mining", *arguments],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.cli
@pytest.mark.slow
def test_mined_negatives_are_compared_with_others(packages: None, tmp_path: Path) -> None:
    done = mining(
        tmp_path, "--seeds", "2", "--negatives", "20", "--candidates", "40", "--jobs", "1",
        "--only", "eyes", "--json", "kept.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "20 negatives of each dataset, 2 seeds, 17 photographs, 40 candidates" in done.stdout
    assert "| eyes, RBF SVM (detector) | " in done.stdout
    for row in ROWS:
        # On photographs and on families: all tasks, and by task.
        assert sum(line.startswith(f"| {row} |") for line in done.stdout.splitlines()) >= 4
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert np.shape(kept["photographs"]) == np.shape(kept["families"]) == (len(ROWS), 1, 2)
    assert np.shape(kept["fooled"]) == (2, 3, 1)
    assert np.max(kept["mined"]) <= 0.6  # of 6 or 7 in a round, at most 3 or 4


@pytest.mark.cli
def test_too_few_candidates_are_refused(packages: None, tmp_path: Path) -> None:
    done = mining(tmp_path, "--negatives", "20", "--candidates", "19")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "error: --candidates 19: must be at least the 20 of --negatives; give more candidates"
    )


def test_no_held_out_family_is_trained_with_or_needs_images() -> None:
    families = held_out_families()
    members = [*PRESETS["classic"].members, *PRESETS["default"].members]
    trained = {member.partition(":")[0].partition("=")[0] for member in members}
    assert trained <= set(pixelgen.families())
    assert not trained & set(families)
    assert not {"crop", "patch_shuffle", "pixel_shuffle", "phase_scramble"} & set(families)
    assert {"glyphs", "facade", "voronoi"} < set(families)


def test_rounds_choose_from_their_own_candidates(packages: None) -> None:
    rng = np.random.default_rng(0)
    (task,) = (task for task in TASKS if task.name.startswith("eyes"))
    trainer = Trainer.draw(task, Scenes([], []), seed=0)
    noise = rng.integers(0, 256, (30, 10, 10), np.uint8)
    # Objects themselves fool any model, so that they are mined in every round.
    patches = np.concatenate([noise, trainer.objects.train[:30]])[rng.permutation(60)]
    names = [str(number) for number in range(60)]
    fingerprints = [number << 8 | number for number in range(60)]
    candidates = Candidates(task.view(patches), names, fingerprints)
    model = trainer.train(task.view(noise))
    chosen = mine(trainer, model, candidates, 10, [range(20), range(20, 40), range(40, 60)])
    assert np.histogram(chosen.indices, [0, 20, 40, 60])[0].tolist() == [3, 3, 4]
    assert len(set(chosen.indices.tolist())) == 10
    assert len(chosen.fooled) == 3
    assert min(chosen.fooled) > 0
    assert chosen.share == 0.6  # a half, rounded up in each round
