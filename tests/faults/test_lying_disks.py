"""Disks that promise more than they have: no lost data is reported as written."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixelgen.dataset.plan import PLAN
from tests.support.command import Run, tree_digest
from tests.support.disk_jobs import LAYOUTS, MANY, SEEDS, contents, exit_code_under, undisturbed
from tests.support.disks import (
    Disk,
    ext4,
    failing,
    forget,
    memory_disk,
    need,
    need_tool,
    remount,
    take_metadata,
    why_no_ext4,
    why_no_failing_calls,
)
from tests.support.faults import (
    Shared,
    finish,
)

pytestmark = pytest.mark.faults


def size_of(root: Path) -> int:
    """Return the bytes of a dataset."""
    return sum(map(len, contents(root).values()))


@contextmanager
def lying_disk(folder: Path, spare: int) -> Iterator[Disk]:
    """Mount 64 MB of ext4, its metadata safe, that has room for so many bytes of content."""
    with memory_disk(folder / "memory", "size=200m") as memory:
        image, root = memory / "image", folder / "disk"
        # Without a journal: one that fails to be written makes the file system read-only at once.
        with ext4(image, root, "-O", "^has_journal", options="errors=continue") as disk:
            disk.unmount()
            taken = take_metadata(image)
            remount(memory, f"size={(taken + spare) // 1024}k")
            disk.mount()
            yield disk


def some_of(whole: Path, seed: str, least: float) -> int:
    """Return a random number of bytes: at least a share of the dataset's, and not nearly all."""
    size = size_of(whole)
    return random.Random(seed).randrange(int(size * least), size * 3 // 4)


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_a_run_on_a_disk_that_loses_data_fails(
    tmp_path: Path, shared: Shared, durability: str, layout: str, seed: int
) -> None:
    need("over-committed disk", why_no_ext4())
    need_tool("over-committed disk", "dumpe2fs", "fallocate")
    command = (*MANY, "--layout", layout)
    spare = some_of(undisturbed(shared, command), f"{seed}{durability}{layout}", 0.1)
    with lying_disk(tmp_path, spare) as disk:
        done = finish(tmp_path, *command, "--durability", durability, "-o", disk.root / "set")
    assert done.returncode == 1, f"{spare} bytes"
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@SEEDS
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_the_next_run_checks_what_a_lying_disk_lost(
    run: Run, tmp_path: Path, shared: Shared, durability: str, seed: int
) -> None:
    need("over-committed disk", why_no_ext4())
    need_tool("over-committed disk", "dumpe2fs", "fallocate")
    spare = some_of(undisturbed(shared, MANY), f"{seed}{durability}", 0.45)
    command = (*MANY, "--durability", durability)
    with lying_disk(tmp_path, spare) as disk:
        out = disk.root / "set"
        assert run(*command, "-o", out).returncode == 1
        remount(disk.image.parent, "size=200m")
        done = run(*command, "-o", out)
        forget(out)
        if done.returncode == 0:  # and not where its folders are lost, too
            checked = run("verify", out)
            assert checked.returncode == 0, checked.stderr[-200:] + f"; {spare} bytes"


def test_a_failed_sync_in_a_repair_loses_only_repaired_files(tmp_path: Path, run: Run) -> None:
    need("failing calls", why_no_failing_calls())
    assert run("generate", "-n", 4000, "-s", 8, "-q", "-o", "set").returncode == 0
    whole, images = tree_digest(tmp_path / "set"), tmp_path / "set/images"
    (images / "002345.png").unlink()
    kept = {path.name for path in images.iterdir()} - {f"{n:06d}.png" for n in range(2000, 3000)}
    assert exit_code_under(tmp_path, "repair", "set", under=failing("syncfs", "error=EIO")) == 1
    assert kept <= {path.name for path in images.iterdir()}
    assert run("repair", "set").returncode == 0
    assert tree_digest(tmp_path / "set") == whole


def test_the_next_run_discards_images_whose_sync_failed(tmp_path: Path, run: Run) -> None:
    need("failing calls", why_no_failing_calls())
    command = ("generate", "-n", 40, "-s", 64, "-q", "-o")
    assert run(*command, "whole").returncode == 0
    assert exit_code_under(tmp_path, *command, "cut", under=failing("syncfs", "error=EIO")) == 1
    # What the system could not write it shows as it was, until it forgets it.
    assert [path.name for path in (tmp_path / "cut").rglob("*")] == [PLAN]

    assert run(*command, "cut").returncode == 0
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")
