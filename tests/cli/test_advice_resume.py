"""The advice of messages about interrupted runs works: see ``test_advice``."""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pixelgen.dataset.add_sidecars import add_sidecars
from pixelgen.dataset.plan import JOURNAL
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Local
from pixelgen.layouts.layout import Layout
from pixelgen.storage import LocalStore
from tests.support.advice import DATASET, SHARDS, Console, follows_advice, refused
from tests.support.command import tree_digest
from tests.support.datasets import read_plan, write


def opened(command: str, console: Console) -> tuple[LocalStore, Any]:
    """Run a command; return the store that it made and its job."""
    console.run(command)
    store = LocalStore("set")
    return store, read_plan(store).job


@follows_advice("… was changed by another process; run the same command again")
def test_the_same_command_recovers_from_a_changed_journal(console: Console) -> None:
    store, job = opened(SHARDS, console)
    whole = tree_digest(Path("set"))
    shutil.rmtree("set")
    journal = Path("set", JOURNAL)

    def change(images: int, size: int, count: int) -> None:
        journal.write_bytes(b"\0" * journal.stat().st_size)

    refused(console, lambda: write(job, store, RunConfig(jobs=1, progress=change)))
    console.run(SHARDS)
    assert tree_digest(Path("set")) == whole


@follows_advice("… got other sidecars from another process; run the same command again")
def test_the_same_command_writes_the_sidecars_of_two_concurrent_runs(console: Console) -> None:
    store, job = opened(f"{DATASET} --layout coco", console)
    other = job.with_layout(Layout.parse("csv"))
    refused(console, lambda: add_sidecars(read_plan(store), other, store))
    console.run(f"{DATASET} --layout csv")
    assert Path("set/coco.json").exists()
    console.verified()


@dataclass(frozen=True)
class Forgetful(Local):
    """Lose what the last shard came to."""

    def map(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        return iter(list(super().map(*arguments, **options))[:-1])


@follows_advice("… shards were lost; run the same command again")
def test_the_same_command_generates_shards_that_an_engine_lost(console: Console) -> None:
    store, job = opened(SHARDS, console)
    shutil.rmtree("set")
    refused(console, lambda: write(job, store, RunConfig(Forgetful(), jobs=1)))
    console.run(SHARDS)
    console.verified()


PLUGIN = """
import hashlib, multiprocessing, os, signal
from dataclasses import dataclass
from pathlib import Path
from pixelgen.families import Family
from pixelgen.layouts import Sidecar

def interrupt():
    if Path("interrupt").exists():
        Path("interrupt").unlink()
        os.kill(os.getpid(), signal.SIGINT)

@dataclass(frozen=True)
class Noise(Family):
    '''Noise that is interrupted or killed where there is a file of that name.'''

    number = 9001

    def render(self, stream, shape):
        interrupt()
        if Path("kill").exists():
            hashlib.sha512(bytes(1 << 26))  # work enough to be given to several workers
            if multiprocessing.parent_process():
                os._exit(9)
        return stream.integers(shape.levels, shape.depth)

@dataclass(frozen=True)
class Index(Sidecar):
    '''An index that is interrupted.'''

    containers = ()

    def index(self, manifest):
        interrupt()
        yield "index.txt", b"index"
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """Write the plugin; return the environment that lets it in."""
    (tmp_path / "advised.py").write_text(PLUGIN)
    return {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
            "PIXELGEN_PLUGINS": "advised.Noise,advised.Index"}  # fmt: skip


@pytest.mark.cli
@pytest.mark.slow
@follows_advice("the same command finishes it", "verify again")
def test_an_interrupted_run_is_resumed_by_the_same_command(
    console: Console, plugin: dict[str, str]
) -> None:
    make = f"{SHARDS} --family advised.Noise"
    code = 128 + signal.SIGINT
    Path("interrupt").touch()
    console.process(make, code, plugin)
    console.process(make, 0, plugin)
    whole = tree_digest(Path("set"))
    Path("set/negatives-000003.tar").unlink()
    for command in ("verify --deep set -j 1", "repair --deep set -j 1"):
        Path("interrupt").touch()
        console.process(command, code, plugin)
        assert (
            f"SIGINT: stopping; {'the same' if 'repair' in command else 'verify'}" in console.last
        )
        console.process(command, 0 if "repair" in command else 3, plugin)
    assert tree_digest(Path("set")) == whole
    index = "index set --layout advised.Index -q"
    Path("interrupt").touch()
    assert "stopping; the same command finishes it" in console.process(index, 0, plugin)
    console.process(index, 0, plugin)
    console.process("verify set -q", 0, plugin)


@pytest.mark.cli
@pytest.mark.slow
@follows_advice("(killed, or out of memory?); run the same command again with fewer --jobs")
def test_one_job_needs_no_worker(console: Console, plugin: dict[str, str]) -> None:
    make = f"{SHARDS} --family advised.Noise"
    Path("kill").touch()
    console.process(f"{make} -j 2", 1, plugin)
    console.process(f"{make} -j 1", 0, plugin)
    console.process("verify --deep set -j 2", 1, plugin)
    assert "keep dying" in console.last
    console.process("verify --deep set -j 1", 0, plugin)
