"""The benchmark of the families: what its references draw, and that its command runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelgen import parts
from pixelgen.families import Family
from tests.bench.references import REFERENCES, Reference

ROOT = Path(__file__).parents[1]
WITHOUT_SCIPY = """
import runpy, sys
sys.modules["scipy"] = None
runpy.run_module("tests.bench.families", run_name="__main__")
"""


def bench(*arguments: object) -> list[str]:
    """Run Python at the root of the repository and return the lines it prints."""
    argv = [sys.executable, *map(str, arguments), "--rounds", "1", "--seconds", "0.01"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.check_output(argv, cwd=ROOT, env=environment, text=True).splitlines()


@pytest.mark.parametrize("side", [12, 33])
@pytest.mark.parametrize(
    "reference", [r for r in REFERENCES if r.draw], ids=lambda r: f"{r.family} {r.name}"
)
def test_a_reference_draws_levels_that_differ_from_image_to_image(
    reference: Reference, side: int
) -> None:
    assert reference.draw
    if "scipy" in reference.name:
        pytest.importorskip("scipy")
    images = [reference.draw(side) for _ in range(8)]
    for pixels in images:
        assert pixels.dtype == np.uint8
        assert pixels.shape == (side, side, 3)
    assert len({pixels.tobytes() for pixels in images}) > 1
    if reference.family != "solid":
        assert max(np.ptp(pixels) for pixels in images) > 64


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda r: f"{r.family} {r.name}")
def test_a_reference_stands_beside_a_family(reference: Reference) -> None:
    parts.parse(Family, reference.family)


def test_the_command_prints_a_row_and_keeps_its_figures(tmp_path: Path) -> None:
    kept = tmp_path / "speeds.json"
    lines = bench(
        "-m", "tests.bench.families", "--sizes", "16", "--families", "uniform", "--json", kept
    )
    rows = [line.split() for line in lines if line.startswith("uniform")]
    assert [row[:2] for row in rows] == [["uniform", "16"]] * 2
    results = json.loads(kept.read_text())
    assert [result["reference"] for result in results] == ["as pytorch-ood", "numpy integers"]
    for result in results:
        [[ours, theirs]] = result["rounds"]
        assert ours > 0
        assert theirs > 0


def test_without_scipy_a_row_says_so() -> None:
    lines = bench("-c", WITHOUT_SCIPY, "--sizes", "16", "--families", "^voronoi")
    [row] = [line for line in lines if line.startswith("voronoi")]
    assert "skipped: scipy is not installed" in row
