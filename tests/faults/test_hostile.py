"""Hostile surroundings: planted names, two runs at once, spoiled state, absurd numbers."""

import functools
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from zlib import crc32

import pytest
from PIL import Image

from pixelgen.dataset.journal import JOURNAL, SUMS
from pixelgen.dataset.overwrite import clear
from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.sidecar_files import index_names
from pixelgen.dataset.source_record import SOURCES
from pixelgen.dataset.verify import check, finished_plan
from pixelgen.dataset.writer import Run as How
from pixelgen.dataset.writer import write
from pixelgen.engines import Serial
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import COMMAND, MEASURED, Done, Run, tree_digest
from tests.support.faults import (
    PATIENCE,
    Process,
    children,
    layouts,
    manifest_of,
    moments,
    trials,
    wait_for,
    wait_for_progress,
)

pytestmark = pytest.mark.faults

FIRST = "images/000000.png"
SHARD = "negatives-000000.tar"

# ---- planted names


@dataclass(frozen=True)
class Trap:
    """A folder of somebody else's, and things in a set's directory that lead to it."""

    victims: Path

    @classmethod
    def lay(cls, folder: Path) -> "Trap":
        victims = folder / "victims"
        (victims / "below").mkdir(parents=True)
        for name in ("file", "empty", "000000.png", "below/file"):
            path = victims / name
            path.write_text("" if name == "empty" else "mine")
            path.chmod(0o640)
            os.utime(path, (1_000_000_000, 1_000_000_000))
        return cls(victims)

    def plant(self, kind: str, path: Path) -> None:
        """Put something of a kind where the set has, or may have, a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind in PLANTS:
            PLANTS[kind](self.victims, path)
        elif not _plant_device(path):
            pytest.skip("device: this user may not make one (CAP_MKNOD)")

    def seen(self) -> dict[str, tuple[object, ...]]:
        return identities(self.victims)


def _plant_socket(_: Path, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)  # a socket's path is at most 107 bytes long
        try:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def _plant_folder(_: Path, path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("mine")


def _plant_device(path: Path) -> bool:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: read, it never ends
    except PermissionError:
        return False
    return True


PLANTS: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda victims, path: path.symlink_to(victims / "file"),
    "link to empty": lambda victims, path: path.symlink_to(victims / "empty"),
    "link to folder": lambda victims, path: path.symlink_to(victims),
    "dangling": lambda victims, path: path.symlink_to(victims / "nowhere"),
    "loop": lambda _, path: path.symlink_to(path.name),
    "hard link": lambda victims, path: path.hardlink_to(victims / "file"),
    "hard link to empty": lambda victims, path: path.hardlink_to(victims / "empty"),
    "pipe": lambda _, path: os.mkfifo(path),
    "socket": _plant_socket,
    "folder": _plant_folder,
    "text": lambda _, path: path.write_text("mine"),
    "empty": lambda _, path: path.write_text(""),
}
KINDS = (*PLANTS, "device")
NO_FILES = tuple(kind for kind in KINDS if kind not in ("text", "empty") and "hard" not in kind)


def identity(path: Path) -> tuple[object, ...]:
    """What must not change of a name: what it is, its mode, its bytes, where it leads; its time."""
    found = path.lstat()
    content: object = None
    if stat.S_ISREG(found.st_mode):
        content = path.read_bytes()
    elif stat.S_ISLNK(found.st_mode):
        content = path.readlink()
    time_of_it = 0 if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns
    return found.st_ino, found.st_mode, found.st_uid, time_of_it, content


def identities(root: Path) -> dict[str, tuple[object, ...]]:
    return {str(path.relative_to(root)): identity(path) for path in sorted(root.rglob("*"))}


def attempt(out: Path, **job: object) -> tuple[int, str]:
    """Make a set in this process, as the command does; return its exit code and its line."""
    try:
        write(Job.parse(**job), LocalStore(str(out), "none"), How(Serial()))
    except PixelgenError as error:
        return error.exit_code, str(error)
    return 0, ""


def assert_refused(done: Done, name: str, codes: tuple[int, ...] = (3,)) -> None:
    assert done.returncode in codes, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert_names(done.stderr, name)


def assert_names(line: str, name: str) -> None:
    assert name.rpartition("/")[2] in line or "images" in line


SMALL = ("generate", "-n", 40, "-s", 16, "-j", 2, "-q", "-o", "set")
FORTY = {"count": 40, "width": 16, "height": 16}


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap.lay(tmp_path)


# A plan, journal or lock without content is pixelgen's own, left by a power cut or a kill.
OURS_WHEN_EMPTY = (PLAN, JOURNAL, LOCK)


@pytest.mark.parametrize("name", [FIRST, "images", MANIFEST, SUMS, PLAN, JOURNAL, LOCK, SHARD])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_taken_before_a_run_is_refused_and_all_stays(
    tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    trap.plant(kind, out / name)
    victims, before = trap.seen(), identities(out)
    code, line = attempt(out, layout="tar:per_shard=20" if name == SHARD else "files", **FORTY)

    assert trap.seen() == victims
    if code == 0 and may_be_used(name, kind):
        assert (out / "images").is_dir()
        return
    assert code == 3, line
    assert_names(line, name)
    assert {path: who for path, who in identities(out).items() if path in before} == before
    assert list(out.rglob("*.part")) == []


def may_be_used(name: str, kind: str) -> bool:
    """Tell whether a run may go ahead; of an empty file's hard link the victim stays, the name may
    go."""
    if name in OURS_WHEN_EMPTY:
        return kind in ("empty", "hard link to empty")
    return (name, kind) == ("images", "folder")


@pytest.mark.parametrize("name", [FIRST, "images", MANIFEST, LOCK])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_the_command_says_in_one_line_which_name_is_taken(
    run: Run, tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    trap.plant(kind, tmp_path / "set" / name)
    done = run(*SMALL)
    if (name, kind) == ("images", "folder"):
        assert done.returncode == 0
    else:
        assert_refused(done, name)


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "text", "hard link"])
def test_a_record_of_sources_that_is_there_before_a_run_is_refused_and_stays(
    run: Run, tmp_path: Path, trap: Trap, kind: str
) -> None:
    (tmp_path / "own").mkdir()
    Image.new("RGB", (32, 32), "red").save(tmp_path / "own/one.png")
    out = tmp_path / "set"
    trap.plant(kind, out / SOURCES)
    victims, before = trap.seen(), identity(out / SOURCES)
    done = run(*SMALL, "--family", "pixel_shuffle:source=own")

    assert_refused(done, SOURCES)
    assert trap.seen() == victims
    assert identity(out / SOURCES) == before


def test_a_record_of_sources_beside_a_set_without_sources_is_left_alone(
    run: Run, tmp_path: Path, trap: Trap
) -> None:
    trap.plant("text", tmp_path / "set" / SOURCES)
    before = identity(tmp_path / "set" / SOURCES)

    assert run(*SMALL).returncode == 0
    assert identity(tmp_path / "set" / SOURCES) == before


# ---- planted before a resume

# Four shards of two images, of which two shards are done.
CUT = {"count": 8, "width": 1000, "height": 1000, "family": "solid"}
RESUME = ("generate", "-n", 8, "-s", 1000, "--family", "solid", "-q", "-o", "set", "--layout")


def cut_short(folder: Path, layout: str, shards: int = 2) -> Path:
    """Make the beginning of a set, as an interrupted run leaves it."""
    rounds = iter(range(shards))
    stopping = How(Serial(), stopped=lambda: next(rounds, None) is None)
    write(Job.parse(layout=layout, **CUT), LocalStore(str(folder), "none"), stopping)
    return folder


@functools.cache
def whole_digest(layout: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write(Job.parse(layout=layout, **CUT), LocalStore(folder, "none"), How())
        return tree_digest(Path(folder))


@pytest.fixture(params=layouts(2))
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "hard link"])
@pytest.mark.parametrize("place", ["done", "missing", "index", "manifest", SUMS])
def test_a_name_taken_before_a_run_goes_on_is_refused_and_stays(
    tmp_path: Path, trap: Trap, layout: str, place: str, kind: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    job = Job.parse(layout=layout, **CUT)
    first, *_, last = job.files()
    indexed = next(chain(*index_names(job)), last)
    places = {"done": first, "missing": last, "index": indexed, "manifest": job.manifest}
    name = places.get(place, place)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    trap.plant(kind, out / name)
    victims, before = trap.seen(), identity(out / name)
    code, line = attempt(out, layout=layout, **CUT)

    assert trap.seen() == victims
    assert identity(out / name) == before
    assert list(out.rglob("*.part")) == []
    assert code == 3, line
    assert name.rpartition("/")[2] in line
    (shutil.rmtree if kind == "folder" else os.unlink)(out / name)
    write(Job.parse(layout=layout, **CUT), LocalStore(str(out), "none"), How())
    assert tree_digest(out) == whole_digest(layout)


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "hard link"])
@pytest.mark.parametrize("name", [JOURNAL, LOCK, PLAN])
def test_state_replaced_by_a_stranger_s_before_a_run_goes_on_harms_nobody(
    tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    out = cut_short(tmp_path / "set", "files")
    trap.plant(kind, out / name)
    victims, before = trap.seen(), identity(out / name)
    code, line = attempt(out, **CUT)

    assert trap.seen() == victims
    if name == JOURNAL and kind == "text" and code == 0:
        assert tree_digest(out) == whole_digest("files")  # lines that are not ours do not count
        return
    assert code == 3, line
    assert_names(line, name)
    assert identity(out / name) == before


@pytest.mark.parametrize("where", ["images", "images/001"])
@pytest.mark.parametrize("kind", ["link to folder", "dangling", "text", "pipe"])
def test_a_folder_taken_by_a_stranger_leads_nobody_out_of_the_set(
    tmp_path: Path, trap: Trap, where: str, kind: str
) -> None:
    trap.plant(kind, tmp_path / "set" / where)
    victims, before = trap.seen(), identity(tmp_path / "set" / where)
    code, line = attempt(tmp_path / "set", count=10_500, width=1, height=1, checksum="none")

    assert code == 3, line
    assert_names(line, where)
    assert trap.seen() == victims
    assert identity(tmp_path / "set" / where) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_the_name_of_a_dead_process_s_temporary_file_harms_nobody(
    run: Run, tmp_path: Path, trap: Trap, kind: str
) -> None:
    out = cut_short(tmp_path / "set", "files")
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename
    trap.plant(kind, out / f"images/.000003.png.{host}.{dead.pid}.0123abcd.part")
    inside = {p: p.read_text() for p in out.rglob("mine")}
    victims = trap.seen()
    done = run(*RESUME, "files")

    assert done.returncode == 0, done.stderr
    assert trap.seen().keys() == victims.keys()
    assert trap.seen() == victims
    assert {p: p.read_text() for p in inside} == inside


def test_a_parent_of_the_directory_may_be_a_link_of_the_user_s(run: Run, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "way").symlink_to("disk")
    assert run(*SMALL[:-1], "way/set").returncode == 0
    assert run(*SMALL[:-1], "plain").returncode == 0
    assert run("verify", "way/set").returncode == 0

    assert (tmp_path / "way").is_symlink()
    assert tree_digest(tmp_path / "disk/set") == tree_digest(tmp_path / "plain")


# ---- planted while it runs


# Runs the command, and stops itself once its first shard is done.
PAUSED = """
import os, signal, sys
from pixelgen.__main__ import run
from pixelgen.cli.output import Progress

