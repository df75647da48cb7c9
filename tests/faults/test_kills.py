"""Signals at random moments: nothing torn, nothing left behind, nothing lost, the same set."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from pixelgen.journal import JOURNAL, SUMS
from pixelgen.plan import PLAN
from pixelgen.verify import MANIFESTS
from tests.conftest import Done, tree_digest
from tests.faults import (
    ENGINES,
    Process,
    children,
    finish,
    kill_group,
    living,
    running,
    torn,
    trials,
    wait_for,
    ways,
)

pytestmark = pytest.mark.faults

# Slow to draw and small on disk, so that most moments lie between two files.
JOB = ("-n", 80, "-s", 512, "--family", "gradient", "-j", 2)
SLOW = ("-n", 12, "-s", 320, "-f", "avif", "-j", 2)
# A single image that takes several seconds to encode.
ENDLESS = ("-n", 2, "-s", 4000, "-f", "avif:speed=0")
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Scene:
    """A job, its set as an undisturbed run makes it, and the time that took."""

    way: str
    folder: Path
    command: tuple[object, ...]
    digest: str
    seconds: float

    @property
    def cut(self) -> Path:
        return self.folder / "cut"

    def begin(self, durability: str = "commit") -> AbstractContextManager[Process]:
        return running(self.folder, *self.command, "--durability", durability, "-o", "cut")

    def resume(self, durability: str = "commit") -> Done:
        return finish(self.folder, *self.command, "--durability", durability, "--json", "-o", "cut")


def set_scene(folder: Path, way: str, *job: object) -> Scene:
    command = ("generate", *job, *way.split(), "-q")
    begun = time.monotonic()
    assert finish(folder, *command, "-o", "whole").returncode == 0
    return Scene(way, folder, command, tree_digest(folder / "whole"), time.monotonic() - begun)


@pytest.fixture(params=ways(8))
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    return set_scene(tmp_path, request.param, *JOB)


def repeat(scene: Scene, count: int, name: str, trial: Callable[[Random, str], bool]) -> None:
    """Repeat a trial until it came in time ``count`` times; one too late proves nothing."""
    landed = late = 0
    while landed < count:
        seed = f"{name} {scene.way}, trial {landed + late}"
        shutil.rmtree(scene.cut, ignore_errors=True)
        if trial(Random(seed), seed):
            landed += 1
        else:
            late += 1
        assert late <= 20 + 4 * count, f"{late} trials of {landed + late} came too late"
    print(f"{name} {scene.way}: {landed} in time, {late} too late")  # noqa: T201 – the figures of a long run


def pause(scene: Scene, dice: Random) -> None:
    time.sleep(dice.uniform(0.02, 1.05 * scene.seconds))


def assert_none_left(process: Process, seed: str) -> None:
    assert wait_for(lambda: not living(process.pid), 2), f"{seed}: {living(process.pid)} alive"


def assert_resumed(scene: Scene, dice: Random, seed: str) -> dict[str, object]:
    """Nothing is torn; the same command, however durable, ends in the same set."""
    assert torn(scene.cut, scene.folder / "whole") == [], seed
    done = scene.resume(durability(dice))
    assert (done.returncode, done.stderr) == (0, ""), seed
    assert_identical(scene, seed)
    return dict(json.loads(done.stdout))


def assert_identical(scene: Scene, seed: str) -> None:
    assert tree_digest(scene.cut) == scene.digest, (seed, sorted(scene.cut.rglob(".*")))


def durability(dice: Random) -> str:
    return dice.choice(["commit", "each", "none"])


@pytest.mark.parametrize("whom", ["parent", "group"])
def test_a_set_killed_at_any_moment_is_finished_by_the_same_command(
    scene: Scene, whom: str
) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            pause(scene, dice)
            if whom == "group":
                kill_group(process)
            process.kill()
            process.wait(20)
            assert_none_left(process, seed)
            assert "Traceback" not in process.communicate(timeout=20)[1], seed
        assert_resumed(scene, dice, seed)
        return process.returncode == -signal.SIGKILL

    repeat(scene, trials(1), f"kill {whom}", trial)


@pytest.mark.parametrize("number", STOPS, ids=lambda number: number.name)
def test_a_run_asked_to_stop_says_so_keeps_what_is_done_and_is_finished_later(
    scene: Scene, number: signal.Signals
) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            pause(scene, dice)
            wait_for(lambda: not interpreter_catches_interrupts(process))
            begun = time.monotonic()
            if dice.random() < 0.5:
                process.send_signal(number)
            else:  # as a terminal does
                os.killpg(process.pid, number)
            _, complaint = process.communicate(timeout=20)
            assert time.monotonic() - begun < 5, seed
            assert_none_left(process, seed)
        assert process.returncode in (0, 128 + number, -number), (seed, complaint)
        assert len(complaint.splitlines()) <= 3, (seed, complaint)
        assert "Traceback" not in complaint, (seed, complaint)
        if process.returncode > 0:
            assert f"{number.name}: stopping; the same command finishes it" in complaint, seed
        kept = images_kept(scene)
        assert assert_resumed(scene, dice, seed)["found"] == kept, seed
        return process.returncode != 0

    repeat(scene, trials(1), number.name, trial)


def interpreter_catches_interrupts(process: Process) -> bool:
    """Tell whether Python still starts: a traceback upon Ctrl-C is its own then, not ours."""
    return catches(process, signal.SIGINT) and not catches(process, signal.SIGTERM)


def catches(process: Process, number: signal.Signals) -> bool:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt")), "x 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def images_kept(scene: Scene) -> int:
    """Return how many images the journal, or the whole set, has."""
    journal = scene.cut / JOURNAL
    if not journal.exists():
        manifests = (scene.cut / name for name in MANIFESTS)
        return sum(len(path.read_text().splitlines()) for path in manifests if path.exists())
    return sum(len(json.loads(line[9:])[3]) for line in journal.read_text().splitlines())


def test_a_second_signal_of_any_kind_ends_a_run_at_once(tmp_path: Path) -> None:
    scene = set_scene(tmp_path, "--layout tar:per_shard=4", *SLOW)

    def trial(dice: Random, seed: str) -> bool:
        first, second = dice.choices(STOPS, k=2)
        with scene.begin() as process:
            assert wait_for((scene.cut / JOURNAL).exists), seed
            time.sleep(dice.uniform(0, scene.seconds / 4))
            process.send_signal(first)
            assert process.stderr is not None
            assert process.stderr.readline().count("stopping") == 1, seed
            time.sleep(dice.uniform(0, 0.1))
            begun = time.monotonic()
            process.send_signal(second)
            process.wait(20)
            assert time.monotonic() - begun < 2, seed
            assert_none_left(process, seed)
            assert process.communicate(timeout=20)[1] == "", seed
        assert_resumed(scene, dice, seed)
        return process.returncode == -second

    repeat(scene, trials(2), "two signals", trial)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_signal_is_heard_at_once_and_heeded_in_time_while_an_image_takes_long(
    tmp_path: Path, engine: str
) -> None:
    command = ("generate", *ENDLESS, "--engine", engine, "-j", 1, "-q", "-o", "cut")
    number = STOPS[ENGINES.index(engine) % len(STOPS)]
    with running(tmp_path, *command) as process:
        assert wait_for((tmp_path / "cut" / JOURNAL).exists)
        time.sleep(3 if engine == "dask" else 1)  # until a worker is at it
        begun = time.monotonic()
        process.send_signal(number)
        assert process.stderr is not None
        assert f"{number.name}: stopping" in process.stderr.readline()
        assert time.monotonic() - begun < 1
        process.wait(20)
        assert 3 < time.monotonic() - begun < 5, "the image did not take long"
        assert_none_left(process, engine)
        assert (process.returncode, process.stderr.read()) == (128 + number, "")


# Runs the command with a disk that takes a minute to sync: strace would hold it up at its end, too.
HANGING = """
import sys, time
from pixelgen.__main__ import run
from pixelgen.store import local
setattr(local, sys.argv[1], lambda *_: time.sleep(60))
sys.argv = sys.argv[2:]
run()
"""


@pytest.mark.parametrize("sync", ["sync_files", "sync_all"])
def test_a_signal_is_heeded_in_time_while_the_disk_hangs(tmp_path: Path, sync: str) -> None:
    command = ("generate", "-n", 3, "-s", 8, "-q", "-o", "cut")
    last = PLAN if sync == "sync_files" else SUMS
    with running(tmp_path, *command, under=(sys.executable, "-c", HANGING, sync)) as process:
        assert wait_for((tmp_path / "cut" / last).exists)
        time.sleep(0.2)
        begun = time.monotonic()
        process.terminate()
        _, complaint = process.communicate(timeout=20)
        assert time.monotonic() - begun < 5
        assert process.returncode == 128 + signal.SIGTERM
        assert complaint == "pixelgen: SIGTERM: stopping; the same command finishes it\n"
    assert finish(tmp_path, *command).returncode == 0
    assert finish(tmp_path, "verify", "-q", "cut").returncode == 0
    assert list((tmp_path / "cut").rglob(".*")) == []


# Workers that are within a call which lets no other thread of Python's run.
HOLDING = """
import ctypes
from pixelgen.engines import Local, Work

