"""The benchmark of durabilities: that its command runs and tells a ratio of each."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_ratio_is_told_of_each_durability_and_set(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.bench.durability", "--count", "3", "--rounds", "1"]
    argv += ["--scratch", str(tmp_path)]
    head, *rows = subprocess.check_output(argv, cwd=ROOT, text=True).splitlines()

    assert head.split()[-2:] == ["commit", "each"]
    assert len(rows) == 3
    for row in rows:
        assert len(re.findall(r"\d\.\d\d \(\d+\.\d\d\.\.\d+\.\d\d\)", row)) == 2, row
    assert list(tmp_path.iterdir()) == []
