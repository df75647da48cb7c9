"""The lock of a directory: whom it keeps out, and what takes its place."""

import fcntl
import os
import re
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.errors import Busy
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK, lock, shared_lock
from tests.support.command import Run
from tests.support.datasets import write
from tests.support.faults import PATIENCE
from tests.support.planted import status

SMALL = ("-n", 300, "-s", "64x48")


@pytest.mark.parametrize("kind", ["text", "link", "folder"])
def test_a_foreign_file_that_replaces_the_lock_during_a_run_is_kept(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / LOCK
    with lock(LocalStore(str(tmp_path))):
        path.unlink()
        if kind == "text":
            path.write_text("mine")
        elif kind == "link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
        before = status(path)
    assert status(path) == before


@pytest.mark.parametrize("held", [lock, shared_lock])
def test_a_shared_lock_excludes_an_exclusive_one(
    tmp_path: Path, held: Callable[[LocalStore], AbstractContextManager[None]]
) -> None:
    store = LocalStore(str(tmp_path))
    with held(store):
        with pytest.raises(Busy, match=str(tmp_path)), lock(store):
            pass
        if held is shared_lock:
            with shared_lock(store):
                pass
    with lock(store):
        pass


def test_shared_locks_can_end_while_others_begin(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))

    def hold(_: int) -> None:
        for _ in range(500):
            with shared_lock(store):
                assert (tmp_path / LOCK).exists()

    with ThreadPoolExecutor(4) as pool:
        deque(pool.map(hold, range(4)), maxlen=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["text", "pipe", "link", "folder"])
def test_a_foreign_file_under_the_name_of_the_lock_is_kept(
    run: Run, tmp_path: Path, kind: str
) -> None:
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
    before = status(lock)
    done = run("generate", *SMALL)

    assert done.returncode == 3
    assert LOCK in done.stderr
    assert status(lock) == before
    assert [path.name for path in lock.parent.iterdir()] == [LOCK]


def test_a_locked_directory_is_refused_without_waiting(tmp_path: Path) -> None:
    job = Job.parse(count=5, width=8, height=8)
    with (tmp_path / LOCK).open("w") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = pool.submit(write, job, LocalStore(str(tmp_path)), How())
        try:
            with pytest.raises(Busy, match=re.escape(str(tmp_path))):
                second.result(PATIENCE)  # a run that waits for the other one hangs here
        finally:
            fcntl.flock(held, fcntl.LOCK_UN)
    assert Busy.exit_code == 5
