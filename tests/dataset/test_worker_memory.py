"""The number of workers, which the memory limits: what is noted, and that no byte depends on it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pixelgen import generate, verify
from pixelgen.dataset import worker_memory
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.worker_memory import WorkerPlan, plan_workers, worker_bytes
from pixelgen.engines import Local, Serial
from pixelgen.job import Job
from tests.support.command import tree_digest

LARGE = Job(count=20, size=4096)
GIB = 1 << 30


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have a gibibyte available."""
    monkeypatch.setattr(worker_memory, "available_memory", lambda: GIB)
    return monkeypatch


def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelgen.dataset.run_config.cores", lambda: 8)


def test_large_images_need_several_times_their_pixels() -> None:
    pixels = 4096 * 4096 * 3
    small = worker_bytes(Job(size=1))
    assert worker_bytes(LARGE) - small == pytest.approx(6 * pixels, rel=1e-5)
    assert worker_bytes(Job(size=4096, depth=16)) > 2 * worker_bytes(LARGE) - 2 * small
    assert worker_bytes(Job(size="16..4096")) == worker_bytes(LARGE)
    for encoded in ("avif", "webp"):
        assert worker_bytes(Job(size=4096, format=encoded)) > 2 * worker_bytes(LARGE)


def test_a_row_group_of_parquet_counts_where_a_shard_fills_it() -> None:
    files, parquet = (
        [worker_bytes(Job(count=5000, size=side, layout=layout)) for side in (8, 300, 4096)]
        for layout in ("files", "parquet")
    )
    tiny, group, image = (more - less for more, less in zip(parquet, files, strict=True))
    assert 0 < tiny < 16 << 20 < group < image


def test_only_as_many_workers_start_as_fit(limited: pytest.MonkeyPatch) -> None:
    eight_cores(limited)
    count, note = plan_workers(LARGE, RunConfig(), 20)
    assert count == 2
    assert note == (
        "note: the number of workers is 2, not 8: each may need 0.4 GiB of memory, and 1.0 GiB is"
        " available; choose another number with --jobs"
    )


def test_without_a_known_limit_or_with_enough_memory_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eight_cores(monkeypatch)
    for available in (None, 8 * worker_bytes(LARGE)):
        monkeypatch.setattr(worker_memory, "available_memory", lambda known=available: known)
        assert plan_workers(LARGE, RunConfig(), 20) == WorkerPlan(8)


def test_there_is_always_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    eight_cores(monkeypatch)
    monkeypatch.setattr(worker_memory, "available_memory", lambda: 0)
    count, note = plan_workers(LARGE, RunConfig(), 20)
    assert count == 1
    assert "is 1, not 8" in note


def test_the_number_that_was_given_is_kept(limited: pytest.MonkeyPatch) -> None:
    count, note = plan_workers(LARGE, RunConfig(jobs=5), 20)
    assert count == 5
    for fact in ("4096x4096", "1.8 GiB", "1.0 GiB is available", "fewer --jobs", "--size"):
        assert fact in note
    assert plan_workers(LARGE, RunConfig(jobs=2), 20) == WorkerPlan(2)


def test_workers_without_work_need_no_memory(limited: pytest.MonkeyPatch) -> None:
    eight_cores(limited)
    assert plan_workers(LARGE, RunConfig(), 2) == WorkerPlan(8)
    assert plan_workers(LARGE, RunConfig(engine=Serial()), 20) == WorkerPlan(8)


def test_distributed_workers_are_not_limited(limited: pytest.MonkeyPatch) -> None:
    class Elsewhere(Local):
        name = ""
        distributed = True

    assert plan_workers(LARGE, RunConfig(engine=Elsewhere(), jobs=9), 20) == WorkerPlan(9)


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_it_and_the_note_appears_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, notes = Job(count=6, size=300, layout="webdataset:per_shard=2"), list[str]()
    run = RunConfig(note=notes.append)
    monkeypatch.setattr("pixelgen.dataset.run_config.cores", lambda: 3)
    generate(job, tmp_path / "many", run=run)
    assert not notes
    monkeypatch.setattr(worker_memory, "available_memory", lambda: 2 * worker_bytes(job))
    generate(job, tmp_path / "few", run=run)
    assert len(notes) == 1
    assert notes[0].startswith("note: the number of workers is 2, not 3")
    assert tree_digest(tmp_path / "few") == tree_digest(tmp_path / "many")
    verify(tmp_path / "few", run=run)
    assert len(notes) == 1  # nothing is drawn
    verify(tmp_path / "few", deep=True, run=run)
    assert notes[1:] == notes[:1]


LIMITED = """
import sys
from pixelgen.cli import main
from pixelgen.dataset import run_config, worker_memory
worker_memory.available_memory = lambda: 200 << 20
run_config.cores = lambda: 3
sys.exit(main())
"""


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "noted"),
    [([], "note: the number of workers is 2, not 3"), (["-j", "2"], ""), (["-q"], ""),
     (["-j", "3"], "note: images of 200x200 may need 0.2 GiB of memory in all workers")],
)  # fmt: skip
def test_the_command_prints_it_in_one_line(tmp_path: Path, options: list[str], noted: str) -> None:
    words = ["generate", "-n", "3", "-s", "200", "--layout", "webdataset:per_shard=1", "-o", "out"]
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, *words, *options], cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert ended.stderr.count("workers") == bool(noted)
    assert noted in ended.stderr


def test_families_that_need_more_memory_say_so() -> None:
    small = worker_bytes(Job(size=1))
    large = worker_bytes(LARGE) - small
    for family in ("wmm", ["uniform", "wmm"]):
        assert worker_bytes(Job(size=4096, family=family)) - small > 2 * large