pauses = [signal.SIGSTOP]

def pause(self, images, size):
    while pauses:
        os.kill(os.getpid(), pauses.pop())

Progress.update = pause
run()
"""
DURING = ("generate", "-s", "1", "-j", "2", "-q", "-o", "set", "-n")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "text", "hard link"])
@pytest.mark.parametrize("name", ["images/010/010999.png", "images/010", MANIFEST, SUMS, JOURNAL])
def test_a_name_taken_while_a_run_is_at_work_is_not_written_through_or_over(
    tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    process = subprocess.Popen(
        # The images beyond ten thousand are in folders of a thousand.
        [sys.executable, "-c", PAUSED, *DURING, "11000" if "/" in name else "3000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert wait_for(lambda: process.poll() is not None or is_stopped(process))
        assert not (out / name).exists() or name == JOURNAL, "the run was stopped too late"
        trap.plant("link to folder" if (name, kind) == ("images/010", "link") else kind, out / name)
        victims, before = trap.seen(), identity(out / name)
        process.send_signal(signal.SIGCONT)
        said, complaint = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()

    assert trap.seen() == victims
    assert "Traceback" not in complaint
    if name == "images/010" and kind == "folder":
        assert process.returncode == 0, complaint
        assert (out / "images/010/mine").read_text() == "mine"
        return
    assert said == ""
    assert len(complaint.splitlines()) == 1, complaint
    # A journal that somebody took away while the run is at work is a failure to write.
    assert process.returncode in ((1, 3) if name == JOURNAL else (3,)), complaint
    if not (name == JOURNAL and kind == "text"):
        assert identity(out / name) == before


def is_stopped(process: Process) -> bool:
    """Tell whether a process was stopped by a signal."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


