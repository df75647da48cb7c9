"""DiskJob disks: no file is cut short, and the run is finished later."""

import os
import random
from pathlib import Path

import pytest

from pixelgen import registry
from tests.support.command import Run
from tests.support.disk_jobs import LAYOUTS, NO_SPACE, SEEDS, assert_one_line, disk_job
from tests.support.disks import (
    ext4,
    fill,
    need,
    remount,
    why_no_ext4,
)
from tests.support.faults import (
    format_of,
    layouts,
    trials,
)

pytestmark = pytest.mark.faults

FORMATS = tuple(registry.components("format"))


def sample(positions: range, seed: str) -> list[int]:
    """Take two positions at random, or all of them where more trials are asked for."""
    wanted = min(trials(2), len(positions)) if trials(1) < 5 else len(positions)
    return sorted(random.Random(seed).sample(positions, wanted))


@pytest.mark.parametrize(
    ("kind", "layout"),
    [(kind, "files") for kind in FORMATS] + [(format_of(x), x) for x in layouts(2)[:-1]],
)
def test_a_disk_that_is_full_at_any_page_leaves_no_truncated_file(
    run: Run, small_disk: Path, kind: str, layout: str
) -> None:
    job = disk_job(run, small_disk, "-n", 5, "-s", "50x40", "-f", kind, "--layout", layout)
    for free in sample(range(job.pages()), f"{kind}{layout}"):
        remount(small_disk, "size=256k")
        filler = fill(small_disk, free)
        job.check(job.go(), free)
        remount(small_disk, "size=4m")
        job.finish()
        filler.unlink()


def test_a_disk_without_a_free_page_fails_and_one_with_just_enough_succeeds(
    run: Run, small_disk: Path
) -> None:
    job = disk_job(run, small_disk, "-n", 5, "-s", "50x40")
    filler = fill(small_disk, 0)
    assert not job.check(job.go())
    filler.unlink()
    fill(small_disk, job.pages())
    assert job.check(job.go())


def test_a_disk_without_free_inodes_counts_as_full(run: Run, small_disk: Path) -> None:
    job = disk_job(run, small_disk, "-n", 6, "-s", 8)
    inodes = range(2, 2 + 6 + 7)
    ended_well = []
    for limit in sample(inodes, "inodes"):
        remount(small_disk, f"nr_inodes={limit}")
        done = job.go()
        if job.out.exists():
            ended_well.append(job.check(done, limit))
        else:
            assert_one_line(done, NO_SPACE, job.out)
        remount(small_disk, "nr_inodes=200")
        job.finish()
    assert ended_well == sorted(ended_well)


@SEEDS
@pytest.mark.parametrize("layout", layouts(1))
def test_a_disk_that_fills_up_under_several_workers_is_reported_in_one_line(
    run: Run, small_disk: Path, layout: str, seed: int
) -> None:
    job = disk_job(run, small_disk, "-n", 200, "-s", 256, "--layout", layout)
    free = random.Random(f"{seed}{layout}").randrange(job.pages() // 20, job.pages() * 9 // 10)
    remount(small_disk, f"size={free * 4}k")
    assert not job.check(job.go()), f"{free} pages"
    remount(small_disk, "size=60m")
    job.finish()


@pytest.mark.parametrize("durability", ["none", "commit", "each"])
def test_a_full_ext4_disk_leaves_no_truncated_file(
    run: Run, tmp_path: Path, durability: str
) -> None:
    need("full ext4 disk", why_no_ext4())
    with ext4(tmp_path / "image", tmp_path / "disk", size=8) as disk:
        job = disk_job(run, disk.root, "-n", 10, "-s", "50x40", "--durability", durability)
        positions = range(job.pages() + 2)  # a folder takes a block, too
        for free in sample(positions, durability):
            filler = fill(disk.root, free)
            job.check(job.go(), free)
            filler.unlink()
            job.finish()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_ext4_disk_without_free_inodes_counts_as_full(
    run: Run, tmp_path: Path, layout: str
) -> None:
    need("full ext4 disk", why_no_ext4())
    with ext4(tmp_path / "image", tmp_path / "disk", "-N", 256, size=8) as disk:
        job = disk_job(run, disk.root, "-n", 60, "-s", 8, "--layout", layout)
        free = os.statvfs(disk.root).f_favail
        takers = [disk.root / str(number) for number in range(max(0, free - 6))]
        for taker in takers:
            taker.touch()
        assert not job.check(job.go())
        for taker in takers:
            taker.unlink()
        job.finish()
