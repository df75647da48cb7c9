"""Signals at random moments: no file is torn, left behind or lost, and the dataset is the same.

A moment is so many names and journal lines in the folder, not so many seconds after the start.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.journal import replay_journals
from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS, Plan, is_finished
from pixelgen.storage import LocalStore
from tests.support.command import Done, tree_digest
from tests.support.faults import (
    ENGINES,
    PATIENCE,
    Process,
    Shared,
    children,
    finish,
    kill_group,
    living,
    moments,
    running,
    torn,
    trials,
    wait_for,
    wait_for_progress,
    ways,
)

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
# Slow to draw, so that there are workers, small on disk, and of eight shards or more.
JOB = ("-n", 40, "-s", 600, "--family", "gradient", "-j", 2)
SLOW = ("-n", 9, "-s", 256, "-f", "avif", "-j", 2)
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Scene:
    """A job, and its set as an undisturbed run makes it."""

    way: str
    folder: Path
    command: tuple[object, ...]
    whole: Path
    digest: str

    @property
    def cut(self) -> Path:
        return self.folder / "cut"

    def begin(self, durability: str = "commit") -> AbstractContextManager[Process]:
        return running(self.folder, *self.command, "--durability", durability, "-o", "cut")

    def resume(self, durability: str = "commit") -> Done:
        return finish(self.folder, *self.command, "--durability", durability, "--json", "-o", "cut")


def set_scene(folder: Path, shared: Shared, way: str, *job: object) -> Scene:
    command = ("generate", *job, *way.split(), "-q")

    def make(place: Path) -> None:
        assert finish(place, *command, "-o", "whole").returncode == 0

    whole = shared(f"{command}", make) / "whole"
    return Scene(way, folder, command, whole, tree_digest(whole))


@pytest.fixture(params=ways(4))
def scene(tmp_path: Path, shared: Shared, request: pytest.FixtureRequest) -> Scene:
    return set_scene(tmp_path, shared, request.param, *JOB)


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


def pause(scene: Scene, process: Process, dice: Random, share: float = 1) -> None:
    """Let a run come as far as the dice say, within the first such share of its steps."""
    steps = moments(scene.whole)
    wait_for_progress(process, scene.cut, dice.choice(steps[: int(len(steps) * share)]))


def assert_none_left(process: Process, seed: str) -> None:
    assert wait_for(lambda: not living(process.pid)), f"{seed}: {living(process.pid)} alive"


def assert_resumed(scene: Scene, dice: Random, seed: str) -> dict[str, object]:
    """Nothing is torn; the same command, however durable, ends in the same dataset."""
    assert torn(scene.cut, scene.whole) == [], seed
    done = scene.resume(durability(dice))
    assert (done.returncode, done.stderr) == (0, ""), seed
    assert_identical(scene, seed)
    return dict(json.loads(done.stdout))


def assert_identical(scene: Scene, seed: str) -> None:
    assert tree_digest(scene.cut) == scene.digest, (seed, sorted(scene.cut.rglob(".*")))


def durability(dice: Random) -> str:
    return dice.choice(["commit", "each", "none"])


@pytest.mark.parametrize("whom", ["parent", "group"])
def test_a_run_killed_at_any_moment_is_resumed_by_the_same_command(scene: Scene, whom: str) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            pause(scene, process, dice)
            if whom == "group":
                kill_group(process)
            process.kill()
            process.wait(PATIENCE)
            assert_none_left(process, seed)
            assert "Traceback" not in process.communicate(timeout=PATIENCE)[1], seed
        assert_resumed(scene, dice, seed)
        return process.returncode == -signal.SIGKILL

    repeat(scene, trials(1), f"kill {whom}", trial)


@pytest.mark.parametrize("number", STOPS, ids=lambda number: number.name)
def test_a_stopped_run_reports_it_keeps_its_images_and_is_resumed(
    scene: Scene, number: signal.Signals
) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            pause(scene, process, dice, 0.5)  # later, the shards at hand are the last
            wait_for(lambda: not interpreter_catches_interrupts(process))
            if dice.random() < 0.5:
                process.send_signal(number)
            else:  # as a terminal does
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            _, complaint = process.communicate(timeout=PATIENCE)
            assert_none_left(process, seed)
        assert process.returncode in (0, 128 + number, -number), (seed, complaint)
        assert len(complaint.splitlines()) <= 3, (seed, complaint)
        assert "Traceback" not in complaint, (seed, complaint)
        if process.returncode > 0:
            assert number.name in complaint, (seed, complaint)
            assert "same command" in complaint, (seed, complaint)
        kept = images_kept(scene)
        assert assert_resumed(scene, dice, seed)["existing"] == kept, seed
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
    """Return how many images the journal, or the whole dataset, has."""
    store, job = LocalStore(str(scene.cut)), finished_plan(LocalStore(str(scene.whole))).job
    plan = Plan.read(store)
    if plan is None:
        return 0
    return job.count if is_finished(store, job) else replay_journals(store, plan).images


def test_a_second_signal_of_any_kind_ends_a_run_at_once(tmp_path: Path, shared: Shared) -> None:
    scene = set_scene(tmp_path, shared, "--layout tar:per_shard=3", *SLOW)

    def trial(dice: Random, seed: str) -> bool:
        first, second = dice.choices(STOPS, k=2)
        with scene.begin() as process:
            assert wait_for((scene.cut / JOURNAL).exists), seed
            wait_for_progress(process, scene.cut, dice.choice(moments(scene.whole)))
            process.send_signal(first)
            if first.name not in next_stderr_line(process):  # the run had ended
                return False
            process.send_signal(second)
            process.wait(PATIENCE)
            assert_none_left(process, seed)
            assert process.communicate(timeout=PATIENCE)[1] == "", seed
        assert_resumed(scene, dice, seed)
        # What the first signal ends, at last by force, has a code of its own.
        return process.returncode == -second

    repeat(scene, trials(2), "two signals", trial)


def next_stderr_line(process: Process) -> str:
    """Return the next line that a run says on stderr."""
    assert process.stderr is not None
    return process.stderr.readline()


# A family whose images take an hour, in a call that lets Python's other threads run.
ENDLESS = """
import ctypes, os
from dataclasses import dataclass
from pathlib import Path
from pixelgen.families import Family

