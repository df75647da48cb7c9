"""Jobs on a disk that fails: run, checked, and finished later."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgen.storage.lock import LOCK
from tests.support.command import Done, Run, tree_digest
from tests.support.disks import (
    PAGE,
)
from tests.support.faults import (
    PATIENCE,
    Shared,
    finish,
    layouts,
    running,
    torn,
    trials,
)

SEEDS = pytest.mark.parametrize("seed", range(trials(1)))
# What is the case, and what to do.
NO_SPACE = ("No space left on device", "free", "same command")
LAYOUTS = layouts(20)


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of a dataset by name, without those that are hidden."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def parts_left(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*.part")]


def assert_one_line(done: Done, words: tuple[str, ...], root: Path) -> None:
    """See that a run failed with one line that names a file of the dataset and the cause."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert [word for word in (*words, str(root)) if word not in done.stderr] == [], done.stderr


def undisturbed(shared: Shared, command: tuple[object, ...]) -> Path:
    """Return the dataset of an undisturbed run of a command, made once for all tests."""

    def make(place: Path) -> None:
        done = finish(place, *command, "--durability", "none", "-o", "whole")
        assert done.returncode == 0, done.stderr

    return shared(f"{command}", make) / "whole"


@dataclass(frozen=True)
class DiskJob:
    """A job that is run on a disk with some pages or inodes free, then on one with many."""

    run: Run
    command: tuple[object, ...]
    whole: Path
    disk: Path

    @property
    def out(self) -> Path:
        return self.disk / "set"

    def pages(self) -> int:
        """Return how many pages the whole dataset takes, and a few more for its journal."""
        return sum(-(-len(data) // PAGE) for data in contents(self.whole).values()) + 3

    def go(self) -> Done:
        return self.run(*self.command, "-o", self.out)

    def check(self, done: Done, free: int = 0) -> bool:
        """See that the run ended well, or cleanly in one line; return whether it ended well."""
        assert parts_left(self.out) == [], f"{free} free"
        assert torn(self.out, self.whole) == [], f"{free} free"
        if done.returncode == 0:
            assert self.run("verify", self.out).returncode == 0, f"{free} free"
        else:
            assert_one_line(done, NO_SPACE, self.out)
            assert not (self.out / LOCK).exists()
        return done.returncode == 0

    def finish(self) -> None:
        """See the same command end with the dataset of the undisturbed run."""
        done = self.go()
        assert done.returncode == 0, done.stderr
        assert tree_digest(self.out) == tree_digest(self.whole)
        shutil.rmtree(self.out)


def disk_job(run: Run, disk: Path, *options: object) -> DiskJob:
    """Make the undisturbed dataset beside a disk."""
    command = ("generate", "-q", "-j", 2, *options)
    whole = disk.parent / "whole"
    assert run(*command, "-o", whole).returncode == 0
    return DiskJob(run, command, whole, disk)


# A job of some MB, in shards of 20 images if the layout has that option, else of 250.
MANY = ("generate", "-n", 600, "-s", 96, "-q", "-j", 2)


def exit_code_under(folder: Path, *arguments: object, under: tuple[str, ...]) -> int:
    """Run the command under another and return its exit code."""
    with running(folder, *arguments, under=under) as process:
        process.communicate(timeout=PATIENCE)
    return process.returncode
