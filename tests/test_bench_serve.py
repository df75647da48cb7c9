"""The benchmark of the server: that its command runs and tells both ratios of each side."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="binds processes to cores")
def test_ratios_are_told_of_each_side() -> None:
    pytest.importorskip("granian", reason="granian is not installed")
    argv = [sys.executable, "-m", "tests.bench.serve", "--seconds", "0.1", "--rounds", "1"]
    argv += ["--images", "^300x300 (PNG|JPEG)$"]
    _, *rows = subprocess.check_output(argv, cwd=ROOT, text=True).splitlines()

    assert len(rows) == 6
    for row in rows:
        assert len(re.findall(r"\d\.\d\d \(\d+\.\d\d\.\.\d+\.\d\d\)", row)) == 2, row
