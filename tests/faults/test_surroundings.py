"""Locales, terminals, homes, clocks and masks: neither result nor dataset changes."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND
from tests.support.surroundings import (
    CODES,
    COMMANDS,
    MAIN,
    MAKE,
    RESULTS,
    assert_datasets,
    assert_intact,
    assert_no_traceback,
    shell,
)

pytestmark = pytest.mark.faults


AROUND: dict[str, dict[str, str]] = {
    "LC_ALL=C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "LANG": "POSIX", "PYTHONUTF8": "0"},
    "no such locale": {"LC_ALL": "xx_YY.nonsense", "LANG": "zz"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
    "unbuffered": {"PYTHONUNBUFFERED": "1"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
    "hash seed": {"PYTHONHASHSEED": "7"},
    "dumb": {"TERM": "dumb", "NO_COLOR": "1"},
    "forced colour": {"FORCE_COLOR": "1", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"},
    "no terminal": {"TERM": "", "COLUMNS": "0", "LINES": "-1"},
    "a column": {"COLUMNS": "1"},
    "columns of nonsense": {"COLUMNS": "wide"},
    "no home": {"HOME": "", "XDG_CONFIG_HOME": "/nonexistent", "XDG_CACHE_HOME": "/dev/null"},
    "home in a file": {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/proc/1"},
    "no TMPDIR": {"TMPDIR": "/nonexistent", "TEMP": "/dev/null", "TMP": ""},
    "no PATH": {"PATH": ""},
    "TZ of nonsense": {"TZ": ":/nonexistent"},
    "TZ far east": {"TZ": "<+26>-26"},
    "TZ with leap seconds": {"TZ": "right/UTC"},
    "TZ endless": {"TZ": "A" * 5000},
    "CI": {"CI": "true"},
    "a shell that completes": {"_PIXELGEN_COMPLETE": ""},
    "jobs of BLAS": {"OPENBLAS_NUM_THREADS": "0", "OMP_NUM_THREADS": "nonsense"},
    "warnings": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "0"},
}
STEADY = ("generate", "verify --json", "preview", "list", "a mistake --json")


@pytest.mark.parametrize("name", AROUND)
def test_the_environment_changes_neither_result_nor_dataset(
    workspace: Path, intact: Path, name: str
) -> None:
    another = STEADY[1:][list(AROUND).index(name) % len(STEADY[1:])]
    for kind in ("generate", another):
        done = shell(workspace, f"exec {COMMAND} {COMMANDS[kind]}", **AROUND[name])
        assert done.returncode == CODES.get(kind, 0), done.stderr
        assert_no_traceback(done)
        assert re.fullmatch(RESULTS[kind], done.stdout.decode(errors="replace")), done.stdout
        if kind != "preview":
            assert b"\x1b" not in done.stdout + done.stderr
        assert_datasets(workspace, intact, kind, done.returncode)


def test_no_environment_at_all_is_enough(workspace: Path, intact: Path) -> None:
    for kind in STEADY:
        done = shell(workspace, f"exec env -i {COMMAND} {COMMANDS[kind]}")
        assert done.returncode == CODES.get(kind, 0), done.stderr
        assert_no_traceback(done)
    assert_intact(workspace / "negatives", intact)


@pytest.fixture(scope="module")
def clock() -> list[str]:
    """The command that sets another clock, tried out, or skip."""
    if shutil.which("faketime") is None:
        pytest.skip("clock: there is no faketime")
    done = subprocess.run(
        ["faketime", "2001-02-03 04:05:06", "date", "+%Y"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.stdout.strip() != "2001":
        pytest.skip(f"clock: faketime does not work ({done.stderr.strip()})")
    return ["faketime"]


@pytest.mark.parametrize(
    "moment",
    ["1970-01-01 00:00:01", "2001-02-03 04:05:06", "2016-12-31 23:59:59", "2038-01-19 03:14:06"],
)
def test_a_dataset_does_not_depend_on_the_clock(
    workspace: Path, intact: Path, clock: list[str], moment: str
) -> None:
    done = shell(workspace, f"faketime '{moment}' {COMMAND} {MAKE} && {COMMAND} {MAKE}", TZ="UTC")

    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert re.search(rb"(?<!\S)-\d", done.stderr) is None, "a negative time or speed"
    assert_intact(workspace / "negatives", intact)


@pytest.mark.parametrize("shift", ["86400", "-1"])
def test_a_shifted_monotonic_clock_changes_nothing(
    workspace: Path, intact: Path, shift: str
) -> None:
    inside = ["unshare", "-r", "--time", "--fork", "--monotonic", shift]
    probe = subprocess.run([*inside, "true"], check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"monotonic clock: unshare --time is not allowed ({probe.stderr.strip()})")
    done = shell(workspace, f"exec {' '.join(inside)} {COMMAND} {MAKE}")

    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert_intact(workspace / "negatives", intact)


def test_a_read_only_home_is_enough(workspace: Path, intact: Path) -> None:
    inside = 'unshare -rm bash -c \'mount -t tmpfs -o ro tmpfs "$HOME" && '
    if shell(workspace, f"{inside} true'").returncode != 0:
        pytest.skip("read-only home: a tmpfs cannot be mounted in a namespace of one's own")
    home = workspace / "home"
    home.mkdir()
    done = shell(workspace, f"{inside} exec {COMMAND} {MAKE}'", HOME=str(home))

    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert_intact(workspace / "negatives", intact)


@pytest.mark.parametrize("kind", MAIN)
def test_a_removed_working_directory_is_reported_in_one_line(workspace: Path, kind: str) -> None:
    (workspace / "gone").mkdir()
    done = shell(workspace, f"cd gone && rmdir ../gone && exec {COMMAND} {COMMANDS[kind]}")
    needs_none = ("list", "list --json", "help", "stream", "generate --dry-run")

    assert_no_traceback(done)
    if kind in needs_none:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode in (1, 2), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_an_absolute_path_needs_no_working_directory(workspace: Path, intact: Path) -> None:
    (workspace / "gone").mkdir()
    made = f"{COMMAND} {MAKE} -o {workspace}/negatives"
    done = shell(
        workspace, f"cd gone && rmdir ../gone && {made} && {COMMAND} verify {workspace}/negatives"
    )

    assert done.returncode == 0, done.stderr
    assert_intact(workspace / "negatives", intact)


@pytest.mark.parametrize("mask", ["000", "022", "077", "027", "002"])
def test_files_and_folders_get_the_modes_of_the_umask(workspace: Path, mask: str) -> None:
    layout = "tar" if mask.endswith("7") else "files"
    done = shell(workspace, f"umask {mask}; exec {COMMAND} {MAKE} --layout {layout} -o out/set")
    hidden = int(mask, 8)

    assert done.returncode == 0, done.stderr
    for path in (workspace / "out", *(workspace / "out").rglob("*")):
        whole = 0o777 if path.is_dir() else 0o666
        assert path.stat().st_mode & 0o7777 == whole & ~hidden, path


@pytest.mark.parametrize("mask", ["0777", "0277", "0477"])
def test_a_umask_that_forbids_everything_causes_no_traceback(workspace: Path, mask: str) -> None:
    done = shell(workspace, f"umask {mask}; exec {COMMAND} {MAKE}")

    assert done.returncode in (0, 1), done.stderr
    assert_no_traceback(done)


def test_files_in_a_setgid_folder_inherit_its_group(workspace: Path, intact: Path) -> None:
    shared = workspace / "shared"
    shared.mkdir()
    try:
        os.chown(shared, -1, 65534)
    except PermissionError:
        pytest.skip("set-group-id folder: this user may not give a folder another group")
    shared.chmod(0o2775)
    assert shell(workspace, f"{COMMAND} {MAKE} -o shared/set").returncode == 0

    assert {path.stat().st_gid for path in shared.rglob("*")} == {65534}
    assert_intact(shared / "set", intact)
