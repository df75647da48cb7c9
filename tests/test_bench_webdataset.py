"""The benchmark of WebDataset shards: that its command runs and tells a ratio of each side."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_a_ratio_is_told_of_each_side(tmp_path: Path) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    argv = [sys.executable, "-m", "tests.bench.webdataset", "--count", "9", "--rounds", "1"]
    argv += ["--scratch", str(tmp_path)]
    _, *rows = subprocess.check_output(argv, cwd=ROOT, text=True).splitlines()

    assert len(rows) == 3
    for row in rows:
        assert re.search(r"\d\.\d\d \(\d+\.\d\d\.\.\d+\.\d\d\)", row), row
    assert list(tmp_path.iterdir()) == []
