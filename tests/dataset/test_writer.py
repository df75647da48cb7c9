"""The fan-out: one tree whatever the workers, the order, the interruptions and the surroundings."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from pixelgen.dataset.journal import JOURNAL, SUMS, Journal
from pixelgen.dataset.overwrite import clear
from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.writer import Run as How
from pixelgen.dataset.writer import write
from pixelgen.engines import Check, Engine, Local, Serial, Work
from pixelgen.errors import Busy, Conflict
from pixelgen.job import Job
from pixelgen.layouts import ShardRecord
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK, joint_lock, lock
from tests.support.command import COMMAND, Done, Run, tree_digest
from tests.support.faults import PATIENCE, children, layouts, living, manifest_of, running, wait_for

T = TypeVar("T")
R = TypeVar("R")

SMALL = ("-n", 300, "-s", "64x48")


@pytest.fixture(params=layouts(40))
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Backwards(Engine):
    """Runs the tasks from the last to the first."""

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        return map(function, reversed(list(tasks)))


@pytest.mark.slow
def test_any_number_of_workers_and_any_order_give_one_tree(tmp_path: Path, layout: str) -> None:
    job = Job.parse(count=300, width=64, height=48, layout=layout, family="gaussian")
    hows = [How(Serial()), How(Local(), 1), How(Local(), 2), How(Local(), 8), How(Backwards())]
    for number, how in enumerate(hows):
        write(job, LocalStore(str(tmp_path / str(number))), how)

    assert len({tree_digest(tmp_path / str(number)) for number in range(len(hows))}) == 1


@pytest.mark.slow
def test_a_pool_gives_the_tree_of_one_process(make: Callable[..., Done], tmp_path: Path) -> None:
    for jobs in (1, 2, 8):
        make("-n", 60, "-s", 512, "-j", jobs, "-o", f"set{jobs}")

    assert len({tree_digest(tmp_path / f"set{jobs}") for jobs in (1, 2, 8)}) == 1


def test_surroundings_leave_no_trace(make: Callable[..., Done], tmp_path: Path) -> None:
    surroundings = [
        {"TZ": "UTC", "LANG": "C.UTF-8", "umask": "022"},
        {"TZ": "Asia/Kathmandu", "LANG": "de_DE.UTF-8", "umask": "077"},
        {"TZ": "America/St_Johns", "LC_ALL": "C", "umask": "002", "HOME": "/nonexistent"},
    ]
    for number, around in enumerate(surroundings):
        folder = tmp_path / str(number)
        folder.mkdir()
        mask = os.umask(int(around.pop("umask"), 8))
        try:
            done = subprocess.run(
                [COMMAND, "generate", "-n", "40", "-s", "33x21", "-q"],
                check=True, cwd=folder, env=os.environ | around, capture_output=True, text=True,
            )  # fmt: skip
        finally:
            os.umask(mask)
        assert done.stdout == "negatives/metadata.jsonl\n"
        image = folder / "negatives/images/000000.png"
        assert image.stat().st_mode & 0o777 == 0o666 & ~[0o022, 0o077, 0o002][number]

    assert len({tree_digest(tmp_path / str(number) / "negatives") for number in range(3)}) == 1


def test_each_file_holds_the_image_of_its_index(tmp_path: Path) -> None:
    job = Job.parse(count=25, width=31, height=17, seed="0x1234", color="red", density=0.3)
    write(job, LocalStore(str(tmp_path)), How())

    for line in (tmp_path / MANIFEST).read_text().splitlines():
        row = json.loads(line)
        pixels = np.asarray(Image.open(tmp_path / row["file_name"]))
        assert (pixels == job.render(row["index"])).all()


@pytest.mark.slow
def test_sub_folders_of_a_thousand_begin_past_ten_thousand_images(tmp_path: Path) -> None:
    for count, path in ((10_000, "images/009999.png"), (10_001, "images/010/010000.png")):
        job = Job.parse(count=count, width=1, height=1, checksum="none")
        write(job, LocalStore(str(tmp_path / str(count)), "none"), How())
        assert (tmp_path / str(count) / path).is_file()
        assert sum(1 for _ in (tmp_path / str(count)).rglob("*.png")) == count


@pytest.mark.cli
def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    command = ("generate", "-n", 100_000, "-s", 300, "-j", 2, "-q", "-o", "cut")
    with running(tmp_path, *command) as process:
        assert wait_for(lambda: len(children(process)) == 2)
        assert wait_for(lambda: any((tmp_path / "cut").rglob("*.png")))
        process.kill()
        process.wait(PATIENCE)
        assert wait_for(lambda: not living(process.pid)), "a worker is still alive"


@pytest.mark.cli
def test_a_second_signal_ends_the_run_at_once(tmp_path: Path) -> None:
    command = ("generate", "-n", 1000, "-s", 400, "-f", "avif", "-q", "-j", 1)
    with running(tmp_path, *command) as process:
        assert wait_for(lambda: any((tmp_path / "negatives").rglob("*.part")))
        process.terminate()
        assert process.stderr is not None
        assert "stopping" in process.stderr.readline()
        process.terminate()

        # What the first signal ends, at last by force, has a code of its own.
        assert process.wait(PATIENCE) == -signal.SIGTERM


@pytest.mark.cli
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    command = ["generate", "-n", "4000", "-s", "90", "-j", "2", "-q", "-o"]
    subprocess.run([COMMAND, *command, "whole"], check=True, cwd=tmp_path, capture_output=True)
    with running(tmp_path, *command, "cut") as process:
        assert wait_for(lambda: process.poll() is not None or bool(children(process)))
        os.kill(children(process)[0], signal.SIGKILL)

        assert process.wait(PATIENCE) == 0
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")


@pytest.mark.slow
def test_the_same_command_again_does_nothing_but_touch_the_manifest(
    make: Callable[..., Done], tmp_path: Path, layout: str
) -> None:
    make(*SMALL, "--layout", layout)
    out, manifest = tmp_path / "negatives", manifest_of(layout)
    before = {path: path.stat() for path in out.rglob("*")}
    os.utime(out / manifest, (1, 1))
    (mark := tmp_path / "mark").touch()
    done = make(*SMALL, "--layout", layout)

    assert "nothing to do" in done.stderr
    assert (out / manifest).stat().st_mtime >= mark.stat().st_mtime
    for path, old in before.items():
        new = path.stat()
        assert path.name == manifest or new.st_mtime_ns == old.st_mtime_ns or path.is_dir()
        assert new.st_ino == old.st_ino


def test_the_manifest_is_the_newest_file(
    make: Callable[..., Done], tmp_path: Path, layout: str
) -> None:
    make("-n", 20, "-s", 8, "--layout", layout)
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "negatives").rglob("*.*")}

    assert max(times, key=lambda name: times[name]) == manifest_of(layout)


@pytest.mark.parametrize(
    "change",
    [("-n", 301), ("-s", 65), ("--seed", 1), ("--family", "gaussian"), ("-f", "bmp"),
     ("--checksum", "none"), ("--color", "red"), ("--layout", "tar")],
)  # fmt: skip
def test_another_job_in_the_directory_is_refused_and_nothing_touched(
    make: Callable[..., Done], run: Run, tmp_path: Path, change: tuple[str, object]
) -> None:
    make(*SMALL)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "negatives").rglob("*")}
    done = run("generate", *SMALL, *change)

    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "another job" in done.stderr
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "negatives").rglob("*")} == before


def test_force_replaces_a_finished_set_and_nothing_else(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    make(*SMALL)
    (tmp_path / "negatives/images/mine.txt").write_text("mine")
    make("-n", 7, "-s", 8, "--force")
    (tmp_path / "negatives/images/mine.txt").unlink()
    make("-n", 7, "-s", 8, "-o", "fresh")

    assert tree_digest(tmp_path / "negatives") == tree_digest(tmp_path / "fresh")


@pytest.mark.parametrize("case", ["changed", "in the way", "linked folder", "unfinished"])
def test_force_removes_nothing_where_a_file_may_be_somebody_else_s(
    make: Callable[..., Done], run: Run, tmp_path: Path, case: str
) -> None:
    make("-n", 5, "-s", 8)
    out = tmp_path / "negatives"
    if case == "changed":
        (out / "images/000003.png").write_text("mine")
    elif case == "in the way":
        (out / "images/000010.png").write_text("mine")
    elif case == "linked folder":
        (out / "images").rename(tmp_path / "photos")
        (out / "images").symlink_to(tmp_path / "photos")
    else:
        (out / JOURNAL).write_bytes(b"")
    before = tree_digest(tmp_path)
    done = run("generate", "-n", 30, "-s", 8, "--force")

    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree_digest(tmp_path) == before


def test_force_keeps_sums_that_are_the_user_s_own(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8, checksum="none"), store, How())
    (tmp_path / SUMS).write_text("mine")
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match=SUMS):
        clear(store, Job.parse(count=6, width=8, height=8), How())
    assert tree_digest(tmp_path) == before
    clear(store, Job.parse(count=6, width=8, height=8, checksum="none"), How())

    assert [path.name for path in tmp_path.iterdir()] == [SUMS]
    assert (tmp_path / SUMS).read_text() == "mine"


def test_force_keeps_what_is_beside_a_plan_alone(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8), LocalStore(str(tmp_path / "set")), How())
    for name in (PLAN, SUMS, JOURNAL):
        if name != PLAN:
            (tmp_path / name).write_text("mine")
        else:
            (tmp_path / name).write_bytes((tmp_path / "set" / PLAN).read_bytes())
            continue
        before = tree_digest(tmp_path)
        with pytest.raises(Conflict):
            clear(store, Job.parse(count=6, width=8, height=8), How())
        assert tree_digest(tmp_path) == before
        (tmp_path / name).unlink()


@pytest.mark.parametrize("obstacle", ["record", "file", "link", "linked sources"])
def test_force_removes_nothing_where_the_new_set_cannot_be_made(
    tmp_path: Path, obstacle: str
) -> None:
    out = tmp_path / "set"
    store = LocalStore(str(out))
    (tmp_path / "photos").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "photos/a.png")
    layout = "files" if obstacle == "linked sources" else "tar"
    write(Job.parse(count=5, width=8, height=8, layout=layout), store, How())
    if obstacle == "record":
        (out / "sources.jsonl").write_text("mine")
    elif obstacle == "file":
        (out / "images").write_text("mine")
    elif obstacle == "link":
        (out / "images").symlink_to("../photos")
    else:
        (tmp_path / "photos/b.png").symlink_to(out / "images/000001.png")
    before = tree_digest(tmp_path)
    family = f"pixel_shuffle:source={tmp_path}/photos"
    with pytest.raises(Conflict):
        clear(store, Job.parse(count=6, width=8, height=8, family=family), How())
    assert tree_digest(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--engine", "dask://127.0.0.1:9"), "127.0.0.1:9"),
        (("--engine", "dask", "--family", "pixel_shuffle:source=photos"), "absolute path"),
        (("--remote", "--remote-url", "http://127.0.0.1:9", "--remote-timeout", 1), "127.0.0.1"),
        (("--family", "pixel_shuffle:source=nowhere"), "nowhere"),
        (("--summary", "nowhere/summary.md"), "nowhere/summary.md"),
    ],
)
def test_force_removes_nothing_before_the_new_set_is_sure_to_begin(
    options: tuple[object, ...],
    named: str,
    make: Callable[..., Done],
    run: Run,
    tmp_path: Path,
) -> None:
    make("-n", 3, "-s", 8)
    (tmp_path / "photos").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "photos/a.png")
    before = tree_digest(tmp_path)
    done = run("generate", "-n", 9, "-s", 8, "--force", *options, PIXLAB_API_KEY="abcdefghijklmnop")

    assert done.returncode in (1, 2), done.stderr
    assert named in done.stderr
    assert tree_digest(tmp_path) == before


@pytest.mark.slow
def test_force_leaves_no_empty_folder(make: Callable[..., Done], tmp_path: Path) -> None:
    make("-n", 10_001, "-s", 1)
    make("-n", 3, "-s", 1, "--layout", "tar", "--force")
    assert [path.name for path in (tmp_path / "negatives").iterdir() if path.is_dir()] == []


def test_force_that_is_stopped_while_it_checks_removes_nothing(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8), store, How())
    (tmp_path / "images/000003.png").write_text("mine")
    before = tree_digest(tmp_path)
    clear(store, Job.parse(count=6, width=8, height=8), How(stopped=lambda: True))

    assert tree_digest(tmp_path) == before


@pytest.mark.parametrize("kind", ["text", "link", "folder"])
def test_what_takes_the_place_of_the_lock_during_a_run_is_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / LOCK
    with lock(LocalStore(str(tmp_path))):
        path.unlink()
        if kind == "text":
            path.write_text("mine")
        elif kind == "link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
        before = _identity(path)
    assert _identity(path) == before


@pytest.mark.parametrize("held", [lock, joint_lock])
def test_a_directory_that_others_hold_is_held_by_nobody_alone(
    tmp_path: Path, held: Callable[[LocalStore], AbstractContextManager[None]]
) -> None:
    store = LocalStore(str(tmp_path))
    with held(store):
        with pytest.raises(Busy, match=str(tmp_path)), lock(store):
            pass
        if held is joint_lock:
            with joint_lock(store):
                pass
    with lock(store):
        pass


def test_runs_that_hold_the_lock_together_end_while_others_begin(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))

    def hold(_: int) -> None:
        for _ in range(500):
            with joint_lock(store):
                assert (tmp_path / LOCK).exists()

    with ThreadPoolExecutor(4) as pool:
        deque(pool.map(hold, range(4)), maxlen=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["text", "pipe", "link", "folder"])
def test_a_lock_that_is_not_ours_is_kept(run: Run, tmp_path: Path, kind: str) -> None:
    lock = tmp_path / "negatives" / LOCK
    lock.parent.mkdir()
    if kind == "text":
        lock.write_text("mine")
    elif kind == "pipe":
        os.mkfifo(lock)
    elif kind == "link":
        lock.symlink_to(tmp_path / "nowhere")
    else:
        lock.mkdir()
    before = _identity(lock)
    done = run("generate", *SMALL)

    assert done.returncode == 3
    assert LOCK in done.stderr
    assert _identity(lock) == before
    assert [path.name for path in lock.parent.iterdir()] == [LOCK]


@pytest.mark.parametrize("kind", ["text", "link"])
def test_a_planted_manifest_does_not_make_a_set_complete(tmp_path: Path, kind: str) -> None:
    job = Job.parse(count=50, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    if kind == "text":
        (tmp_path / MANIFEST).write_text("mine")
    else:
        (tmp_path / MANIFEST).symlink_to("nowhere")

    with pytest.raises(Conflict, match=MANIFEST):
        write(job, store, How())
    assert len(list((tmp_path / "images").iterdir())) == 50


@pytest.mark.parametrize(
    "body",
    ['{"a":1}', "not json", "[]", '["x"]', "5", '["x",0,null,null,""]', '["x","0",[1],[2],""]',
     '["x",0,[],[],"",1]', '["x",-1,[1],["a"],""]', '["x",0,[1e999],["a"],""]', "[" * 100_000],
)  # fmt: skip
def test_a_journal_line_that_says_nothing_of_use_is_passed_over(tmp_path: Path, body: str) -> None:
    job = Job.parse(count=5, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / JOURNAL).write_text(f"{crc32(body.encode()):08x} {body}\n")

    assert write(job, store, How()).made == 5


@pytest.mark.parametrize(
    "record",
    [
        ShardRecord(1, [], []),  # the shard after the last one, which has no images
        ShardRecord(2, [1] * 10, ["0" * 64] * 10),
        ShardRecord(-1, [1] * 10, ["0" * 64] * 10),
        ShardRecord(0, [1] * 9, ["0" * 64] * 9),
        ShardRecord(0, [1] * 10, ["x" * 64] * 10),
        ShardRecord(0, [1] * 10, ["0" * 64] * 10, 0, "x"),
        ShardRecord(0, [1] * 10, ["0" * 64] * 10, 0, "", ["{}"] * 10),
    ],
)
def test_a_whole_journal_line_of_what_cannot_be_is_passed_over(
    tmp_path: Path, record: ShardRecord
) -> None:
    job = Job.parse(count=10, width=512, height=512)
    assert job.shard_size == job.count
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / JOURNAL).write_bytes(Journal(store, job).line(record))

    assert write(job, store, How(Serial())).made == 10


@pytest.mark.parametrize("name", ["images/000003.png", MANIFEST, "SHA256SUMS", PLAN, JOURNAL])
@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe"])
def test_what_bears_a_name_of_ours_is_never_touched(
    run: Run, tmp_path: Path, name: str, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    planted = tmp_path / "negatives" / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        planted.write_text("mine")
    elif kind == "link":
        planted.symlink_to(victim)
    elif kind == "folder":
        planted.mkdir()
    else:
        os.mkfifo(planted)
    before = _identity(planted)
    done = run("generate", *SMALL)

    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert victim.read_text() == "keep me"
    assert _identity(planted) == before
    assert [p for p in (tmp_path / "negatives").rglob("*") if p.is_file() and p != planted] == []


def _identity(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def test_a_file_planted_under_our_name_while_the_set_is_made_is_kept(tmp_path: Path) -> None:
    job = Job.parse(count=50, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / "images").mkdir()
    (tmp_path / "images/000007.png").write_text("mine")

    with pytest.raises(Conflict, match=r"000007\.png"):
        write(job, store, How())
    assert (tmp_path / "images/000007.png").read_text() == "mine"


def test_a_folder_that_is_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "negatives").mkdir()
    (tmp_path / "negatives/images").symlink_to(elsewhere)
    done = run("generate", *SMALL)

    assert done.returncode == 3
    assert "link" in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_a_directory_in_use_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    job = Job.parse(count=5, width=8, height=8)
    with (tmp_path / LOCK).open("w") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = pool.submit(write, job, LocalStore(str(tmp_path)), How())
        try:
            with pytest.raises(Busy, match=re.escape(str(tmp_path))):
                told.result(PATIENCE)  # a run that waits for the other one hangs here
        finally:
            fcntl.flock(held, fcntl.LOCK_UN)
    assert Busy.exit_code == 5


@pytest.mark.slow
def test_a_journal_line_whose_file_is_gone_or_short_is_done_again(tmp_path: Path) -> None:
    job = Job.parse(count=5000, width=8, height=8)
    whole = LocalStore(str(tmp_path / "whole"))
    write(job, whole, How())
    rounds = iter(range(3))
    cut = LocalStore(str(tmp_path / "cut"))
    write(job, cut, How(Serial(), stopped=lambda: next(rounds, None) is None))
    assert (tmp_path / "cut" / JOURNAL).read_text().count("\n") == 3
    (tmp_path / "cut/images/000001.png").unlink()
    (tmp_path / "cut/images/001500.png").write_bytes(b"")
    with (tmp_path / "cut" / JOURNAL).open("ab") as journal:
        journal.write(b"0badc0de [torn")
    (tmp_path / "cut/images/.000001.png.part").write_bytes(b"a stranger's")
    outcome = write(job, cut, How())
    (tmp_path / "cut/images/.000001.png.part").unlink()

    assert outcome.found == 1000
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("other", ["boot", "mount"])
def test_lines_of_another_boot_or_mount_count_only_with_the_right_hashes(
    tmp_path: Path, other: str
) -> None:
    job = Job.parse(count=3000, width=8, height=8)
    store = LocalStore(str(tmp_path))
    rounds = iter(range(2))
    write(job, store, How(Serial(), stopped=lambda: next(rounds, None) is None))
    (tmp_path / "images/000005.png").write_bytes(
        bytes((tmp_path / "images/000005.png").stat().st_size)  # right size, zeros: a power cut
    )
    journal = tmp_path / JOURNAL
    here = json.loads(journal.read_text().partition("\n")[0][9:])[0]
    boot, mount = here.split()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    there = f"another {mount}" if other == "boot" else f"{boot} 7{mount}"
    lines = []
    for line in journal.read_text().splitlines():
        body = line[9:].replace(here, there)
        lines.append(f"{crc32(body.encode()):08x} {body}\n")
    journal.write_text("".join(lines))
    outcome = write(job, store, How())

    assert outcome.found == 1000
    assert np.asarray(Image.open(tmp_path / "images/000005.png")).any()


@pytest.mark.cli
def test_temporary_files_of_dead_processes_are_swept(tmp_path: Path) -> None:
    job = Job.parse(count=20, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / "images").mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename
    left = tmp_path / f"images/.000003.png.{host}.{dead.pid}.0123abcd.part"
    alive = tmp_path / f"images/.000003.png.{host}.{os.getppid()}.0123abcd.part"
    foreign = tmp_path / f"images/.000003.png.another.{dead.pid}.0123abcd.part"
    manifest = tmp_path / f".{MANIFEST}.{host}.{dead.pid}.0123abcd.part"
    for path in (left, manifest, alive, foreign):
        path.write_bytes(b"half")
    write(job, store, How())

    assert not left.exists()
    assert not manifest.exists()
    assert alive.exists()
    assert foreign.exists()


def test_a_set_killed_after_its_last_rename_is_complete(tmp_path: Path) -> None:
    job = Job.parse(count=20, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How())
    whole = tree_digest(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"left behind\n")
    (tmp_path / LOCK).write_bytes(b"")

    assert write(job, store, How()).complete
    assert tree_digest(tmp_path) == whole


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["commit", "none", "each"])
def test_every_durability_gives_one_tree(tmp_path: Path, durability: str, layout: str) -> None:
    job = Job.parse(count=100, width=8, height=8, layout=layout)
    write(job, LocalStore(str(tmp_path / "a"), durability), How())
    write(job, LocalStore(str(tmp_path / "b"), "none"), How())

    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")


def test_an_empty_set_is_a_set(make: Callable[..., Done], run: Run, tmp_path: Path) -> None:
    make("-n", 0)
    assert (tmp_path / "negatives" / MANIFEST).read_bytes() == b""
    assert run("verify").returncode == 0
    assert "nothing to do" in make("-n", 0).stderr


@pytest.mark.cli
@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    command = ("generate", "-n", 600, "-s", 200, "--family", "gaussian", "--color", "red", "-q")
    with running(tmp_path, *command, "-j", 2) as process:
        assert wait_for(lambda: len(children(process)) == 2)
        process.send_signal(signal.SIGSTOP)  # so that its workers run out of work
        workers = children(process)
        assert wait_for(lambda: any(map(_reads_a_pipe, workers)))
        os.kill(next(filter(_reads_a_pipe, workers)), signal.SIGKILL)
        process.send_signal(signal.SIGCONT)

        assert process.wait(PATIENCE) == 0
    assert len(list((tmp_path / "negatives/images").iterdir())) == 600


_ENDED_AT_BIRTH = """
import os, signal, sys
from pixelgen.cli import main
forks = []
os.register_at_fork(
    before=lambda: forks.append(0),
    after_in_child=lambda: len(forks) == 2 and os.kill(os.getpid(), signal.SIGTERM),
)
code = main(sys.argv[1:])
sys.exit(code if len(forks) > 2 else "no pool was built anew")
"""


@pytest.mark.cli
@pytest.mark.slow
def test_a_worker_told_to_end_as_it_begins_ends_without_a_word(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENDED_AT_BIRTH, "generate", "-n", "4000", "-s", "90", "-j", "2",
         "-q"],
        cwd=tmp_path, capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "negatives/images").iterdir())) == 4000


def _reads_a_pipe(pid: int) -> bool:
    return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()
