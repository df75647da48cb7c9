"""Kills and signals while a dataset is mined: the same command ends in the same bytes."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from tests.support.command import Run, tree_digest
from tests.support.faults import (
    PATIENCE,
    Process,
    finish,
    kill_group,
    living,
    running,
    torn,
    wait_for,
)
from tests.support.mined import MINE, contents, mine, write_model

pytestmark = pytest.mark.faults

IMAGES = "images"
LAYOUTS = ("files", "webdataset:per_shard=10")

# Runs the command, which at a certain call of a function waits to be killed.
HELD = """
import functools, importlib, sys, threading
from pathlib import Path
from pixelgen.__main__ import run

module, path, word, calls = sys.argv[1].split(":")
*owners, name = path.split(".")
owner = functools.reduce(getattr, owners, importlib.import_module(module))
function, left = getattr(owner, name), int(calls)

def hold(*arguments, **options):
    global left
    left -= not word or word in arguments
    if left < 0:
        Path("held").touch()
        threading.Event().wait()
    return function(*arguments, **options)

setattr(owner, name, hold)
sys.argv = sys.argv[2:]
run()
"""


@dataclass(frozen=True)
class Moment:
    """When a run is killed: once so many blocks or files of images are there, or at a call.

    ``held`` is the module and name of the function, a word among its arguments, and after how many
    such calls it is.
    """

    name: str
    counted: str = ""
    least: int = 0
    held: str = ""

    def under(self) -> tuple[str, ...]:
        return (sys.executable, "-c", HELD, self.held) if self.held else ()

    def has_come(self, cut: Path) -> bool:
        if self.held:
            return (cut.parent / "held").exists()
        if self.counted == SEARCH_JOURNAL:
            return lines(cut / SEARCH_JOURNAL) >= self.least
        return len([*cut.glob("images/*.png"), *cut.glob("*.tar")]) >= self.least


MOMENTS = (
    Moment("a block is scored", SEARCH_JOURNAL, 1),
    Moment("three blocks are scored", SEARCH_JOURNAL, 3),
    Moment("a block is taken", held="pixelgen.scoring.search:_Progress.add::4"),
    Moment("all is scored", held="pixelgen.scoring.choice:generate::0"),
    Moment("a plan, no record", held="pixelgen.storage.local:LocalStore.put:mining.json:0"),
    Moment("no selection", held="pixelgen.storage.local:LocalStore.put:selection.jsonl:0"),
    Moment("an image", IMAGES, 1),
    Moment("no shard in the journal", held="pixelgen.dataset.journal:Journal.add::0"),
    Moment("no manifest", held="pixelgen.dataset.manifest:publish::0"),
    Moment("a manifest", held=f"pixelgen.storage.local:LocalStore.remove:{SEARCH_JOURNAL}:0"),
)


def lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


@pytest.fixture(scope="module", params=LAYOUTS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that was mined by one run, in a folder by the name of its layout."""
    folder = tmp_path_factory.mktemp("whole")
    return mine(folder, "whole", "-j", 1, "--layout", request.param)


def command(whole: Path, jobs: int) -> tuple[object, ...]:
    layout = LAYOUTS[1] if (whole / "negatives-000000.tar").exists() else LAYOUTS[0]
    return (*MINE, "--layout", layout, "-j", jobs, "-o", "cut")


def kill_at(moment: Moment, folder: Path, arguments: tuple[object, ...]) -> bool:
    """Kill a run and all its processes at a moment; tell whether it did not end before."""
    (folder / "held").unlink(missing_ok=True)
    with running(folder, *arguments, under=moment.under()) as process:
        await_or_end(process, lambda: moment.has_come(folder / "cut"))
        kill_group(process)
        process.wait(PATIENCE)
        assert wait_for(lambda: not living(process.pid))
        assert process.stderr
        assert "Traceback" not in process.stderr.read()
    return process.returncode == -signal.SIGKILL


