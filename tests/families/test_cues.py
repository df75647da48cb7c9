"""No family has a trivial cue that its original lacks, as ``docs/originals.md`` says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.originals.__main__ import CUES_HEAD, cues_row
from benchmarks.originals.cues import (
    HALVINGS,
    ORIGINALS,
    SETS,
    Comparison,
    cues,
    find_photographs,
    original_cues,
    photograph_cues,
    separability,
)
from pixelgen.job import Job

PAGE = Path(__file__).parents[2] / "docs/originals.md"


def cells(line: str) -> list[str]:
    """Return the cells of a row, "|" within them as "¦"."""
    return line.replace(r"\|", "¦").strip("| ").split(" | ")


def rows() -> list[list[str]]:
    """Return the rows of the table of cues."""
    table = PAGE.read_text(encoding="utf-8").partition(CUES_HEAD)[2]
    return [cells(line) for line in table.splitlines()]


def test_the_page_has_a_row_for_each_original_and_no_other() -> None:
    same = Comparison(np.zeros(HALVINGS), np.zeros(HALVINGS))
    wanted = [cells(cues_row(each, dict.fromkeys(SETS, same))) for each in ORIGINALS]

    assert [(*row[:2], row[-1]) for row in rows()] == [(*row[:2], row[-1]) for row in wanted]


def test_no_family_is_separated_from_photographs_better_than_its_original() -> None:
    for row in rows():
        difference, margin = row[-2].split(" ±")
        assert float(difference) <= float(margin), row


def test_each_original_has_cues_of_its_images() -> None:
    kept = original_cues()

    assert [*kept] == [original.name for original in ORIGINALS]
    for name, numbers in kept.items():
        assert len(numbers) >= 40, name
        assert (numbers >= 0).all(), name
        assert (numbers.max(axis=0) <= (255, 127.5, 1, 1)).all(), name


def test_cues_are_mean_contrast_and_the_shares_of_both_ends() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0] = 255
    image[..., 2] = 100

    assert cues([image]) == pytest.approx(np.array([[355 / 3, 255 / 3, 1 / 3, 1 / 3]]))


def test_a_classifier_tells_noise_but_not_photographs_from_photographs(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    for number, pixels in enumerate(Job(count=20, size=32, family="dead_leaves")):
        Image.fromarray(pixels).save(tmp_path / f"{number}.PNG")
    (tmp_path / "notes.txt").write_text("not an image")
    photographs = photograph_cues(tuple(find_photographs(tmp_path)), 32)
    noise = cues(Job(count=40, size=32))
    others = cues(Job(count=40, size=32, seed=1, family="dead_leaves"))

    assert len(photographs) == 20
    assert {each.shape for each in photographs} == {(20, 4)}
    assert separability(noise, photographs, seed=0) > 0.9
    assert separability(others, photographs, seed=0) < 0.7


def test_photographs_smaller_than_the_crops_are_left_out(tmp_path: Path) -> None:
    for side in (16, 32):
        Image.new("L", (side, 40), 100).save(tmp_path / f"{side}.png")

    (found,) = photograph_cues((tmp_path / "16.png", tmp_path / "32.png"), 32)
    assert found.shape == (400, 4)
    assert (found == (100, 0, 0, 0)).all()
