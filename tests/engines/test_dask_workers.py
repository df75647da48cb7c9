"""Dask workers that come late or are paused: the work is done, or the run ends with one line."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Work, dask
from pixelgen.engines.dask import Dask
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.storage import PROBE_PREFIX, open_store
from tests.support.command import Run, tree_digest
from tests.support.dask_cluster import ROOT, Cluster, cluster, end, kill
from tests.support.dask_counted import COUNTED, DRAWN, drawers, gate
from tests.support.dask_inside import NEVER_BY_THEMSELVES, pause_own_worker, set_status
from tests.support.datasets import write
from tests.support.faults import running, wait_for

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
pytestmark = pytest.mark.engine

T = TypeVar("T")

JOB = ("-n", 40, "-s", 64, "--layout", "webdataset:per_shard=2",
       "--family", COUNTED, "-q")  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {DRAWN: str(tmp_path / "drawn"), "PYTHONPATH": ROOT, **NEVER_BY_THEMSELVES}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def whole(tmp_path: Path, environment: dict[str, str], run: Run) -> Path:
    """Make the set as one process does."""
    assert run("generate", *JOB, "--engine", "serial", "-o", "whole").returncode == 0
    (tmp_path / "drawn").unlink()
    return tmp_path / "whole"


def limited(call: Callable[[], T]) -> T:
    """Call in a thread, which must end; return or raise what the call does."""
    returned: list[T] = []
    raised: list[Exception] = []

    def keep() -> None:
        try:
            returned.append(call())
        except Exception as error:  # noqa: BLE001 – raised below
            raised.append(error)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    thread.join(240)
    assert returned or raised, "it has not ended"
    for error in raised:
        raise error
    return returned[0]


def set_all(made: Cluster, status: str, most: int) -> None:
    """Set the status of that many workers."""
    from distributed import Client

    with Client(made.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        workers = sorted(client.nthreads())[:most]
        client.run(set_status, status, workers=workers)


def test_a_cluster_that_scales_from_zero_workers_gets_them(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "tests.support.dask_adaptive", str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert wait_for(file.exists, 120)
            job = ("-n", 24, "-s", 64, "--layout", "webdataset:per_shard=1", "--family", COUNTED)
            drawn = tmp_path / "drawn"
            with (
                gate(drawn, 0) as open_gate,
                running(
                    tmp_path, "generate", *job, "-q", "--engine", f"dask://{file}", "-o", "out"
                ) as made,
            ):
                assert wait_for(lambda: len({*drawers(drawn)}) > 1, 240)  # processes
                open_gate()
                _, complaint = made.communicate(timeout=240)
                assert (made.returncode, complaint) == (0, "")
        finally:
            end(process)


def test_a_worker_that_leaves_while_it_is_checked_is_done_without(
    tmp_path: Path, environment: dict[str, str], whole: Path
) -> None:
    with cluster(tmp_path / "dask", 2, environment) as made:
        os.killpg(made.workers[0].pid, signal.SIGSTOP)  # so that it does not answer
        before = made.connections(0)
        with running(tmp_path, "generate", *JOB, "--engine", made.engine, "-o", "out") as process:
            assert wait_for(lambda: any((tmp_path / "out").glob(f"{PROBE_PREFIX}*")), 120)
            assert wait_for(lambda: made.connections(0) > before, 120)  # the command asks it
            kill(made.workers[0])
            _, complaint = process.communicate(timeout=240)
            assert (process.returncode, complaint) == (0, "")
    assert tree_digest(tmp_path / "out") == tree_digest(whole)


def test_a_paused_worker_holds_no_tasks_while_another_takes_some(
    tmp_path: Path, environment: dict[str, str], whole: Path
) -> None:
    with (
        cluster(tmp_path / "dask", 2, environment) as made,
        gate(tmp_path / "drawn", 8) as open_gate,
        running(tmp_path, "generate", *JOB, "--engine", made.engine, "-o", "out") as process,
    ):
        assert wait_for(lambda: len(drawers(tmp_path / "drawn")) > 8, 120)
        set_all(made, "paused", 1)
        open_gate()
        _, complaint = process.communicate(timeout=240)
        assert (process.returncode, complaint) == (0, "")
    assert tree_digest(tmp_path / "out") == tree_digest(whole)
    assert len(drawers(tmp_path / "drawn")) == 40  # what was begun is not made twice


def test_a_run_whose_workers_are_all_paused_ends_and_is_resumed(
    tmp_path: Path,
    environment: dict[str, str],
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask, "_NO_WORKER_TIMEOUT", 2.0)
    job = Job.parse(**json.loads((whole / "pixelgen.json").read_text())["job"])
    store = open_store(str(tmp_path / "out"))
    made_at: Iterator[int] = iter(range(40))

    def pause_at_the_third(*_: int) -> None:
        if next(made_at) == 2:
            set_all(made, "paused", 2)

    with cluster(tmp_path / "dask", 2, environment) as made:
        how = How(engine=Dask.at(made.engine), jobs=2, progress=pause_at_the_third)
        with pytest.raises(PixelgenError, match=r"\(2\).* paused .*2 s"):
            limited(lambda: write(job, store, how))
        with pytest.raises(PixelgenError, match=r"again.*kept"):  # paused from the start
            limited(lambda: write(job, store, how))
        set_all(made, "running", 2)
        outcome = limited(lambda: write(job, store, how))
    assert outcome.existing >= 6
    assert tree_digest(tmp_path / "out") == tree_digest(whole)


def test_a_paused_worker_finishes_what_it_has_begun(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    monkeypatch.setattr(dask, "_NO_WORKER_TIMEOUT", 2.0)
    ask = Client.run
    asked = count(1)

    def ask_and_open_at_the_fifth(client: Client, *arguments: Any, **options: Any) -> Any:
        # The first checks the worker. The others are looks at what it does while it is paused, a
        # second apart, so that these four take longer than the patience is.
        if next(asked) == 5:
            open_gate()
        return ask(client, *arguments, **options)

    monkeypatch.setattr(Client, "run", ask_and_open_at_the_fifth)
    with (
        cluster(tmp_path / "dask", 1, environment) as made,
        gate(tmp_path / "drawn", 0) as open_gate,
    ):
        work = Work(tasks=2, min_seconds=0.0)
        lock = tmp_path / "drawn.gate"
        results = Dask.at(made.engine).map(pause_own_worker, iter([lock, lock]), work=work, jobs=1)
        assert limited(lambda: next(results)) == lock
        with pytest.raises(PixelgenError, match=r"\(1\).* paused"):
            limited(lambda: next(results))