# ---- planted before a verify


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "empty", "hard link"])
@pytest.mark.parametrize("name", [FIRST, SHARD, MANIFEST, SUMS, PLAN])
def test_a_file_of_a_finished_set_replaced_by_a_stranger_s_is_told_and_never_waited_for(
    tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    kind_of_set = "tar:per_shard=20" if name == SHARD else "files"
    assert attempt(out, layout=kind_of_set, **FORTY) == (0, "")
    trap.plant(kind, out / name)
    victims, before = trap.seen(), identities(out)
    for deep in (False, True):
        code, told = verified(out, deep=deep)
        # A set whose manifest is no file of its own is one that is not finished.
        assert code == 3 or (name == MANIFEST and code == 1 and "finish" in told)
        assert name in told or code == 1
    with pytest.raises(Conflict):
        force(out, count=41, width=16, height=16, layout=kind_of_set)
    assert trap.seen() == victims
    assert identities(out) == before


def verified(out: Path, *, deep: bool = False) -> tuple[int, str]:
    """Verify a set in this process; return the exit code, and what is told."""
    store = LocalStore(str(out))
    try:
        found = list(check(finished_plan(store), store, How(Serial()), deep=deep))
    except PixelgenError as error:
        return error.exit_code, str(error)
    told = [f"{name}: {what}" for checked in found for name, what in checked.damage]
    return 3 if told else 0, "\n".join(told)


def force(out: Path, **job: object) -> None:
    """Replace a set, as --force does."""
    store, new = LocalStore(str(out), "none"), Job.parse(**job)
    clear(store, new, How(Serial()))
    write(new, store, How(Serial()))


@pytest.mark.parametrize("name", [FIRST, MANIFEST, SUMS, PLAN])
@pytest.mark.parametrize("kind", ["dangling", "pipe", "socket", "device"])
def test_the_command_verifies_a_set_with_a_stranger_s_file_without_waiting_for_it(
    run: Run, tmp_path: Path, trap: Trap, kind: str, name: str
) -> None:
    assert attempt(tmp_path / "set", **FORTY) == (0, "")
    trap.plant(kind, tmp_path / "set" / name)
    done = run("verify", "set")

    assert done.returncode in ((1, 3) if name == MANIFEST else (3,))
    assert "Traceback" not in done.stderr
    assert name in done.stdout + done.stderr or name == MANIFEST


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "empty", "hard link"])
def test_the_same_command_on_a_set_whose_manifest_was_replaced_changes_no_victim(
    tmp_path: Path, trap: Trap, kind: str
) -> None:
    assert attempt(tmp_path / "set", **FORTY) == (0, "")
    trap.plant(kind, tmp_path / "set" / MANIFEST)
    victims = trap.seen()
    code, line = attempt(tmp_path / "set", **FORTY)

    assert code in (0, 3), line
    assert trap.seen() == victims


