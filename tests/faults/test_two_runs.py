"""Two runs at once in one directory."""

import random
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgen.dataset.plan import JOURNAL
from tests.support.command import COMMAND, tree_digest
from tests.support.faults import (
    PATIENCE,
    Process,
    loose_and_sharded,
    manifest_of,
    moments,
    trials,
    wait_for,
    wait_for_progress,
)

pytestmark = pytest.mark.faults


PAIR = ("generate", "-n", "1000", "-s", "2", "-j", "2", "-q", "--layout")


@dataclass(frozen=True)
class Pair:
    """A command, and its set as an undisturbed run makes it."""

    command: tuple[str, ...]
    whole: Path
    digest: str


@pytest.fixture(scope="module", params=loose_and_sharded(5))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    command = (COMMAND, *PAIR, request.param, "-o")
    subprocess.run([*command, "set"], check=True, cwd=folder, capture_output=True)
    return Pair(command, folder / "set", tree_digest(folder / "set"))


def test_a_second_run_is_refused_with_exit_code_5_while_the_first_holds_the_lock(
    tmp_path: Path, pair: Pair
) -> None:
    for trial in range(trials(2)):
        out = tmp_path / str(trial)
        first = subprocess.Popen([*pair.command, out.name], cwd=tmp_path, stdout=subprocess.DEVNULL)
        assert wait_for((out / JOURNAL).exists)
        first.send_signal(signal.SIGSTOP)  # it holds the directory for as long as we like
        assert (out / JOURNAL).exists(), "the first run was stopped too late"
        second = subprocess.run(
            [*pair.command, out.name],
            check=False, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        first.send_signal(signal.SIGCONT)

        assert first.wait(PATIENCE) == 0
        assert second.returncode == 5, (trial, second.stderr)
        assert len(second.stderr.splitlines()) == 1
        assert out.name in second.stderr
        assert "in use" in second.stderr
        assert tree_digest(out) == pair.digest, trial
        shutil.rmtree(out)


NO_LOCKS = {"that do nothing": "retval=0", "that are refused": "error=ENOLCK"}


@pytest.mark.parametrize("kind", NO_LOCKS)
def test_two_concurrent_runs_without_locks_write_the_same_dataset(
    tmp_path: Path, pair: Pair, kind: str, strace: str
) -> None:
    under = (strace, "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf",
             "-e", "trace=flock", "-e", f"inject=flock:{NO_LOCKS[kind]}")  # fmt: skip
    for trial in range(trials(1)):
        dice = random.Random(f"{kind} {pair.command} {trial}")
        out = tmp_path / str(trial)

        def start(out: Path = out) -> Process:
            return subprocess.Popen(
                [*under, *pair.command, out.name],
                cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

        first = start()
        wait_for_progress(first, out, dice.choice(moments(pair.whole)))
        runs = [first, start()]
        said = [(*run.communicate(timeout=PATIENCE), run.returncode) for run in runs]

        manifest = f"{out.name}/{manifest_of(pair.command[-2])}\n"
        assert said == [(manifest, "", 0)] * 2, trial
        assert tree_digest(out) == pair.digest, (trial, sorted(out.rglob(".*")))
        shutil.rmtree(out)