def await_or_end(process: Process, has_come: Callable[[], bool]) -> None:
    assert wait_for(lambda: process.poll() is not None or has_come())


def assert_mined(folder: Path, arguments: tuple[object, ...], whole: Path) -> None:
    done = finish(folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree_digest(folder / "cut") == tree_digest(whole), [*(folder / "cut").rglob(".*")]


@pytest.mark.parametrize("whole", LAYOUTS[:1], indirect=True)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_a_run_killed_at_a_moment_is_resumed_by_the_same_command(
    moment: Moment, whole: Path, tmp_path: Path
) -> None:
    write_model(tmp_path)
    assert kill_at(moment, tmp_path, command(whole, 2)), "it came too late"
    assert torn(tmp_path / "cut", whole) == []
    assert_mined(tmp_path, command(whole, 2), whole)


def test_ten_kills_of_one_run_change_no_byte(whole: Path, tmp_path: Path) -> None:
    write_model(tmp_path)
    landed = 0
    for number, moment in enumerate(MOMENTS):
        landed += kill_at(moment, tmp_path, command(whole, 1 + number % 2))
        assert torn(tmp_path / "cut", whole) == []
    assert landed == len(MOMENTS)
    assert_mined(tmp_path, command(whole, 2), whole)


@pytest.mark.parametrize("whole", LAYOUTS[:1], indirect=True)
def test_what_was_scored_is_not_scored_again_but_a_torn_line_is(
    whole: Path, tmp_path: Path
) -> None:
    write_model(tmp_path)
    assert kill_at(MOMENTS[3], tmp_path, command(whole, 1))
    journal = tmp_path / "cut" / SEARCH_JOURNAL
    data = journal.read_bytes()
    (tmp_path / "broken").touch()
    assert kill_at(MOMENTS[3], tmp_path, command(whole, 1))  # and comes as far without a score
    assert journal.read_bytes() == data
    journal.write_bytes(data[:-100])  # as a power cut leaves it
    done = finish(tmp_path, *command(whole, 1))
    assert (done.returncode, "SystemError: scored" in done.stderr) == (1, True)
    (tmp_path / "broken").unlink()
    assert_mined(tmp_path, command(whole, 1), whole)


@pytest.mark.parametrize("whole", LAYOUTS[1:], indirect=True)
@pytest.mark.parametrize("whom", ["parent", "group"])
@pytest.mark.parametrize("moment", [MOMENTS[1], MOMENTS[7]], ids=["search", "images"])
def test_an_interrupted_run_says_how_to_resume_it(
    moment: Moment, whom: str, whole: Path, tmp_path: Path
) -> None:
    write_model(tmp_path)
    with running(tmp_path, *command(whole, 2), under=moment.under()) as process:
        await_or_end(process, lambda: moment.has_come(tmp_path / "cut"))
        if whom == "group":  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        printed, complaint = process.communicate(timeout=PATIENCE)
        assert wait_for(lambda: not living(process.pid))
    assert (process.returncode, printed) == (130, "")
    (line,) = complaint.splitlines()
    assert "SIGINT" in line
    assert "the same command" in line
    assert torn(tmp_path / "cut", whole) == []
    assert_mined(tmp_path, command(whole, 2), whole)


@pytest.mark.parametrize("whole", LAYOUTS[:1], indirect=True)
@pytest.mark.parametrize("moment", [MOMENTS[2], MOMENTS[8]], ids=["search", "images"])
def test_a_second_run_is_refused_and_changes_nothing(
    moment: Moment, whole: Path, tmp_path: Path, run: Run
) -> None:
    write_model(tmp_path)
    with running(tmp_path, *command(whole, 1), under=moment.under()) as process:
        await_or_end(process, lambda: moment.has_come(tmp_path / "cut"))
        before = contents(tmp_path / "cut")
        assert run(*command(whole, 1)).returncode == 5
        assert contents(tmp_path / "cut") == before
    assert_mined(tmp_path, command(whole, 1), whole)
