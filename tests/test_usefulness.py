"""The comparison of negatives: that it is paired, keeps photographs apart and refuses bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelgen
from benchmarks.usefulness.images import Negatives, cut_crops, read_negatives
from benchmarks.usefulness.objects import (
    Objects,
    Scenes,
    draw_digits_in_scenes,
    draw_eyes,
    draw_faces,
    draw_plain_digits,
)
from benchmarks.usefulness.ratios import compare
from benchmarks.usefulness.tasks import TASKS, Detector, pixels
from benchmarks.usefulness.trials import Setup, Trial, run_trial
from pixelgen import Job
from pixelgen.errors import BadValue
from tests.support.command import ROOT, Done

RUN = "import runpy; runpy.run_module('benchmarks.usefulness', run_name='__main__')"
WITHOUT = f"import sys; sys.modules['skimage'] = None; {RUN}"
Draw = Callable[[np.random.Generator, Scenes], Objects]


@pytest.fixture
def packages() -> None:
    """Skip a test where the packages are missing."""
    for name in ("sklearn", "skimage"):
        pytest.importorskip(name, reason="scikit-learn or scikit-image is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with datasets of uniform noise and of dead leaves, in two layouts."""
    path = tmp_path_factory.mktemp("negatives")
    for name, family, layout in (("a", "uniform", "files"), ("b", "dead_leaves", "webdataset")):
        job = Job(count=12, size=25, family=family, layout=layout)
        pixelgen.generate(job, path / name, jobs=1)
    return path


def usefulness(folder: Path, *arguments: str, code: str = RUN) -> Done:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        argv, check=False, cwd=folder, env=environment, capture_output=True, text=True
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.cli
@pytest.mark.slow
def test_a_dataset_is_compared_with_itself_and_with_others(packages: None, folder: Path) -> None:
    options = ("--seeds", "2", "--jobs", "1", "--only", "eyes|faces, linear", "--json", "kept.json")
    done = usefulness(folder, "a", "a", "b", *options)
    assert done.returncode == 0, done.stderr
    assert "relative to a." in done.stdout
    assert "12 negatives of each dataset, 2 seeds, 17 photographs" in done.stdout
    assert "2/2" in done.stderr  # its progress
    by_situation, by_task = done.stdout.split("\n\n")[1:3]
    for table, columns in ((by_situation, 3), (by_task, 3)):
        head, _, baseline, itself, *others = map(cells, table.splitlines())
        assert len(head) == columns
        assert baseline[0] == "`a`"
        assert baseline[1].startswith("1 (")
        assert itself == ["`a`", *["1.00 [1.00, 1.00]"] * (columns - 1)]
        assert [row[0] for row in others] == ["`b`", "other photographs", "own scenes"]
    kept: dict[str, Any] = json.loads((folder / "kept.json").read_text())
    assert np.shape(kept["rates"]) == (5, 2, 2)
    assert [task["name"] for task in kept["tasks"]] == ["faces, linear SVM on HOG", "eyes, RBF SVM"]


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("absent",), "absent"),
        (("empty",), "empty has no images: give a folder with files that end in"),
        (("few",), "few has 1 images: at least 10 are needed; give a larger dataset"),
        (("broken",), "is not an image that can be read"),
        (("a", "--photographs", "absent"), "absent is not a folder"),
        (("a", "--photographs", "few"), "has 8x8 pixels: each side must be at least 50"),
        (("a", "--scenes", "8"), "--scenes 8: must be at most 7, as there are 17 photographs"),
        (("a", "--only", "cars"), "--only 'cars' matches no task: it must match one of"),
        (("a", "--only", "("), "'(' is not a regular expression"),
        (("a", "--seeds", "1"), "argument --seeds: '1': must be a whole number from 2"),
        ((), "the following arguments are required: DATASET"),
    ],
)
def test_bad_input_is_one_clear_line(
    packages: None, folder: Path, arguments: tuple[str, ...], problem: str
) -> None:
    for name in ("empty", "few", "broken"):
        (folder / name).mkdir(exist_ok=True)
    Image.new("L", (8, 8)).save(folder / "few" / "1.png")
    (folder / "broken" / "1.png").write_bytes(b"not an image")
    done = usefulness(folder, *arguments)
    assert done.returncode == 2
    assert problem in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.cli