@pytest.mark.parametrize("kind", ["dangling", "pipe", "socket", "folder", "text", "empty"])
def test_a_preview_of_a_set_with_a_stranger_s_file_is_one_line(
    run: Run, tmp_path: Path, trap: Trap, kind: str
) -> None:
    assert run(*SMALL).returncode == 0
    trap.plant(kind, tmp_path / "set" / FIRST)
    victims = trap.seen()
    done = run("preview", "set", "-o", "sheet.png")

    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "000000.png" in done.stderr
    assert trap.seen() == victims


# ---- an unprivileged user

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder that another user can reach and write to, with that user tried out, or skip."""
    probe = subprocess.run(
        [*NOBODY, COMMAND, "--version"], check=False, capture_output=True, text=True
    )
    if probe.returncode != 0:
        pytest.skip(f"unprivileged user: setpriv cannot run the command ({probe.stderr.strip()})")
    folder = Path(tempfile.mkdtemp(prefix="pixelgen-nobody-"))
    os.chown(folder, 65534, 65534)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(folder: Path, *arguments: object) -> Done:
    return subprocess.run(
        [*NOBODY, COMMAND, *map(str, arguments)],
        check=False, capture_output=True, text=True, cwd=folder, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", [FIRST, MANIFEST, SUMS, PLAN, JOURNAL, LOCK])
@pytest.mark.parametrize("mode", [0o000])
def test_a_file_that_may_not_be_read_stays_and_is_one_line(
    own_folder: Path, name: str, mode: int
) -> None:
    (own_folder / "set").mkdir()
    os.chown(own_folder / "set", 65534, 65534)
    path = own_folder / "set" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("root's")
    path.chmod(mode)
    before = identity(path)
    done = as_nobody(own_folder, *SMALL)

    assert_refused(done, name, (1, 3))
    assert identity(path) == before


@pytest.mark.parametrize("folder", ["set", "set/images", "."])
@pytest.mark.parametrize("mode", [0o000, 0o500])
@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_that_may_not_be_read_or_written_is_one_line(
    own_folder: Path, folder: str, mode: int, begun: bool
) -> None:
    if begun:
        cut_short(own_folder / "set", "files")
        for path in own_folder.rglob("*"):
            os.chown(path, 65534, 65534)
    (own_folder / folder).mkdir(parents=True, exist_ok=True)
    os.chown(own_folder / "set", 65534, 65534) if (own_folder / "set").exists() else None
    os.chown(own_folder / folder, 65534, 65534)
    (own_folder / folder).chmod(mode)
    done = as_nobody(Path("/"), *RESUME[:-2], own_folder / "set", "--layout", "files")
    (own_folder / folder).chmod(0o755)

    assert "Traceback" not in done.stderr
    if done.returncode == 0:  # where the work needs not what is forbidden
        assert tree_digest(own_folder / "set") == whole_digest("files")
        return
    assert done.returncode in (1, 3)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "set" in done.stderr or "images" in done.stderr


@pytest.mark.parametrize("name", [FIRST, MANIFEST, SUMS, PLAN, "images"])
def test_verify_of_what_may_not_be_read_is_one_line(own_folder: Path, name: str) -> None:
    write(Job.parse(count=40, width=16, height=16), LocalStore(str(own_folder / "set")), How())
    (own_folder / "set" / name).chmod(0)
    done = as_nobody(own_folder, "verify", "set")

    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    assert "all well" not in done.stderr
    assert name in done.stdout + done.stderr


# ---- two runs at once


def loose_and_sharded(per_shard: int) -> list[str]:
    """Spell a layout of each kind, by whose code the others are written; with a factor, all."""
    return layouts(per_shard) if trials(1) > 1 else ["files", f"webdataset:per_shard={per_shard}"]


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


def test_a_second_run_is_refused_with_5_while_the_first_stands_still_and_then_goes_on(
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
def test_two_runs_at_once_without_locks_both_end_in_the_same_set(
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


# ---- spoiled journals, plans, manifests


def line_of(*body: object) -> bytes:
    """A line of the journal as pixelgen writes it, with a right checksum."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def forged(old: bytes, *record: object) -> bytes:
    """Append a line that names the mount and the job of the first one, if that is a journal's."""
    mount, job = json.loads(old.partition(b"\n")[0][9:])[:2] if old[8:9] == b" " else ("", "")
    return old + line_of(mount, job, *record)


SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "zeros": lambda old: bytes(len(old)),
    "end torn": lambda old: old[:-7],
    "no last newline": lambda old: old[:-1],
    "first line torn": lambda old: old[5:],
    "middle cut out": lambda old: old[: len(old) // 3] + old[len(old) // 2 :],
    "a hole of zeros": lambda old: old[:100] + bytes(4096) + old[4196:],
    "twice": lambda old: old * 2,
    "thrice, and torn": lambda old: old * 3 + old[:60],
    "lines swapped": lambda old: b"".join(reversed(old.splitlines(keepends=True))),
    "carriage returns": lambda old: old.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda old: b"\xef\xbb\xbf" + old,
    "lines of a stranger's": lambda old: b"mine\n" + old + b"\xff\xfe\n{}\n[]\n",
    "one endless line": lambda old: b"x" * (4 << 20) + b"\n" + old,
    "blank lines": lambda old: b"\n\n" + old.replace(b"\n", b"\n\n"),
    "nothing but a newline": lambda _: b"\n",
    "of a shard that is not": lambda old: forged(old, 10**6, [1], ["x"], 0, ""),
    "of shard -1": lambda old: forged(old, -1, [1], ["x"], 0, ""),
    "of sizes that are not": lambda old: forged(old, 2, [0, 0], ["x", "x"], 0, ""),
    "of no sizes": lambda old: forged(old, 2, [], [], 0, ""),
    "of sizes below 0": lambda old: forged(old, 2, [-1, -1], ["x", "x"], 0, ""),
    "of numbers past any": lambda old: forged(old, float("inf"), [float("nan")], [], 0, ""),
    "of nested lists": lambda old: old + b"%08x %s\n" % (crc32(b"[" * 9999), b"[" * 9999),
}


