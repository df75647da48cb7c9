"""``pixelgen score``: as users run it, with a function in place of a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelgen
from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from tests.support.command import Run

FAMILIES = ("--family", "uniform", "--family", "solid", "--family", "gradient=2")


def json_of(run: Run, *arguments: object) -> dict[str, Any]:
    done = run("score", *arguments, "--json", "-q")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_scores_are_those_of_the_images_whoever_computes_them(bright: str, run: Run) -> None:
    options = ("--model", bright, *FAMILIES, "-n", 900, "-s", "24x16", "--seed", 7)
    found = json_of(run, *options, "-j", 1)
    for jobs in (2, 8):
        assert json_of(run, *options, "-j", jobs) == found
    job = pixelgen.Job(count=900, size="24x16", seed=7, family=["uniform", "solid", "gradient=2"])
    means = np.array([round(float(image.mean() / 255), 4) for image in job])
    assert found["all"]["fooled"] == (means >= 0.5).sum()
    assert found["all"]["highest"] == means.max()
    assert found["all"]["images"] == 900
    assert {each["family"]: each["images"] for each in found["families"]} == {
        "uniform": 225, "solid": 225, "gradient": 450,
    }  # fmt: skip
    assert {each["predicted"] for each in found["families"]} == {"day"}
    solid = next(each for each in found["families"] if each["family"] == "solid")
    assert found["families"][0] == solid or solid["rate"] <= found["families"][0]["rate"]


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=7"])
def test_a_dataset_has_the_scores_of_its_job(layout: str, bright: str, run: Run) -> None:
    images = (*FAMILIES, "-n", 50, "-s", 20, "--mode", "LA", "--color", "red")
    assert run("generate", *images, "--layout", layout, "-o", "out", "-q").returncode == 0
    assert json_of(run, "out", "--model", bright) == json_of(run, *images, "--model", bright)


def test_images_of_a_format_with_losses_are_scored_as_they_are_read(
    bright: str, run: Run, tmp_path: Path
) -> None:
    images = ("--family", "uniform", "-n", 6, "-s", 24, "-f", "jpeg:quality=1")
    found = json_of(run, *images, "--model", bright)
    assert run("generate", *images, "-o", "out", "-q").returncode == 0
    read = [np.asarray(Image.open(each)).mean() for each in (tmp_path / "out/images").iterdir()]
    assert found["all"]["highest"] == round(float(max(read) / 255), 4)
    plain = json_of(run, *images[:-2], "--model", bright)
    assert found["all"]["highest"] != plain["all"]["highest"]


def test_the_table_has_a_line_for_each_family(bright: str, run: Run) -> None:
    done = run("score", "--model", bright, *FAMILIES, "-n", 40, "-s", 8)
    head, *lines = done.stdout.splitlines()
    assert head.split()[:2] == ["family", "images"]
    assert ">= 0.5" in head
    assert {line.split()[0] for line in lines} == {"uniform", "solid", "gradient", "all"}
    assert "model: " in done.stderr
    assert len({len(line.rstrip()) - len(line.split()[-1]) for line in lines}) == 1  # aligned


def test_the_size_and_the_family_are_chosen_where_none_is_given(bright: str, run: Run) -> None:
    found = json_of(run, "--model", bright, "-n", 28, "-s", 32)
    assert len(found["families"]) > 5


def test_a_rate_above_the_limit_is_exit_code_3(bright: str, run: Run) -> None:
    options = ("score", "--model", bright, "--family", "solid:tone=white", "--family",
               "solid:tone=black", "-n", 10, "-s", 8, "--json")  # fmt: skip
    assert run(*options, "--max-rate", 0.5).returncode == 0
    done = run(*options, "--max-rate", 0.49)
    assert done.returncode == 3
    assert "5 of 10 images of solid fool the model" in done.stderr
    assert json.loads(done.stdout)["above_max_rate"] == ["solid"]


def positives(folder: Path, levels: list[int]) -> None:
    folder.mkdir()
    for number, level in enumerate(levels):
        size = (10 + number, 12)
        Image.new("RGB", size, (level,) * 3).save(folder / f"{number}.png")


def test_a_threshold_is_found_that_most_positives_reach(
    bright: str, run: Run, tmp_path: Path
) -> None:
    positives(tmp_path / "objects", [51 + 2 * number for number in range(101)])
    options = ("--model", bright, "--family", "solid", "-n", 9, "-s", 8, "--positives", "objects")
    found = json_of(run, *options, "--threshold", "tpr95")
    assert found["threshold"] == pytest.approx(61 / 255)
    assert json_of(run, *options, "--threshold", "tpr50")["threshold"] == pytest.approx(151 / 255)


def test_a_model_that_misses_the_objects_is_refused(bright: str, run: Run, tmp_path: Path) -> None:
    positives(tmp_path / "objects", [10, 20, 250])
    done = run("score", "--model", bright, "-n", 9, "-s", 8, "--positives", "objects")
    assert done.returncode == 2
    assert "the median score of 3 images in 'objects' is 0.0784, below 0.5" in done.stderr
    assert "--mean" in done.stderr
    assert done.stdout == ""
    assert run("score", "--model", bright, "-n", 9, "-s", 8, "--positives", "objects",
               "--threshold", "0.05").returncode == 0  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--threshold", "tpr95"), "needs images of your objects; give --positives DIR"),
     (("--threshold", "high"), "must be a number of 0 … 1, or tpr95"),
     (("--threshold", "1.5"), "must be a number of 0 … 1, or tpr95"),
     (("--threshold", "nan"), "must be a number of 0 … 1, or tpr95"),
     (("-n", "0"), "must be at least 1"),
     (("out", "-s", "9"), "cannot be combined with a dataset"),
     (("missing",), "missing"),
     (("--positives", "missing"), "cannot read the source missing"),
     (("--input-size", "big"), "must be like 640x640, or 640"),
     (("--mean", "1,2"), "must be one number, or three")],
)  # fmt: skip
def test_mistakes_are_refused_in_one_line(
    options: tuple[str, ...], message: str, bright: str, run: Run
) -> None:
    done = run("score", "--model", bright, *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_python_scores_jobs_and_datasets(
    bright: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = pixelgen.Job(count=30, size=16, family="solid")
    model = load_model(bright, ModelOptions())
    audit = pixelgen.score(job, model, threshold=0.25)
    assert audit.overall.fooled == sum(image.mean() >= 0.25 * 255 for image in job)
    pixelgen.generate(job, "out", jobs=1)
    assert pixelgen.score("out", model, threshold=0.25) == audit
    with pytest.raises(BadValue, match="no images to score"):
        pixelgen.score(pixelgen.Job(count=0), model)


def test_a_folder_of_other_images_is_scored(bright: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos/night").mkdir(parents=True)
    for number, (name, level) in enumerate([("a", 10), ("b", 200), ("night/c", 90)]):
        Image.new("RGB", (9 + number, 9), (level,) * 3).save(tmp_path / f"photos/{name}.png")
    found = json_of(run, "photos", "--model", bright)
    assert found["all"]["images"] == 3
    assert found["all"]["fooled"] == 1
    assert [each["family"] for each in found["families"]] == ["photos"]
    api = pixelgen.score(tmp_path / "photos", lambda images: images.mean(axis=(1, 2, 3)) / 255)
    assert api.overall.highest == found["all"]["highest"] == round(200 / 255, 4)
    (tmp_path / "empty").mkdir()
    assert run("score", "empty", "--model", bright).returncode == 2


def test_what_a_model_prints_is_not_on_stdout(run: Run, tmp_path: Path) -> None:
    hook = "def score(images):\n    print('scored')\n    return [0.5] * len(images)\n"
    (tmp_path / "loud.py").write_text("print('imported')\n" + hook)
    done = run("score", "--model", "loud:score", "-n", 3, "-s", 8, "-j", 1, "--json")
    assert json.loads(done.stdout)["all"]["images"] == 3
    assert "imported" in done.stderr
    assert "scored" in done.stderr


def test_nan_is_not_a_share(bright: str, run: Run) -> None:
    done = run("score", "--model", bright, "-n", 3, "--max-rate", "nan")
    assert done.returncode == 2
    assert "must be a number of 0 … 1" in done.stderr
