"""The fan-out: one tree whatever the workers, the order, the interruptions and the surroundings."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from pixelgen.dataset.plan import JOURNAL, PLAN
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Check, Engine, Local, Serial, Work
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import COMMAND, Done, Run, tree_digest
from tests.support.datasets import write
from tests.support.faults import PATIENCE, children, layouts, living, manifest_of, running, wait_for
from tests.support.planted import status

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
def test_any_number_of_workers_and_any_order_write_the_same_files(
    tmp_path: Path, layout: str
) -> None:
    job = Job.parse(count=300, width=64, height=48, layout=layout, family="gaussian")
    hows = [How(Serial()), How(Local(), 1), How(Local(), 2), How(Local(), 8), How(Backwards())]
    for number, how in enumerate(hows):
        write(job, LocalStore(str(tmp_path / str(number))), how)

    assert len({tree_digest(tmp_path / str(number)) for number in range(len(hows))}) == 1


@pytest.mark.slow
def test_a_process_pool_writes_the_files_of_one_process(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    for jobs in (1, 2, 8):
        make("-n", 60, "-s", 512, "-j", jobs, "-o", f"set{jobs}")

    assert len({tree_digest(tmp_path / f"set{jobs}") for jobs in (1, 2, 8)}) == 1


def test_files_do_not_depend_on_the_environment(make: Callable[..., Done], tmp_path: Path) -> None:
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
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    command = ["generate", "-n", "4000", "-s", "90", "-j", "2", "-q", "-o"]
    subprocess.run([COMMAND, *command, "whole"], check=True, cwd=tmp_path, capture_output=True)
    with running(tmp_path, *command, "cut") as process:
        assert wait_for(lambda: process.poll() is not None or bool(children(process)))
        os.kill(children(process)[0], signal.SIGKILL)

        assert process.wait(PATIENCE) == 0
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")


@pytest.mark.slow
def test_the_same_command_again_only_touches_the_manifest(
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


@pytest.mark.parametrize("kind", ["text", "link"])
def test_a_planted_manifest_does_not_make_a_dataset_complete(tmp_path: Path, kind: str) -> None:
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


@pytest.mark.parametrize("name", ["images/000003.png", MANIFEST, "SHA256SUMS", PLAN, JOURNAL])
@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe"])
def test_a_foreign_file_under_a_name_of_the_dataset_is_never_changed(
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
    before = status(planted)
    done = run("generate", *SMALL)

    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert victim.read_text() == "keep me"
    assert status(planted) == before
    assert [p for p in (tmp_path / "negatives").rglob("*") if p.is_file() and p != planted] == []


def test_a_foreign_file_under_the_name_of_an_image_is_kept(tmp_path: Path) -> None:
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


@pytest.mark.cli
def test_temporary_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
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


def test_a_dataset_killed_after_its_last_rename_is_complete(tmp_path: Path) -> None:
    job = Job.parse(count=20, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How())
    whole = tree_digest(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"left behind\n")
    (tmp_path / LOCK).write_bytes(b"")

    assert write(job, store, How()).is_complete
    assert tree_digest(tmp_path) == whole


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["commit", "none", "each"])
def test_every_durability_writes_the_same_files(
    tmp_path: Path, durability: str, layout: str
) -> None:
    job = Job.parse(count=100, width=8, height=8, layout=layout)
    write(job, LocalStore(str(tmp_path / "a"), durability), How())
    write(job, LocalStore(str(tmp_path / "b"), "none"), How())

    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")


def test_a_dataset_may_be_empty(make: Callable[..., Done], run: Run, tmp_path: Path) -> None:
    make("-n", 0)
    assert (tmp_path / "negatives" / MANIFEST).read_bytes() == b""
    assert run("verify").returncode == 0
    assert "0 images" in make("-n", 0).stderr


@pytest.mark.cli
@pytest.mark.slow
def test_a_worker_killed_while_it_waits_loses_nothing(tmp_path: Path) -> None:
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
def test_a_worker_terminated_at_its_start_prints_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENDED_AT_BIRTH, "generate", "-n", "4000", "-s", "90", "-j", "2",
         "-q"],
        cwd=tmp_path, capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "negatives/images").iterdir())) == 4000


def _reads_a_pipe(pid: int) -> bool:
    return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()
