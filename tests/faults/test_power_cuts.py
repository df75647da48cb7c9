"""Power cuts: what was reported as written is there."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest

from pixelgen.dataset.existing_plan import MANIFESTS, finished_plan
from pixelgen.dataset.plan import JOURNAL, PLAN
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest
from tests.support.disk_jobs import (
    LAYOUTS,
    SEEDS,
    contents,
    exit_code_under,
    parts_left,
    undisturbed,
)
from tests.support.disks import (
    Disk,
    ext4,
    failing,
    in_another_boot,
    memory_disk,
    name_boot,
    need,
    refused,
    why_no_failing_calls,
    why_no_power_cut,
)
from tests.support.faults import (
    PATIENCE,
    Process,
    Shared,
    kill_group,
    living,
    moments,
    running,
    torn,
    wait_for,
    wait_for_progress,
)

pytestmark = pytest.mark.faults


CutAt = Callable[..., AbstractContextManager["Cuts"]]


@dataclass(frozen=True)
class Cuts:
    """A job whose runs lose their power, on a disk of its own, beside the undisturbed dataset."""

    folder: Path
    whole: Path
    disk: Disk
    command: tuple[object, ...]
    boots: Iterator[int]

    @property
    def out(self) -> Path:
        return self.disk.root / "set"

    def running(self) -> AbstractContextManager[Process]:
        """Start a run, in a boot that no other run saw."""
        boot = name_boot(self.folder / "boot", next(self.boots))
        return running(self.folder, *self.command, "-o", self.out, under=in_another_boot(boot))

    def cut(self, process: Process) -> None:
        """Cut the power, end what runs, and start the machine again."""
        self.disk.cut_power()
        end(process)
        self.disk.restart()

    def cut_at_random(self, dice: random.Random) -> None:
        """Cut at a moment of a run; at times after the system wrote a part."""
        with self.running() as process:
            wait_for_progress(process, self.out, dice.choice(moments(self.whole)))
            if dice.random() < 0.5:
                with suppress(ProcessLookupError):  # of a run that has ended
                    os.killpg(process.pid, signal.SIGSTOP)
                self.disk.commit()
            self.cut(process)

    def check(self, durability: str) -> None:
        """See that all is well that is said to be well."""
        bad = torn(self.out, self.whole)
        if durability == "each":
            assert bad == []
            assert self.journalled() <= set(contents(self.out))
        if any((self.out / name).exists() for name in MANIFESTS):
            assert bad == []
            assert contents(self.out).keys() == contents(self.whole).keys()

    def journalled(self) -> set[str]:
        """Return the files of the shards that the journal says are done."""
        job = finished_plan(LocalStore(str(self.whole))).job
        shards = [job.shard(json.loads(line)[2]) for line in whole_lines(self.out / JOURNAL)]
        return {name for shard in shards for name in job.layout.container.files(job.info, shard)}

    def finish(self) -> None:
        """See the same command end with the dataset of the undisturbed run."""
        with self.running() as process:
            _, complaint = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, complaint
        assert tree_digest(self.out) == tree_digest(self.whole)


def end(process: Process) -> None:
    """Kill a process and all it started, and see the last of them gone: they hold the disk."""

    def is_over() -> bool:
        kill_group(process)
        return not living(process.pid)

    assert wait_for(is_over)


def whole_lines(journal: Path) -> list[bytes]:
    """Return the bodies of the lines of a journal that are as they were written."""
    if not journal.exists():
        return []
    parts = [line.partition(b" ") for line in journal.read_bytes().split(b"\n")]
    return [body for crc, _, body in parts if crc == b"%08x" % crc32(body)]


@contextmanager
def drawer(folder: Path, *, in_memory: bool) -> Iterator[Path]:
    """A folder for the file that holds a file system, in memory or on this machine's disk."""
    if not in_memory:
        yield folder
        return
    with memory_disk(folder / "memory", "size=200m") as memory:
        yield memory


@contextmanager
def cuts(
    folder: Path, whole: Path, command: tuple[object, ...], *, in_memory: bool
) -> Iterator[Cuts]:
    """Make a disk whose power can be cut."""
    with (
        drawer(folder, in_memory=in_memory) as place,
        ext4(place / "image", folder / "disk", size=128) as disk,
    ):
        yield Cuts(folder, whole, disk, command, count(1))