@dataclass(frozen=True)
class Endless(Family):
    '''Images that are never done.'''

    number = 9001

    def render(self, stream, shape):
        Path(os.environ["BEGUN"]).touch()
        ctypes.CDLL(None).sleep(3600)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_signal_is_reported_at_once_and_stops_the_run_in_time_during_a_slow_image(
    tmp_path: Path, engine: str
) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    begun = tmp_path / "begun"
    under = ("env", f"PYTHONPATH={tmp_path}:{os.environ.get('PYTHONPATH', '')}",
             "PIXELGEN_PLUGINS=endless.Endless", f"BEGUN={begun}")  # fmt: skip
    # So large that the engine named local does not try the first image itself.
    job = ("-n", 9, "-s", 4000, "--family", "endless.Endless")
    command = ("generate", *job, "--engine", engine, "-j", 2, "-q", "-o", "cut")
    number = STOPS[ENGINES.index(engine) % len(STOPS)]
    with running(tmp_path, *command, under=under) as process:
        assert wait_for(begun.exists), process.communicate(timeout=PATIENCE)
        process.send_signal(number)
        assert number.name in next_stderr_line(process), (
            "it was not heard while the image took long"
        )
        process.wait(PATIENCE)
        assert_none_left(process, engine)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (128 + number, "")


STOPPING = """
import os, signal
from pixelgen.cli.signals import Stop
Stop("the same command finishes it")
os.kill(os.getpid(), signal.SIGTERM)
print(signal.getitimer(signal.ITIMER_REAL)[0])
"""


def test_a_signal_sets_the_timer_that_ends_the_run_within_five_seconds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPING], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert 0 < float(done.stdout) <= 5


# Runs the command with a disk that never syncs: strace would hold it up at its end, too.
HANGING = """
import sys, threading
from pathlib import Path
from pixelgen.__main__ import run
from pixelgen.storage import local

def hang(*_):
    Path("hanging").touch()
    threading.Event().wait()

setattr(local, sys.argv[1], hang)
sys.argv = sys.argv[2:]
run()
"""