@pytest.mark.parametrize("how", SPOIL)
@pytest.mark.parametrize("name", [JOURNAL, PLAN, "manifest", SUMS, LOCK])
def test_spoiled_state_of_a_set_in_the_making_ends_identical_or_is_refused_untouched(
    tmp_path: Path, layout: str, name: str, how: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    name = manifest_of(layout) if name == "manifest" else name
    plausible = (out / PLAN).read_bytes() if name not in (JOURNAL, PLAN) else b""
    old = (out / name).read_bytes() if name in (JOURNAL, PLAN) else plausible
    (out / name).write_bytes(SPOIL[how](old))
    assert_mended_or_refused(out, layout)


def assert_mended_or_refused(out: Path, layout: str, hint: object = "") -> None:
    before = identities(out)
    code, line = attempt(out, layout=layout, **CUT)
    if code == 0:
        assert tree_digest(out) == whole_digest(layout), hint
        return
    after = identities(out)
    before.pop(JOURNAL, None)  # of a run that is refused late, more shards stand in it
    assert code == 3, (line, hint)
    assert "\n" not in line
    assert {name: after.get(name) for name in before} == before, hint
    assert not list(out.rglob("*.part")), hint


@pytest.mark.parametrize("name", [JOURNAL, PLAN])
def test_state_that_is_gone_ends_identical_or_is_refused_untouched(
    tmp_path: Path, layout: str, name: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    (out / name).unlink()
    assert_mended_or_refused(out, layout)


@pytest.mark.parametrize("name", [PLAN, JOURNAL])
def test_state_of_another_set_ends_identical_or_is_refused_untouched(
    tmp_path: Path, layout: str, name: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    other = tmp_path / "other"
    rounds = iter(range(2))
    stopping = How(Serial(), stopped=lambda: next(rounds, None) is None)
    write(Job.parse(layout=layout, **CUT | {"seed": 5}), LocalStore(str(other)), stopping)
    shutil.copyfile(other / name, out / name)
    assert_mended_or_refused(out, layout)


@pytest.mark.parametrize("name", [JOURNAL])
def test_state_spoiled_at_random_ends_identical_or_is_refused_untouched(
    tmp_path: Path, layout: str, name: str
) -> None:
    cut_short(tmp_path / "cut", layout)
    for seed in range(trials(10)):
        dice = random.Random(seed)
        out = tmp_path / str(seed)
        shutil.copytree(tmp_path / "cut", out, copy_function=os.link)
        old = (out / name).read_bytes()
        (out / name).unlink()
        if name != JOURNAL:
            privately(out / JOURNAL)
        (out / name).write_bytes(spoiled(old, dice))
        assert_mended_or_refused(out, layout, f"seed {seed}")
        shutil.rmtree(out)


def privately(path: Path) -> None:
    """Make of one name of a file a file of its own."""
    old = path.read_bytes()
    path.unlink()
    path.write_bytes(old)


def spoiled(old: bytes, dice: random.Random) -> bytes:
    """Return bytes with one to three random faults: cuts, flips, holes, repetitions, noise."""
    new = bytearray(old)
    for _ in range(dice.randint(1, 3)):
        start = dice.randrange(len(new) + 1)
        stop = min(len(new), start + dice.choice((1, 10, 500, 5000)))
        kind = dice.randrange(5)
        if kind == 0:
            del new[start:]
        elif kind == 1 and start < stop:
            new[start] ^= 1 << dice.randrange(8)
        elif kind == 2:
            new[start:stop] = bytes(stop - start)
        elif kind == 3:
            new[start:start] = new[start:stop]
        else:
            new[start:start] = dice.randbytes(20)
    return bytes(new)


# ---- hostile numbers

# Runs one command line after the other, as one start for each would take the most of the time, and
# prints of each: exit code, stdout, stderr, seconds of this process so far.
EACH = """
import json, os, sys, time, traceback
from pixelgen.cli import main
lines, told = json.load(sys.stdin), os.fdopen(os.dup(1), "w")
for line in lines:
    for stream in (1, 2):
        os.dup2(os.open(f"../{stream}", os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
    try:
        code = main(line)
    except Exception:
        code = traceback.print_exc()
    sys.stdout.flush(), sys.stderr.flush()
    said = [open(f"../{stream}", errors="replace").read() for stream in (1, 2)]
    print(json.dumps([code, *said, time.process_time()]), file=told)
"""


# Seconds of a processor, of which a refusal takes hundredths; a number that is counted up to, or a
# power that is worked out, takes more.
COUNTED = 20


@dataclass(frozen=True)
class Told:
    code: int | None
    out: str
    err: str
    seconds: float


def each(folder: Path, lines: list[list[str]]) -> Iterator[Told]:
    """Run command lines in one process, which must stay small; yield what came of each."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-c", EACH],
        check=False, capture_output=True, text=True, cwd=folder, timeout=120,
        input=json.dumps(lines),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    *told, used = done.stdout.strip().splitlines()
    assert float(used.split()[1]) < 100_000
    before = 0.0
    for line in filter(None, told):
        code, out, err, now = json.loads(line)
        yield Told(code, out, err, now - before)
        before = now


LONG = "9" * 5000
LONG_HEX = "0x" + "f" * 5000

NUMBERS: list[tuple[int, str, list[str]]] = [
    *((2, "-n", [v]) for v in ("-1", "1e9", str(2**63), "nan", "inf", "1e400", "", " ", "0x10",
                               "-2147483649", "1.5", LONG, "1_0_", "0b1", "∞", "½", "1\n2")),
    *((0, "-n", [v]) for v in ("0", "１", "+5", "-0", "007", " 5 ", "1_000", str(2**31))),
    *((2, "-s", [v]) for v in ("0", "-1", "1e9", str(2**31), "nan", " ", "0x10x0", "5x", "x5",
                               "5x5x5", "1000000000", LONG, "-0x-0", "5,5")),
    *((0, "-s", [v]) for v in ("１x１", " 5 ", "5X5", "007")),
    *((2, "--width", [v]) for v in ("nan", "1e400", str(2**63), "", "1e3", LONG)),
    *((2, "--height", [v]) for v in ("0", "-1", str(2**31), "inf", LONG, "0x10")),
    *((2, "--density", [v, "--color", "red"]) for v in ("-1", "inf", "-inf", "1e400", "", " ",
                                                        "0x1", "1.0000001", "1e3", LONG)),
    *((0, "--density", [v, "--color", "red"]) for v in ("-0", "1e-400", "１", "+1", "0." + LONG)),
    *((2, "--seed", [v]) for v in ("-1", "1e3", "", " ", "nan", "0x", "+5", "1_0", "１",
                                   str(2**128), LONG, LONG_HEX)),
    *((0, "--seed", [v]) for v in (str(2**128 - 1), "0X1F", "00", " 7 ")),
    *((2, "-j", [v]) for v in ("-1", "1e9", "nan", "", "0x10", LONG)),
    *((2, "--depth", [v]) for v in ("0", "-1", "12", "nan", "", "１６", LONG)),
    *((2, "--family", [v]) for v in ("gaussian:sigma=nan", "gaussian:sigma=-1",
                                     "gaussian:sigma=inf",
                                     "gaussian:sigma=1e400", "gaussian:sigma=", "checker:cell=0",
                                     "checker:cell=1e3", f"checker:cell={LONG}", "perlin:res=-0",
                                     f"checker:cell={LONG_HEX}", "stripes:n=1.5", "uniform=0",
                                     "uniform=nan", "uniform=-1", "uniform=inf", "uniform=1e400",
                                     "uniform=", "gaussian:sigma=5..nan", "gaussian:sigma=9..5",
                                     "gaussian:sigma=..", "gaussian:sigma=1|", "checker:cell=½",
                                     f"gaussian:sigma={LONG}", "fractal:points=1e9")),
    *((0, "--family", [v]) for v in ("checker:cell=0x10", "checker:cell=１", "gaussian:sigma=+5",
                                     "gaussian:sigma=-0", "gaussian:sigma=1e3",
                                     "checker:cell= 5 ")),
    *((2, "-f", [v]) for v in ("jpeg:quality=0", "jpeg:quality=101", "jpeg:quality=nan",
                               "jpeg:quality=1e1", f"jpeg:quality={LONG}", "png:compression=-0",
                               "png:compression=", "webp:method=7", "avif:speed=inf")),
    (0, "--layout", ["tar:per_shard=0"]),
    *((2, "--layout", [v]) for v in ("tar:per_shard=-1", "tar:per_shard=1e9", "tar:per_shard=nan",
                                     f"tar:per_shard={LONG_HEX}")),
]  # fmt: skip


def shown(value: object) -> str:
    """The name of a case: short, and of plain characters."""
    return ascii(value)[:36] if isinstance(value, str | list) else str(value)


OPTIONS = list(dict.fromkeys(option for _, option, _ in NUMBERS))


@pytest.mark.parametrize("option", OPTIONS)
def test_hostile_numbers_are_taken_or_told_of_in_one_line_quickly_and_in_little_memory(
    tmp_path: Path, option: str
) -> None:
    cases = [(code, values) for code, name, values in NUMBERS if name == option]
    size = [] if option in ("-s", "--width", "--height") else ["-s", "8"]
    (tmp_path / "here").mkdir()
    lines = [["generate", "--dry-run", *size, option, *values] for _, values in cases]
    told = list(each(tmp_path / "here", lines))

    assert [*(tmp_path / "here").iterdir()] == []
    assert len(told) == len(cases)
    wrong = [
        (shown(values), one.code, one.err[:150])
        for (code, values), one in zip(cases, told, strict=True)
        if one.code != code or not is_one_clear_line(one) or one.seconds > COUNTED
    ]
    assert wrong == []


def is_one_clear_line(one: Told) -> bool:
    """Tell whether there is a result, or a line on stderr that names what is wrong."""
    if one.code == 0:
        return bool(one.out) and (not one.err or one.err.startswith("note: "))
    is_one = len(one.err.splitlines()) == 1 and not one.out and "Traceback" not in one.err
    return is_one and "is not a family, or a list of them" not in one.err


RECIPES = {
    "a.toml": [
        "count = nan", "count = inf", "count = -1", "count = 1e400", "count = 9223372036854775808",
        f"count = {LONG}", f"count = {LONG_HEX}", "count = 0x10000000000000000", "count = true",
        'count = "\\u0000"', 'count = "5\\u0000"', 'size = "8\\u0000"', "count = []", "count = 5.0",
        'seed = "\\u0000"', f"seed = {LONG_HEX}", "seed = -1", "seed = 1.5", "width = 0.5",
        'color = "red"\ndensity = nan', 'color = "red"\ndensity = inf', "depth = 8.5",
        'family = "gaussian:sigma=\\u0000"', 'family = "\\u0000"',
        'format = "jpeg:quality=\\u0000"',
        f"width = {LONG_HEX}", f"depth = {LONG_HEX}", "count = 1979-05-27", "size = inf",
    ],
    "a.json": [
        '{"job": {"count": NaN}}', '{"job": {"count": Infinity}}', '{"job": {"count": 1e400}}',
        '{"job": {"count": -1}}', '{"job": {"count": null, "width": null}}',
        '{"job": {"seed": 1e3}}',
        f'{{"job": {{"count": {LONG}}}}}', '{"job": {"density": NaN, "color": "red"}}',
        '{"job": {"count": "\\u0000"}}', '{"job": [1]}', '{"job": {"": 1}}', "5", '{"job": 5}',
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_hostile_numbers_in_a_recipe_are_told_of_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    for number, text in enumerate(RECIPES[name]):
        (tmp_path / f"{number}{name}").write_text(text)
    lines = [
        ["generate", "--dry-run", "--recipe", f"../{number}{name}"]
        for number in range(len(RECIPES[name]))
    ]
    told = list(each(tmp_path / "here", lines))

    wrong = [
        (shown(text), one.code, (one.out + one.err)[:150])
        for text, one in zip(RECIPES[name], told, strict=True)
        if one.code != 2 or one.seconds > COUNTED or not is_one_clear_line(one)
    ]
    assert wrong == []


def test_hostile_numbers_for_a_preview_are_told_of_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    cases = [["-n", "0"], ["-n", "1001"], ["-n", "1e9"], ["--columns", "0"], ["--columns", "nan"],
             ["--columns", LONG], ["--tile", "7"], ["--tile", "1025"], ["--tile", "nan"],
             ["--seed", "-1"], ["-s", "1000000000"]]  # fmt: skip
    told = each(tmp_path / "here", [["preview", *case, "-o", "sheet.png"] for case in cases])
    wrong = [
        (shown(case), one.code, one.err[:150])
        for case, one in zip(cases, told, strict=True)
        if one.code != 2 or one.seconds > COUNTED or not is_one_clear_line(one)
    ]
    assert wrong == []
    assert [*(tmp_path / "here").iterdir()] == []


def measured(folder: Path, *arguments: str) -> tuple[Done, str, float, float]:
    """Run the command; return what came of it, its stdout, and its CPU seconds and kibibytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, COMMAND, *arguments],
        check=False, capture_output=True, text=True, cwd=folder, timeout=60,
    )  # fmt: skip
    out, _, used = done.stdout.rpartition("\n")
    seconds, kibibytes = map(float, used.split())
    return done, out, seconds, kibibytes


def test_more_shards_than_can_be_kept_track_of_are_refused_before_anything_is_written(
    run: Run, tmp_path: Path
) -> None:
    done = run("generate", "-n", 2**53, "-s", 8, "--layout", "tar:per_shard=1", "-o", "set")

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "9,007,199,254,740,992" in done.stderr
    assert not (tmp_path / "set").exists()


# ---- memory


@pytest.mark.parametrize("count", [10**9, 2**53])
@pytest.mark.parametrize("layout", ["files", "tar"])
def test_a_dry_run_of_any_count_takes_no_more_memory_than_one_of_ten(
    tmp_path: Path, count: int, layout: str
) -> None:
    command = ("generate", "--dry-run", "-s", "300", "--layout", layout, "-n")
    done, _, seconds, most = measured(tmp_path, *command, str(count))
    _, _, few_seconds, few = measured(tmp_path, *command, "10")

    assert done.returncode == 0, done.stderr
    assert seconds < few_seconds * 5  # of a processor, most of them to start Python
    assert most < 100_000
    assert most < few * 1.1


def peak(folder: Path, count: int, layout: str, shards: int) -> tuple[int, int]:
    """Make so many shards of a set; return the exit code and the peak of its largest process."""
    journal = folder / str(count) / JOURNAL
    done_before = shards_in(journal)
    command = [COMMAND, "generate", "-n", str(count), "-s", "8", "-j", "2", "-q",
               "--layout", layout, "-o", str(count)]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", MEASURED, *command], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            begun = wait_for(
                lambda: process.poll() is not None or shards_in(journal) >= done_before + shards,
                5 * PATIENCE,  # a million names are looked up first
            )
        finally:
            for command_itself in children(process):
                os.kill(command_itself, signal.SIGTERM)
        assert begun, "no shard was made"
        told, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, int(told.split()[-1])


def shards_in(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("layout", [*loose_and_sharded(1000), "tar:per_shard=1"])
def test_a_run_of_a_million_takes_within_a_tenth_the_memory_of_one_of_a_thousand(
    tmp_path: Path, layout: str
) -> None:
    few = peak(tmp_path, 10**3, layout, 10**6)
    many = peak(tmp_path, 10**6, layout, 6)
    resumed = peak(tmp_path, 10**6, layout, 6)

    assert few[0] == 0
    assert (many[0], resumed[0]) == (143, 143), "the runs ended before they were stopped"
    assert many[1] < few[1] * 1.1
    assert resumed[1] < few[1] * 1.1