def order(layout: str) -> tuple[object, ...]:
    """Return a command that makes 30 MB in six shards or more."""
    return ("generate", "-n", 300, "-s", 192, "-j", 2, "-q", "--layout", layout)


@pytest.fixture
def cut_at(tmp_path: Path, shared: Shared) -> CutAt:
    """Make a disk whose power can be cut, for runs in a layout, or skip."""
    need("power cut", why_no_power_cut())

    def begin(layout: str, durability: str, *, in_memory: bool) -> AbstractContextManager[Cuts]:
        whole = undisturbed(shared, order(layout))
        command = (*order(layout), "--durability", durability)
        return cuts(tmp_path, whole, command, in_memory=in_memory)

    return begin


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_a_power_cut_at_any_moment_loses_nothing_that_was_reported_as_written(
    cut_at: CutAt, durability: str, layout: str, seed: int
) -> None:
    dice = random.Random(f"{seed}{durability}{layout}")
    in_memory = (seed + (layout == "files")) % 2 == 0
    with cut_at(layout, durability, in_memory=in_memory) as trial:
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            trial.cut_at_random(dice)
            trial.check(durability)
        trial.finish()


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_lost_without_sync_in_a_power_cut_are_generated_again_or_repaired(
    run: Run, cut_at: CutAt, layout: str, seed: int
) -> None:
    dice = random.Random(f"{seed}none{layout}")
    with cut_at(layout, "none", in_memory=seed % 2 == 0) as trial:
        trial.cut_at_random(dice)
        for done in run(*trial.command, "-o", trial.out), run("repair", trial.out):
            assert done.returncode == 0, done.stderr
        assert tree_digest(trial.out) == tree_digest(trial.whole)


def test_a_repaired_plan_survives_a_power_cut(run: Run, tmp_path: Path) -> None:
    need("power cut", why_no_power_cut())
    with ext4(tmp_path / "image", tmp_path / "disk", options="noauto_da_alloc") as disk:
        out = disk.root / "set"
        assert run("generate", "-n", 20, "-s", 32, "-q", "-o", out).returncode == 0
        whole, tree = contents(out), tree_digest(out)
        plan = out / PLAN
        plan.write_bytes(plan.read_bytes().replace(b'"schema": 1', b'"schema" :1'))
        os.sync()
        assert run("repair", out).returncode == 0
        disk.cut_power()
        disk.restart()
        assert contents(out) == whole
        assert run("repair", out).returncode == 0
        assert tree_digest(out) == tree


@SEEDS
@pytest.mark.parametrize("durability", ["commit", "each"])
@pytest.mark.parametrize("written", [False, True])
def test_a_power_cut_after_a_run_loses_no_image(
    cut_at: CutAt, durability: str, written: bool, seed: int
) -> None:
    number = seed + written + (durability == "each")
    layout = LAYOUTS[crc32(b"%d" % number) % len(LAYOUTS)]
    with cut_at(layout, durability, in_memory=number // 2 % 2 == 0) as trial:
        with trial.running() as process:
            assert process.wait(PATIENCE) == 0
            if written:
                trial.disk.commit()
            trial.cut(process)
        trial.check(durability)
        images = contents(trial.whole).keys() - set(MANIFESTS)
        assert torn(trial.out, trial.whole) == []
        assert contents(trial.out).keys() >= images
        trial.finish()


def test_temporary_files_of_an_earlier_boot_are_removed_though_their_pids_are_in_use(
    tmp_path: Path,
) -> None:
    # In a container of one's own the numbers begin with 1 again, as they do after a reboot.
    need("failing calls", why_no_failing_calls())
    fresh = ("unshare", "-p", "-f", "--mount-proc")
    need("numbers of processes anew", refused(*fresh, "true"))
    command = ("generate", "-n", 40, "-s", 16, "-q", "-o", tmp_path / "set")
    kill, spare = ((*fresh, *failing("renameat2", f"signal=KILL:when={n}")) for n in (20, 9999))

    assert exit_code_under(tmp_path, *command, under=kill) != 0
    assert len(parts_left(tmp_path / "set")) == 1
    assert exit_code_under(tmp_path, *command, under=spare) == 0
    assert parts_left(tmp_path / "set") == []
