"""The script of all checks, whose last line counts the tests of several runs, and that of arm64."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, Done

pytestmark = pytest.mark.cli

SCRIPT = ROOT / ".ci/closing_line.py"
ARM64 = ROOT / ".ci/arm64"
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


def on_arm64(folder: Path, *lines: str) -> Done:
    """Run the script for arm64 in a small copy of the project, as a machine of that kind would."""
    for name in ("programs", ".ci", "tests"):
        (folder / name).mkdir()
    (folder / "programs/uname").write_text("#!/bin/sh\necho aarch64\n")
    (folder / "programs/uname").chmod(0o755)
    (folder / "pixelgen").symlink_to(ROOT / "pixelgen")
    shutil.copy(ARM64, folder / ".ci")
    for name in ("__init__.py", "fingerprints.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    (folder / "tests/fingerprints.txt").write_text("".join(line + "\n" for line in lines))
    programs = [str(folder / "programs"), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(programs), "TMPDIR": str(folder)}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [folder / ".ci/arm64"], check=False, capture_output=True, text=True, env=environment
    )


def promised(*names: str) -> list[str]:
    lines = (ROOT / "tests/fingerprints.txt").read_text().splitlines()
    return [line for line in lines if line.endswith(tuple(f" {name}" for name in names))]


@pytest.mark.slow
def test_arm64_counts_the_equal_fingerprints(tmp_path: Path) -> None:
    done = on_arm64(tmp_path, *promised("uniform", "solid"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("12 of 12 fingerprints are equal on ")
    assert not list(tmp_path.glob("tmp.*"))


@pytest.mark.slow
def test_arm64_names_the_line_that_differs(tmp_path: Path) -> None:
    good, bad = promised("uniform", "solid")
    wrong = bad.replace(bad[:12], "0" * 12)
    done = on_arm64(tmp_path, good, wrong)
    assert done.returncode == 1
    assert f"< {wrong}" in done.stdout
    assert f"> {bad}" in done.stdout
    assert good not in done.stdout


def test_arm64_says_that_fingerprints_could_not_be_drawn(tmp_path: Path) -> None:
    done = on_arm64(tmp_path, "000000000000 nonesuch")
    assert done.returncode == 2
    assert "could not be drawn on" in done.stderr


def test_arm64_is_valid_and_explained() -> None:
    done = subprocess.run(["bash", "-n", ARM64], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(ARM64, os.X_OK)
    assert "$ .ci/arm64\n" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
