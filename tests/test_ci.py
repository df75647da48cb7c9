"""The script of all checks: its last line counts the tests of several runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Done

pytestmark = pytest.mark.cli

SCRIPT = Path(__file__).parent.parent / ".ci" / "closing_line.py"
GOOD = "def test_a(): pass\ndef test_b(): pass\n"
BAD = "import pytest\ndef test_c(): assert 0\ndef test_d(): pytest.skip('no reason')\n"


def log(folder: Path, name: str, code: str) -> Path:
    """Run pytest on some tests and keep what it prints."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / f"test_{name}.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"test_{name}.py"]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True)
    (folder / name).write_bytes(done.stdout)
    return folder / name


def closing(*logs: Path) -> Done:
    return subprocess.run(
        [sys.executable, SCRIPT, *logs], check=False, capture_output=True, text=True
    )


def test_the_closing_line_adds_up_the_runs(tmp_path: Path) -> None:
    good = log(tmp_path, "good", GOOD)
    done = closing(good, good)
    assert (done.returncode, done.stderr) == (0, "")
    assert "= 4 passed in " in done.stdout


def test_a_failure_in_one_run_is_counted_and_is_the_exit_code(tmp_path: Path) -> None:
    done = closing(log(tmp_path, "good", GOOD), log(tmp_path, "bad", BAD))
    assert done.returncode == 1
    assert "= 1 failed, 2 passed, 1 skipped in " in done.stdout


@pytest.mark.parametrize("left", ["", "Segmentation fault\n"])
def test_an_incomplete_run_is_an_error(tmp_path: Path, left: str) -> None:
    (tmp_path / "cut").write_text(left)
    done = closing(log(tmp_path, "good", GOOD), tmp_path / "cut")
    assert done.returncode == 1
    assert "= 2 passed, 1 error in " in done.stdout
