"""Files that somebody replaces during a run, or in a finished dataset."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.dataset.verify import check
from pixelgen.engines import Serial
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from tests.support.command import Run
from tests.support.datasets import remove_existing, write
from tests.support.faults import (
    PATIENCE,
    Process,
    wait_for,
)
from tests.support.planted import (
    FIRST,
    FORTY,
    NO_FILES,
    SHARD,
    SMALL,
    ForeignFiles,
    identities,
    identity,
    try_generate,
)

pytestmark = pytest.mark.faults


# Runs the command, and stops itself once its first shard is done.
PAUSED = """
import os, signal, sys
from pixelgen.__main__ import run
from pixelgen.cli.output import Progress

pauses = [signal.SIGSTOP]

def pause(self, images, size, count):
    while pauses:
        os.kill(os.getpid(), pauses.pop())

Progress.update = pause
run()
"""
DURING = ("generate", "-s", "1", "-j", "2", "-q", "-o", "set", "-n")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "text", "hard link"])
@pytest.mark.parametrize("name", ["images/010/010999.png", "images/010", MANIFEST, SUMS, JOURNAL])
def test_a_foreign_file_planted_during_a_run_is_not_overwritten(
    tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    process = subprocess.Popen(
        # The images beyond ten thousand are in folders of a thousand.
        [sys.executable, "-c", PAUSED, *DURING, "11000" if "/" in name else "3000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert wait_for(lambda: process.poll() is not None or is_stopped(process))
        assert not (out / name).exists() or name == JOURNAL, "the run was stopped too late"
        foreign.plant(
            "link to folder" if (name, kind) == ("images/010", "link") else kind, out / name
        )
        victims, before = foreign.snapshot(), identity(out / name)
        process.send_signal(signal.SIGCONT)
        said, complaint = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()

    assert foreign.snapshot() == victims
    assert "Traceback" not in complaint
    if name == "images/010" and kind == "folder":
        assert process.returncode == 0, complaint
        assert (out / "images/010/mine").read_text() == "mine"
        return
    assert said == ""
    assert len(complaint.splitlines()) == 1, complaint
    # A journal that somebody took away while the run is at work is a failure to write.
    assert process.returncode in ((1, 3) if name == JOURNAL else (3,)), complaint
    if not (name == JOURNAL and kind == "text"):
        assert identity(out / name) == before


def is_stopped(process: Process) -> bool:
    """Tell whether a process was stopped by a signal."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "empty", "hard link"])
@pytest.mark.parametrize("name", [FIRST, SHARD, MANIFEST, SUMS, PLAN])
def test_verify_reports_a_replaced_file_of_a_finished_dataset_without_blocking(
    tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    kind_of_set = "tar:per_shard=20" if name == SHARD else "files"
    assert try_generate(out, layout=kind_of_set, **FORTY) == (0, "")
    foreign.plant(kind, out / name)
    victims, before = foreign.snapshot(), identities(out)
    for deep in (False, True):
        code, output = verified(out, deep=deep)
        # A set whose manifest is no file of its own is one that is not finished.
        assert code == 3 or (name == MANIFEST and code == 1 and "finish" in output)
        assert name in output or code == 1
    with pytest.raises(Conflict):
        force(out, count=41, width=16, height=16, layout=kind_of_set)
    assert foreign.snapshot() == victims
    assert identities(out) == before


def verified(out: Path, *, deep: bool = False) -> tuple[int, str]:
    """Verify a dataset in this process; return the exit code, and what is damaged."""
    store = LocalStore(str(out))
    try:
        found = list(check(finished_plan(store), store, How(Serial()), deep=deep))
    except PixelgenError as error:
        return error.exit_code, str(error)
    damaged = [f"{name}: {what}" for checked in found for name, what in checked.damage]
    return 3 if damaged else 0, "\n".join(damaged)


def force(out: Path, **job: object) -> None:
    """Replace a dataset, as --force does."""
    store, new = LocalStore(str(out), "none"), Job.parse(**job)
    remove_existing(store, new, How(Serial()))
    write(new, store, How(Serial()))


@pytest.mark.parametrize("name", [FIRST, MANIFEST, SUMS, PLAN])
@pytest.mark.parametrize("kind", ["dangling", "pipe", "socket", "device"])
def test_the_verify_command_does_not_block_on_a_replaced_file(
    run: Run, tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    assert try_generate(tmp_path / "set", **FORTY) == (0, "")
    foreign.plant(kind, tmp_path / "set" / name)
    done = run("verify", "set")

    assert done.returncode in ((1, 3) if name == MANIFEST else (3,))
    assert "Traceback" not in done.stderr
    assert name in done.stdout + done.stderr or name == MANIFEST


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "empty", "hard link"])
def test_the_same_command_with_a_replaced_manifest_changes_no_foreign_file(
    tmp_path: Path, foreign: ForeignFiles, kind: str
) -> None:
    assert try_generate(tmp_path / "set", **FORTY) == (0, "")
    foreign.plant(kind, tmp_path / "set" / MANIFEST)
    victims = foreign.snapshot()
    code, line = try_generate(tmp_path / "set", **FORTY)

    assert code in (0, 3), line
    assert foreign.snapshot() == victims


@pytest.mark.parametrize("kind", ["dangling", "pipe", "socket", "folder", "text", "empty"])
def test_a_preview_of_a_dataset_with_a_replaced_file_is_one_line(
    run: Run, tmp_path: Path, foreign: ForeignFiles, kind: str
) -> None:
    assert run(*SMALL).returncode == 0
    foreign.plant(kind, tmp_path / "set" / FIRST)
    victims = foreign.snapshot()
    done = run("preview", "set", "-o", "sheet.png")

    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "000000.png" in done.stderr
    assert foreign.snapshot() == victims
