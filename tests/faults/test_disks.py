"""Disks that are full, read-only, lying or without power: what was said to be there is there."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest

from pixelgen import registry
from pixelgen.dataset.journal import JOURNAL
from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.verify import MANIFESTS, finished_plan
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import COMMAND, Done, Run, tree_digest
from tests.support.disks import (
    PAGE,
    Disk,
    ext4,
    failing,
    fill,
    forget,
    in_another_boot,
    memory_disk,
    name_boot,
    need,
    need_tool,
    refused,
    remount,
    take_metadata,
    tell,
    why_no_ext4,
    why_no_failing_calls,
    why_no_memory_disk,
    why_no_power_cut,
)
from tests.support.faults import (
    PATIENCE,
    Process,
    Shared,
    finish,
    flip,
    format_of,
    kill_group,
    layouts,
    living,
    moments,
    running,
    torn,
    trials,
    wait_for,
    wait_for_progress,
)

pytestmark = pytest.mark.faults

FORMATS = tuple(registry.components("format"))
SEEDS = pytest.mark.parametrize("seed", range(trials(1)))
# What is the case, and what to do.
NO_SPACE = ("No space left on device", "free", "same command")
READ_ONLY = ("Read-only file system", "directory")
LAYOUTS = layouts(20)


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of a set by name, without those that are hidden."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def parts_left(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*.part")]


def assert_one_line(done: Done, words: tuple[str, ...], root: Path) -> None:
    """See that a run failed with one line that names a file of the set and the cause."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert [word for word in (*words, str(root)) if word not in done.stderr] == [], done.stderr


def undisturbed(shared: Shared, command: tuple[object, ...]) -> Path:
    """Return the set that a command makes where nothing is done to it, of which one is enough."""

    def make(place: Path) -> None:
        done = finish(place, *command, "--durability", "none", "-o", "whole")
        assert done.returncode == 0, done.stderr

    return shared(f"{command}", make) / "whole"


def size_of(root: Path) -> int:
    """Return the bytes of a set."""
    return sum(map(len, contents(root).values()))


# Disks that are full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 pages in memory, or skip."""
    need("full disk", why_no_memory_disk())
    with memory_disk(tmp_path / "disk", "size=256k") as disk:
        yield disk


@dataclass(frozen=True)
class Full:
    """A job that is run on a disk with some pages or inodes free, then on one with many."""

    run: Run
    command: tuple[object, ...]
    whole: Path
    disk: Path

    @property
    def out(self) -> Path:
        return self.disk / "set"

    def pages(self) -> int:
        """Return how many pages the whole set takes, and a few more for its journal."""
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
        """See the same command end with the set of the undisturbed run."""
        done = self.go()
        assert done.returncode == 0, done.stderr
        assert tree_digest(self.out) == tree_digest(self.whole)
        shutil.rmtree(self.out)


def full(run: Run, disk: Path, *options: object) -> Full:
    """Make the undisturbed set beside a disk."""
    command = ("generate", "-q", "-j", 2, *options)
    whole = disk.parent / "whole"
    assert run(*command, "-o", whole).returncode == 0
    return Full(run, command, whole, disk)


def sample(positions: range, seed: str) -> list[int]:
    """Take two positions at random, or all of them where more trials are asked for."""
    wanted = min(trials(2), len(positions)) if trials(1) < 5 else len(positions)
    return sorted(random.Random(seed).sample(positions, wanted))


@pytest.mark.parametrize(
    ("kind", "layout"),
    [(kind, "files") for kind in FORMATS] + [(format_of(x), x) for x in layouts(2)[:-1]],
)
def test_a_disk_full_at_any_page_leaves_no_short_file_of_any_format(
    run: Run, small_disk: Path, kind: str, layout: str
) -> None:
    job = full(run, small_disk, "-n", 5, "-s", "50x40", "-f", kind, "--layout", layout)
    for free in sample(range(job.pages()), f"{kind}{layout}"):
        remount(small_disk, "size=256k")
        filler = fill(small_disk, free)
        job.check(job.go(), free)
        remount(small_disk, "size=4m")
        job.finish()
        filler.unlink()


def test_a_disk_without_any_page_is_refused_and_one_with_all_is_enough(
    run: Run, small_disk: Path
) -> None:
    job = full(run, small_disk, "-n", 5, "-s", "50x40")
    filler = fill(small_disk, 0)
    assert not job.check(job.go())
    filler.unlink()
    fill(small_disk, job.pages())
    assert job.check(job.go())


