"""Scores, family by family: their quantiles, rates and intervals."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelgen
from pixelgen.errors import PixelgenError
from pixelgen.scoring.audit import Audit, FamilyScores, ScoredImage, wilson_interval
from pixelgen.scoring.base import Score


# Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_intervals_are_those_that_were_published(
    hits: int, count: int, low: float, high: float
) -> None:
    assert wilson_interval(hits, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.integers(0, 500))
def test_an_interval_holds_the_rate_and_lies_between_0_and_1(count: int, hits: int) -> None:
    hits = min(hits, count)
    low, high = wilson_interval(hits, count)
    assert 0 <= low <= hits / count + 1e-12
    assert hits / count - 1e-12 <= high <= 1


def test_the_scores_of_a_family_are_described() -> None:
    scores = [Score(number / 100, "cat" if number < 98 else "dog") for number in range(101)]
    found = FamilyScores.of("uniform", scores, 0.9)
    assert found.quantiles == (0.5, 0.9, 0.99)
    assert (found.images, found.fooled, found.highest) == (101, 11, 1.0)
    assert found.predicted == "cat"
    assert FamilyScores.of("uniform", scores, 0.98).predicted == "dog"
    assert FamilyScores.of("uniform", scores[:50], 0.98).predicted == "cat"


def test_families_that_fool_a_model_most_often_are_first() -> None:
    scored = [ScoredImage(family, Score(value, "")) for family, value in
              (("a", 0.1), ("b", 0.9), ("b", 0.1), ("c", 0.9), ("d", 0.2))]  # fmt: skip
    audit = Audit.of(scored, 0.5)
    assert [each.family for each in audit.families] == ["c", "b", "d", "a"]
    assert (audit.overall.images, audit.overall.fooled) == (5, 2)
    assert [each.family for each in audit.above(0.5)] == ["c"]
    assert [each.family for each in audit.above(0.0)] == ["c", "b"]


def test_a_run_that_is_stopped_at_once_has_no_audit(
    bright: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job, model = pixelgen.Job(count=3, size=8), pixelgen.load_model(bright)
    with pytest.raises(PixelgenError, match="stopped before any image was scored; run it again"):
        pixelgen.score(job, model, run=pixelgen.RunConfig(stopped=lambda: True))
    assert pixelgen.score(job, model).overall.images == 3
