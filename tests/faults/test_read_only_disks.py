"""Disks that are read-only, or turn read-only during a run."""

import random
import subprocess
from pathlib import Path

import pytest

from pixelgen.dataset.plan import PLAN
from tests.support.command import Run, tree_digest
from tests.support.disk_jobs import LAYOUTS, MANY, SEEDS, assert_one_line, disk_job, undisturbed
from tests.support.disks import (
    Disk,
    ext4,
    fill,
    need,
    remount,
    run_system,
    why_no_ext4,
)
from tests.support.faults import (
    PATIENCE,
    Process,
    Shared,
    finish,
    moments,
    running,
    wait_for,
    wait_for_progress,
)

pytestmark = pytest.mark.faults
READ_ONLY = ("Read-only file system", "directory")


def test_a_finished_dataset_on_a_read_only_disk_needs_no_work(run: Run, small_disk: Path) -> None:
    job = disk_job(run, small_disk, "-n", 3, "-s", 8)
    assert job.go().returncode == 0
    remount(small_disk, "ro")
    done = job.go()

    assert (done.returncode, done.stderr) == (0, "")
    assert run("verify", job.out).returncode == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_unfinished_dataset_on_a_read_only_disk_is_not_changed(
    run: Run, small_disk: Path, layout: str
) -> None:
    job = disk_job(run, small_disk, "-n", 40, "-s", 32, "--layout", layout)
    fill(small_disk, job.pages() // 2)
    assert not job.check(job.go())
    before = tree_digest(job.out)
    remount(small_disk, "ro")
    assert_one_line(job.go(), READ_ONLY, job.out)
    assert tree_digest(job.out) == before

    remount(small_disk, "rw,size=4m")
    job.finish()


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_a_disk_that_turns_read_only_during_a_run_is_reported_in_one_line(
    tmp_path: Path, shared: Shared, durability: str, layout: str, seed: int
) -> None:
    need("disk that turns read-only", why_no_ext4())
    whole = undisturbed(shared, (*MANY, "--layout", layout))
    command = (*MANY, "--layout", layout, "--durability", durability)
    dice = random.Random(f"{seed}{durability}{layout}")
    with ext4(tmp_path / "image", tmp_path / "disk", options="errors=remount-ro") as disk:
        out = disk.root / "set"
        with running(tmp_path, *command, "-o", out) as process:
            wait_for(lambda: process.poll() is not None or (out / PLAN).exists())
            wait_for_progress(process, out, dice.choice(moments(whole)))
            turn_read_only(disk)
            assert_ended_by_read_only(process, out)

        disk.unmount()
        subprocess.run(["e2fsck", "-fy", disk.image], check=False, capture_output=True)
        disk.mount()
        done = finish(tmp_path, *command, "-o", out)
        assert done.returncode == 0, done.stderr
        assert tree_digest(out) == tree_digest(whole)


def turn_read_only(disk: Disk) -> None:
    """Have the file system find an error in itself, at which it lets nobody write any more."""
    device = Path(run_system("findmnt", "-no", "SOURCE", disk.root).strip()).name
    trigger = Path("/sys/fs/ext4") / device / "trigger_fs_error"
    need("disk that turns read-only", "" if trigger.exists() else f"there is no {trigger}")
    trigger.write_text("1\n")


def assert_ended_by_read_only(process: Process, out: Path) -> None:
    output, complaint = process.communicate(timeout=PATIENCE)
    if process.returncode == 0 and output:  # the error came too late
        return
    done = subprocess.CompletedProcess([], process.returncode, output, complaint)
    assert_one_line(done, (), out)