def test_a_disk_without_inodes_is_a_disk_that_is_full(run: Run, small_disk: Path) -> None:
    job = full(run, small_disk, "-n", 6, "-s", 8)
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
def test_a_disk_that_fills_up_under_several_workers_is_told_in_one_line(
    run: Run, small_disk: Path, layout: str, seed: int
) -> None:
    job = full(run, small_disk, "-n", 200, "-s", 256, "--layout", layout)
    free = random.Random(f"{seed}{layout}").randrange(job.pages() // 20, job.pages() * 9 // 10)
    remount(small_disk, f"size={free * 4}k")
    assert not job.check(job.go()), f"{free} pages"
    remount(small_disk, "size=60m")
    job.finish()


@pytest.mark.parametrize("durability", ["none", "commit", "each"])
def test_an_ext4_disk_that_is_full_leaves_no_short_file(
    run: Run, tmp_path: Path, durability: str
) -> None:
    need("full ext4 disk", why_no_ext4())
    with ext4(tmp_path / "image", tmp_path / "disk", size=8) as disk:
        job = full(run, disk.root, "-n", 10, "-s", "50x40", "--durability", durability)
        positions = range(job.pages() + 2)  # a folder takes a block, too
        for free in sample(positions, durability):
            filler = fill(disk.root, free)
            job.check(job.go(), free)
            filler.unlink()
            job.finish()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_ext4_disk_without_inodes_is_a_disk_that_is_full(
    run: Run, tmp_path: Path, layout: str
) -> None:
    need("full ext4 disk", why_no_ext4())
    with ext4(tmp_path / "image", tmp_path / "disk", "-N", 256, size=8) as disk:
        job = full(run, disk.root, "-n", 60, "-s", 8, "--layout", layout)
        free = os.statvfs(disk.root).f_favail
        takers = [disk.root / str(number) for number in range(max(0, free - 6))]
        for taker in takers:
            taker.touch()
        assert not job.check(job.go())
        for taker in takers:
            taker.unlink()
        job.finish()


# Disks and folders that may not be written to


def test_a_finished_set_on_a_disk_that_became_read_only_has_nothing_to_do(
    run: Run, small_disk: Path
) -> None:
    job = full(run, small_disk, "-n", 3, "-s", 8)
    assert job.go().returncode == 0
    remount(small_disk, "ro")
    done = job.go()

    assert (done.returncode, done.stderr) == (0, "")
    assert run("verify", job.out).returncode == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_unfinished_set_on_a_disk_that_became_read_only_is_left_as_it_is(
    run: Run, small_disk: Path, layout: str
) -> None:
    job = full(run, small_disk, "-n", 40, "-s", 32, "--layout", layout)
    fill(small_disk, job.pages() // 2)
    assert not job.check(job.go())
    before = tree_digest(job.out)
    remount(small_disk, "ro")
    assert_one_line(job.go(), READ_ONLY, job.out)
    assert tree_digest(job.out) == before

    remount(small_disk, "rw,size=4m")
    job.finish()


# A job of some MB, in shards of 20 images where that can be told and of 250 else.
MANY = ("generate", "-n", 600, "-s", 96, "-q", "-j", 2)


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_a_disk_that_turns_read_only_in_the_middle_ends_the_run_in_one_line(
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
    device = Path(tell("findmnt", "-no", "SOURCE", disk.root).strip()).name
    trigger = Path("/sys/fs/ext4") / device / "trigger_fs_error"
    need("disk that turns read-only", "" if trigger.exists() else f"there is no {trigger}")
    trigger.write_text("1\n")


def assert_ended_by_read_only(process: Process, out: Path) -> None:
    told, complaint = process.communicate(timeout=PATIENCE)
    if process.returncode == 0 and told:  # the error came too late
        return
    done = subprocess.CompletedProcess([], process.returncode, told, complaint)
    assert_one_line(done, (), out)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may read (pytest's own are for one user), or skip."""
    need_tool("folder that may not be written to", "setpriv")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        done = subprocess.run([*NOBODY, COMMAND, "--version"], check=False, capture_output=True)
        need("folder that may not be written to", done.stderr.decode().strip())
        yield Path(name)


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NO_RIGHT = ("Permission denied", "directory")


def as_nobody(folder: Path, *arguments: object) -> Done:
    return subprocess.run(
        [*NOBODY, COMMAND, *map(str, arguments)],
        check=False, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("where", ["above", "root", "images"])
def test_a_folder_without_the_right_to_write_is_one_line(open_folder: Path, where: str) -> None:
    out = open_folder / "set"
    if where != "above":
        (out / "images").mkdir(parents=True)
    if where == "images":
        os.chown(out, 65534, 65534)
    done = as_nobody(open_folder, "generate", "-n", 4, "-s", 8, "-q", "-o", out)

    assert_one_line(done, NO_RIGHT, out)
    assert [path for path in out.rglob("*") if path.is_file() and path.name[0] != "."] in (
        [],
        [out / PLAN],
    )


def test_a_finished_set_of_another_user_has_nothing_to_do(run: Run, open_folder: Path) -> None:
    command = ("generate", "-n", 4, "-s", 8, "-q", "-o", open_folder / "set")
    assert run(*command).returncode == 0
    before = tree_digest(open_folder)
    done = as_nobody(open_folder, *command)

    assert (done.returncode, done.stderr) == (0, "")
    assert tree_digest(open_folder) == before


# Disks that promise more than they have


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
    """Return at random a part of the bytes of a set, at least such a share and not nearly all."""
    size = size_of(whole)
    return random.Random(seed).randrange(int(size * least), size * 3 // 4)


@SEEDS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("durability", ["commit", "each"])
def test_a_disk_that_loses_what_it_took_does_not_end_well(
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
def test_a_disk_that_had_lost_something_is_not_believed_by_the_next_run(
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


# Power cuts


CutAt = Callable[..., AbstractContextManager["Cuts"]]


@dataclass(frozen=True)
class Cuts:
    """A job whose runs lose their power, on a disk of its own, beside the undisturbed set."""

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
        """See the same command end with the set of the undisturbed run."""
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
def test_a_power_cut_at_any_moment_costs_nothing_that_was_said_to_be_there(
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
def test_what_a_power_cut_takes_where_nothing_is_synced_is_made_again_or_repaired(
    run: Run, cut_at: CutAt, layout: str, seed: int
) -> None:
    dice = random.Random(f"{seed}none{layout}")
    with cut_at(layout, "none", in_memory=seed % 2 == 0) as trial:
        trial.cut_at_random(dice)
        for done in run(*trial.command, "-o", trial.out), run("repair", trial.out):
            assert done.returncode == 0, done.stderr
        assert tree_digest(trial.out) == tree_digest(trial.whole)


def test_a_sync_that_fails_in_a_repair_costs_only_what_it_made(tmp_path: Path, run: Run) -> None:
    need("failing calls", why_no_failing_calls())
    assert run("generate", "-n", 4000, "-s", 8, "-q", "-o", "set").returncode == 0
    whole, images = tree_digest(tmp_path / "set"), tmp_path / "set/images"
    (images / "002345.png").unlink()
    kept = {path.name for path in images.iterdir()} - {f"{n:06d}.png" for n in range(2000, 3000)}
    assert code(tmp_path, "repair", "set", under=failing("syncfs", "error=EIO")) == 1
    assert kept <= {path.name for path in images.iterdir()}
    assert run("repair", "set").returncode == 0
    assert tree_digest(tmp_path / "set") == whole


def test_a_plan_that_was_mended_is_there_after_a_power_cut(run: Run, tmp_path: Path) -> None:
    need("power cut", why_no_power_cut())
    with ext4(tmp_path / "image", tmp_path / "disk", options="noauto_da_alloc") as disk:
        out = disk.root / "set"
        assert run("generate", "-n", 20, "-s", 32, "-q", "-o", out).returncode == 0
        whole, tree = contents(out), tree_digest(out)
        flip(out / PLAN, 77)
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
def test_a_power_cut_after_the_end_of_a_run_takes_no_image_away(
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


def test_what_processes_of_an_earlier_boot_left_is_swept_though_their_numbers_are_taken(
    tmp_path: Path,
) -> None:
    # In a container of one's own the numbers begin with 1 again, as they do after a reboot.
    need("failing calls", why_no_failing_calls())
    fresh = ("unshare", "-p", "-f", "--mount-proc")
    need("numbers of processes anew", refused(*fresh, "true"))
    command = ("generate", "-n", 40, "-s", 16, "-q", "-o", tmp_path / "set")
    kill, spare = ((*fresh, *failing("renameat2", f"signal=KILL:when={n}")) for n in (20, 9999))

    assert code(tmp_path, *command, under=kill) != 0
    assert len(parts_left(tmp_path / "set")) == 1
    assert code(tmp_path, *command, under=spare) == 0
    assert parts_left(tmp_path / "set") == []


def code(folder: Path, *arguments: object, under: tuple[str, ...]) -> int:
    """Run the command under another and return its exit code."""
    with running(folder, *arguments, under=under) as process:
        process.communicate(timeout=PATIENCE)
    return process.returncode


def test_a_failed_sync_is_not_believed_by_the_next_run(tmp_path: Path, run: Run) -> None:
    need("failing calls", why_no_failing_calls())
    command = ("generate", "-n", 40, "-s", 64, "-q", "-o")
    assert run(*command, "whole").returncode == 0
    assert code(tmp_path, *command, "cut", under=failing("syncfs", "error=EIO")) == 1
    # What the system could not write it shows as it was, until it forgets it.
    assert [path.name for path in (tmp_path / "cut").rglob("*")] == [PLAN]

    assert run(*command, "cut").returncode == 0
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")
