"""Memory does not grow with the number of images."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pixelgen.dataset.plan import JOURNAL
from tests.support.command import COMMAND, MEASURED, Done
from tests.support.faults import (
    PATIENCE,
    children,
    loose_and_sharded,
    wait_for,
)

pytestmark = pytest.mark.faults


def measured(folder: Path, *arguments: str) -> tuple[Done, str, float, float]:
    """Run the command; return what came of it, its stdout, and its CPU seconds and kibibytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, COMMAND, *arguments],
        check=False, capture_output=True, text=True, cwd=folder, timeout=60,
    )  # fmt: skip
    out, _, used = done.stdout.rpartition("\n")
    seconds, kibibytes = map(float, used.split())
    return done, out, seconds, kibibytes


@pytest.mark.parametrize("count", [10**9, 2**53])
@pytest.mark.parametrize("layout", ["files", "tar"])
def test_memory_of_a_dry_run_does_not_depend_on_the_count(
    tmp_path: Path, count: int, layout: str
) -> None:
    command = ("generate", "--dry-run", "-s", "300", "--layout", layout, "-n")
    done, _, seconds, most = measured(tmp_path, *command, str(count))
    _, _, few_seconds, few = measured(tmp_path, *command, "10")

    assert done.returncode == 0, done.stderr
    assert seconds < few_seconds * 5  # of a processor, most of them to start Python
    assert most < 100_000
    assert most < few * 1.1


def peak(folder: Path, count: int, layout: str, shards: int) -> tuple[int, int]:
    """Make some shards of a dataset; return the exit code and the peak of the largest process."""
    journal = folder / str(count) / JOURNAL
    done_before = shards_in(journal)
    command = [COMMAND, "generate", "-n", str(count), "-s", "8", "-j", "2", "-q",
               "--layout", layout, "-o", str(count)]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", MEASURED, *command], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            begun = wait_for(
                lambda: process.poll() is not None or shards_in(journal) >= done_before + shards,
                5 * PATIENCE,  # a million names are looked up first
            )
        finally:
            for command_itself in children(process):
                os.kill(command_itself, signal.SIGTERM)
        assert begun, "no shard was made"
        output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, int(output.split()[-1])


def shards_in(journal: Path) -> int:
    try:
        return journal.read_bytes().count(b"\n")
    except FileNotFoundError:  # not begun, or ended just now
        return 0


@pytest.mark.parametrize("layout", [*loose_and_sharded(1000), "tar:per_shard=1"])
def test_memory_of_a_run_does_not_depend_on_the_count(tmp_path: Path, layout: str) -> None:
    few = peak(tmp_path, 10**3, layout, 10**6)
    many = peak(tmp_path, 10**6, layout, 6)
    resumed = peak(tmp_path, 10**6, layout, 6)

    assert few[0] == 0
    assert (many[0], resumed[0]) == (143, 143), "the runs ended before they were stopped"
    assert many[1] < few[1] * 1.1
    assert resumed[1] < few[1] * 1.1
