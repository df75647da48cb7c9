"""Families agree with the originals that they cite, as ``docs/originals.md`` says."""

from pathlib import Path

import pytest

from benchmarks.originals.__main__ import measure, row
from benchmarks.originals.figures import FIGURES, Figure

PAGE = Path(__file__).parents[2] / "docs/originals.md"


@pytest.mark.parametrize(
    "figure", [each for each in FIGURES if each.quick],
    ids=lambda figure: f"{figure.member} {figure.statistic}",
)  # fmt: skip
def test_a_family_has_the_figure_of_its_original(figure: Figure) -> None:
    ours = measure(figure)

    assert abs(ours - figure.original) <= figure.tolerance, f"{ours} is not {figure.original}"
    assert row(figure, ours) in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_page_has_a_row_for_each_figure_and_no_other() -> None:
    first_table = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    rows = [line.split(" | ") for line in first_table.splitlines() if line.startswith("| `")]
    wanted = [row(figure, 0).split(" | ") for figure in FIGURES]
    for each in (*rows, *wanted):
        del each[4]
    assert rows == wanted