@pytest.mark.parametrize("sync", ["sync_files", "sync_file_system"])
def test_a_signal_stops_the_run_in_time_while_the_disk_hangs(tmp_path: Path, sync: str) -> None:
    command = ("generate", "-n", 3, "-s", 8, "-q", "-o", "cut")
    last = PLAN if sync == "sync_files" else SUMS
    with running(tmp_path, *command, under=(sys.executable, "-c", HANGING, sync)) as process:
        assert wait_for((tmp_path / "hanging").exists)
        assert (tmp_path / "cut" / last).exists()
        process.terminate()
        _, complaint = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
        assert len(complaint.splitlines()) == 1, complaint
        assert "SIGTERM" in complaint
        assert "same command" in complaint
    assert finish(tmp_path, *command).returncode == 0
    assert finish(tmp_path, "verify", "-q", "cut").returncode == 0
    assert list((tmp_path / "cut").rglob(".*")) == []


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    job = ("-n", 300, "-s", 256, "--family", "gradient", "-j", 2, "-q", "-o", "set")
    with running(tmp_path, "generate", *job, under=["nohup"]) as process:
        wait_for_progress(process, tmp_path / "set", 5)
        os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(PATIENCE) == 0


# Workers that are within a call of an hour which lets no other thread of Python's run.
HOLDING = """
import ctypes
from pixelgen.engines import Local, Work

def hold(_: int) -> None:
    ctypes.PyDLL(None).sleep(3600)

list(Local().map(hold, range(4), work=Work(4, 9.0), jobs=2))
"""


def test_no_worker_outlives_its_parent_without_a_signal() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], text=True, start_new_session=True
    ) as process:
        try:
            assert wait_for(
                lambda: [*map(waits_in, children(process))] == ["hrtimer_nanosleep"] * 2
            )
            process.kill()
            process.wait(PATIENCE)
            assert_none_left(process, "workers that hear nothing")
        finally:
            kill_group(process)


def waits_in(process: int) -> str:
    """Return the function of the system in which a process waits."""
    try:
        return Path(f"/proc/{process}/wchan").read_text()
    except OSError:
        return ""


# Pools of which a worker is killed while both end; one holds what the other waits for.
ENDING = """
import multiprocessing, os, signal, threading
from pathlib import Path
from pixelgen.engines import Local, Work
from tests.support.faults import wait_for

def within(task, name):
    try:
        return name in Path(f"/proc/{task}/wchan").read_text()
    except OSError:  # it has ended since it was listed
        return False

def are_idle(one, other):
    return within(one, "pipe_read") and within(other, "futex")

def awaits_an_end():
    return any(within(f"self/task/{task}", "do_wait") for task in os.listdir("/proc/self/task"))

def kill(process, other):
    assert wait_for(awaits_an_end)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(other.pid, signal.SIGCONT)

for trial in range(8):
    results = Local().map(int, range(8), work=Work(8, 9.0), jobs=2)
    assert sorted(next(results) for _ in range(8)) == list(range(8))
    workers = multiprocessing.active_children()
    one, other = (process.pid for process in workers)
    assert wait_for(lambda: are_idle(one, other) or are_idle(other, one))
    for process in workers:
        os.kill(process.pid, signal.SIGSTOP)
    killing = threading.Thread(target=kill, args=workers[:: (-1) ** trial])
    killing.start()
    assert list(results) == []
    killing.join()
"""


def test_a_worker_killed_at_the_end_blocks_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING], text=True, start_new_session=True, cwd=ROOT
    ) as process:
        try:
            assert process.wait(2 * PATIENCE) == 0
        finally:
            kill_group(process)


@pytest.mark.parametrize("scene", ways(4, engines=["local"]), indirect=True)
def test_a_worker_killed_at_any_moment_loses_nothing(scene: Scene) -> None:
    def trial(dice: Random, seed: str) -> bool:
        with scene.begin(durability(dice)) as process:
            wait_for(lambda: process.poll() is not None or bool(children(process)))
            pause(scene, process, dice)
            workers = children(process)
            for worker in dice.sample(workers, min(1, len(workers))):
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            _, complaint = process.communicate(timeout=PATIENCE)
            assert (process.returncode, complaint) == (0, ""), seed
            assert_none_left(process, seed)
        assert_identical(scene, seed)
        return bool(workers)

    repeat(scene, trials(1), "worker", trial)