def test_missing_packages_are_named(folder: Path) -> None:
    done = usefulness(folder, "a", code=WITHOUT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("is missing: pip install scikit-learn scikit-image\n")


def test_folders_are_read_with_those_in_them(folder: Path, tmp_path: Path) -> None:
    assert read_negatives(str(folder / "a")).patches.shape == (12, 25, 25)
    assert read_negatives(str(folder / "b")).patches.shape == (12, 25, 25)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.new("RGBA", (60, 40), (255, 0, 0, 9)).save(tmp_path / "deep" / "er" / "1.PNG")
    Image.new("L", (25, 25), 7).save(tmp_path / "2.png")
    patches = read_negatives(str(tmp_path)).patches
    assert sorted(np.unique(patches).tolist()) == [7, 76]
    with pytest.raises(BadValue):
        read_negatives(str(tmp_path / "absent"))


def test_deep_and_gray_datasets_are_read(tmp_path: Path) -> None:
    job = Job(count=10, size=25, mode="L")
    pixelgen.generate(job, tmp_path / "8", jobs=1)
    pixelgen.generate(Job(count=10, size=25, depth=16, format="npy"), tmp_path / "16", jobs=1)
    assert (read_negatives(str(tmp_path / "8")).patches[3] == job[3][:, :, 0]).all()
    assert read_negatives(str(tmp_path / "16")).patches.std() > 30


def test_crops_are_of_all_sizes_and_places() -> None:
    across = np.tile(np.arange(200, dtype=np.uint8), (120, 1))
    crops = cut_crops(across, 300, np.random.default_rng(0))
    widths = np.ptp(crops[:, 12].astype(int), axis=1)
    assert crops.shape == (300, 25, 25)
    assert (widths.min(), widths.max()) == pytest.approx((24, 58), abs=3)
    assert crops.min() < 10
    assert crops.max() > 190


def trial(*found: int) -> Trial:
    """Return the trial of one task, and of datasets with so many false positives.

    They are spread over 20 photographs of 10 crops; 20 more are of the training half.
    """
    counts = [np.histogram(np.arange(count) % 20, 40, (0, 40))[0] for count in found]
    return Trial(np.stack(counts)[:, None], np.repeat([10, 0], 20))


def test_ratios_are_paired_by_seed() -> None:
    comparison = compare([trial(10, 20, 10), trial(40, 80, 40), trial(20, 40, 20)])
    doubled, same = comparison.ratio(1, [0]), comparison.ratio(2, [0])
    assert doubled.low < doubled.value < doubled.high
    assert (doubled.low, doubled.high) == pytest.approx((2, 2), rel=0.3)
    assert str(same) == "1.00 [1.00, 1.00]"
    assert comparison.rate([0]) == pytest.approx(70 / 600, abs=0.01)


def test_datasets_without_false_positives_have_finite_ratios() -> None:
    ratio = compare([trial(0, 10), trial(10, 0)]).ratio(1, [0])
    assert 0 < ratio.low < 1 < ratio.high < 100


class Indifferent(Detector):
    """Takes everything for an object."""

    def score(self, model: Any, inputs: Any) -> Any:
        return np.zeros(len(inputs))


def test_no_photograph_is_in_both_halves(packages: None) -> None:
    rng = np.random.default_rng(1)
    photographs = [rng.integers(0, 256, (60, 60), np.uint8) for _ in range(9)]
    task = Indifferent("all", draw_eyes, pixels, TASKS[0].build, side=10)
    negatives = Negatives("noise", rng.integers(0, 256, (20, 25, 25), np.uint8))
    result = run_trial(Setup([negatives], photographs, [task], 10, 2), 3)
    assert result.false_positives.shape == (3, 1, 9)
    assert (result.crops > 0).sum() == 5
    assert (result.false_positives == result.crops).all()
    assert run_trial(Setup([negatives], photographs, [task], 10, 2), 4).crops.tolist() != (
        result.crops.tolist()
    )


@pytest.mark.parametrize(
    ("draw", "shape", "classes"),
    [
        (draw_faces, (100, 25, 25), 1),
        (draw_eyes, (100, 10, 10), 1),
        (draw_plain_digits, (800, 25, 25), 10),
        (draw_digits_in_scenes, (800, 25, 25), 10),
    ],
)
def test_objects_are_drawn_by_the_seed(
    packages: None, draw: Draw, shape: tuple[int, ...], classes: int
) -> None:
    noise = [*np.random.default_rng(0).integers(0, 256, (4, 60, 60), np.uint8)]
    scenes = Scenes(noise[:2], noise[2:])
    one, again, other = (draw(np.random.default_rng(seed), scenes) for seed in (5, 5, 6))
    assert one.train.shape == shape
    assert one.held_out.shape[1:] == shape[1:]
    assert np.unique(one.labels).tolist() == [*range(classes)]
    assert (one.train == again.train).all()
    assert (one.train != other.train).any()
    held_out = {patch.tobytes() for patch in one.held_out}
    assert not held_out & {patch.tobytes() for patch in one.train}
