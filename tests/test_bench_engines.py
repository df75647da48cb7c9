"""The benchmark of the engines runs, and tells every ratio."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
pytestmark = pytest.mark.engine


def test_it_runs_and_tells_every_ratio() -> None:
    options = ("--rounds", "1", "--images", "200", "--shards", "8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.engines", *options],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=300,
    )
    assert done.stdout.count(" : ") == 10