def hold(_: int) -> None:
    ctypes.PyDLL(None).sleep(60)

list(Local().map(hold, range(4), work=Work(4, 9.0), jobs=2))
"""


def test_no_worker_outlives_its_parent_though_it_hears_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], text=True, start_new_session=True
    ) as process:
        try:
            assert wait_for(lambda: len(children(process)) == 2)
            time.sleep(0.5)
            process.kill()
            process.wait(20)
            assert_none_left(process, "workers that hear nothing")
        finally:
            kill_group(process)


# Pools of which a worker is killed while both are told to end; one holds what the other waits for.
ENDING = """
import multiprocessing, os, signal, threading, time
from pixelgen.engines import Local, Work

def kill(process, other):
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(other.pid, signal.SIGCONT)

for trial in range(8):
    results = Local().map(int, range(8), work=Work(8, 9.0), jobs=2)
    assert sorted(next(results) for _ in range(8)) == list(range(8))
    time.sleep(0.02)
    workers = multiprocessing.active_children()
    for process in workers:
        os.kill(process.pid, signal.SIGSTOP)
    threading.Thread(target=kill, args=workers[:: (-1) ** trial]).start()
    assert list(results) == []
    time.sleep(0.1)
"""


def test_a_worker_killed_at_the_very_end_holds_nobody_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING], text=True, start_new_session=True
    ) as process:
        try:
            assert process.wait(20) == 0
        finally:
            kill_group(process)


@pytest.mark.parametrize("scene", ways(8, engines=["local"]), indirect=True)
def test_a_worker_killed_at_any_moment_costs_nothing(scene: Scene) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            wait_for(lambda: process.poll() is not None or bool(children(process)))
            time.sleep(dice.uniform(0, scene.seconds / 2))
            workers = children(process)
            for worker in dice.sample(workers, min(1, len(workers))):
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            _, complaint = process.communicate(timeout=60)
            assert (process.returncode, complaint) == (0, ""), seed
            assert_none_left(process, seed)
        assert_identical(scene, seed)
        return bool(workers)

    repeat(scene, trials(1), "worker", trial)
