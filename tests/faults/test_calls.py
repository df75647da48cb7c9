"""Every call to the system: killed at it, or refused by it, a run ends in the same dataset later.

strace makes the n-th call of a name fail, or kills the process at it. Calls are counted from the
first that touches the dataset's folder; the hundreds that Python starts with are left out.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.layouts.base import MANIFEST
from tests.support.command import Done, tree_digest
from tests.support.faults import PATIENCE, Shared, finish, flip, layouts, running, torn, trials

pytestmark = pytest.mark.faults

JOB = ("-n", 30, "-s", 32, "--engine", "serial")
REMOVED = "3,20-21"
CALLS = (
    *("write", "openat", "mkdir", "mkdirat", "ftruncate", "fsync", "syncfs"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"),
)
# With a plus, every later call of the name fails too, but for writes: the complaint is one.
ERRORS = ("EIO", "ENOSPC+", "EMFILE", "EDQUOT+", "EROFS+", "EACCES")

KINDS: dict[str, tuple[object, ...]] = {
    **{layout.partition(":")[0]: ("--layout", layout) for layout in layouts(4)},
    "each": ("--durability", "each"),
    "sources": (
        *("--family", "pixel_shuffle:source=photos"),
        *("--layout", "tar:per_shard=10", "--durability", "each"),
    ),
    # As on a file system that knows no renameat2: hard links instead.
    "links": (),
    # The damaged dataset is repaired in place of one made.
    "repair": (),
    "mend": (),
    # Sidecars are added to a finished dataset in place of one made.
    "index": ("--layout", "universal"),
    # A finished dataset gets more images, or loses some.
    "grow": ("--layout", "universal"),
    "grow tar": ("--layout", "webdataset:per_shard=4,wids"),
    "grow tfrecord": ("--layout", "tfrecord"),
    "remove": ("--recipe", "removed.toml"),
    "remove tar": ("--recipe", "removed.toml", "--layout", "webdataset:per_shard=4,wids"),
    "remove where": ("--recipe", "removed_one.toml"),
    # A finished dataset is replaced by the one that is made.
    "force": ("--force",),
    "force tar": ("--force",),
}
BEFORE = {
    "repair": "damaged", "mend": "damaged", "index": "bare", "force": "other", "force tar": "tars",
    "grow": "half", "grow tar": "half tar", "grow tfrecord": "half tfrecord",
    "remove": "all", "remove tar": "all tar", "remove where": "all",
}  # fmt: skip
OTHERS: dict[str, tuple[object, ...]] = {
    "bare": (),
    "other": ("--seed", 7),
    "tars": ("--seed", 7, "--layout", "webdataset:per_shard=4"),
    "half": ("-n", 14, *KINDS["grow"]),
    "half tar": ("-n", 14, *KINDS["grow tar"]),
    "half tfrecord": ("-n", 14, *KINDS["grow tfrecord"]),
    "all": (),
    "all tar": KINDS["remove tar"][2:],
}

# strace counts the calls of each thread by themselves; in one thread they are in one order.
ONE_THREAD = """
import sys
from pixelgen import threads
threads.run_in_thread = lambda function, *arguments: function(*arguments)
from pixelgen.__main__ import run
sys.argv = sys.argv[1:]
run()
"""

Point = tuple[str, int]


@dataclass(frozen=True)
class Bench:
    """A job whose calls are tampered with in a place, and its set as an undisturbed run makes it.

    That is in a folder which others read, too.
    """

    folder: Path
    place: Path
    kind: str
    strace: str
    digest: str

    @property
    def cut(self) -> Path:
        return self.place / "cut"

    @property
    def command(self) -> tuple[object, ...]:
        if BEFORE.get(self.kind) == "damaged":
            return ("repair", self.cut, "-q", "-j", 1)
        if self.kind == "remove where":
            return ("remove", self.cut, "--where", "index=3", "-q", "-j", 1)
        if self.kind.startswith("remove"):
            return ("remove", self.cut, "--index", REMOVED, "-q", "-j", 1)
        if self.kind == "index":
            return ("index", self.cut, *KINDS["index"], "-q")
        return ("generate", *JOB, *KINDS[self.kind], "-q", "-o", self.cut)

    @property
    def before(self) -> list[Path]:
        """Return what is there before the run, if anything is."""
        return [self.folder / BEFORE[self.kind]] if self.kind in BEFORE else []

    @cached_property
    def points(self) -> list[Point]:
        """Return the calls by which an undisturbed run touches the dataset, of each name 1, 2, …"""
        options = ["-y", "-e", f"trace={','.join(CALLS)}", *self._links()]
        done = self._run(options)
        assert done.returncode == 0, done.stderr
        counts = Counter[str]()
        for line in (self.place / "log").read_text().splitlines():
            call = line.split()[1].partition("(")[0]
            counts[call] += str(self.cut) in line or call == "write"
        if self.kind == "links":
            del counts["renameat2"]  # which fails always
        return [(call, number + 1) for call in CALLS for number in range(counts[call])]

    def tamper(self, point: Point, fault: str) -> Done:
        """Run from an empty folder, with a fault in strace's notation at a call."""
        call, number = point
        fault, lasts, _ = fault.partition("+")
        lasts = "" if call == "write" else lasts
        # A temporary file's name is not known beforehand; nothing else is written or synced but
        # stdout.
        options = [] if call in ("write", "fsync") else self._paths()
        options += ["-e", f"trace={call}{',renameat2' * (self.kind == 'links')}", *self._links()]
        # With the filter, calls that are not traced cost nothing, but no signal is delivered.
        options += [] if fault.startswith("signal") else ["--seccomp-bpf"]
        return self._run([*options, "-e", f"inject={call}:{fault}:when={number}{lasts}"])

    def _run(self, options: list[str]) -> Done:
        shutil.rmtree(self.cut, ignore_errors=True)
        for folder in self.before:
            shutil.copytree(folder, self.cut)
        strace = [self.strace, "-f", "-qq", "-o", str(self.place / "log"), *options]
        under = [*strace, sys.executable, "-B", "-c", ONE_THREAD]  # bytecode is no call of ours
        with running(self.folder, *self.command, under=under) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return Done(process.args, process.returncode, out, err)

    def _links(self) -> list[str]:
        return ["-e", "inject=renameat2:error=EINVAL"] if self.kind == "links" else []

    def _paths(self) -> list[str]:
        names = {".pixelgen.lock", ".pixelgen.journal", "pixelgen.json", "sources.jsonl"}
        names |= {f".pixelgen.resize{suffix}" for suffix in ("", ".journal", ".json", ".new")}
        for path in (self.folder / "whole").rglob("*"):
            place = path.relative_to(self.folder / "whole")
            names |= {str(place)} if path.is_dir() else {str(place.parent)}
        paths = (self.cut, *(self.cut / name for name in sorted(names)))
        return [word for path in paths for word in ("-P", str(path))]

    def was_refused(self, point: Point) -> bool:
        """Tell whether the fault came to pass."""
        lines = (self.place / "log").read_text().splitlines()
        return any(f" {point[0]}(" in line and "(INJECTED)" in line for line in lines)

    def assert_honest(self, done: Done) -> None:
        """Success only if the dataset is whole; else one line that names the file."""
        if done.returncode == 0:
            assert tree_digest(self.cut) == self.digest, "success, and the set is not whole"
            assert finish(self.folder, "verify", "-q", self.cut).returncode == 0
            return
        assert done.returncode in (1, 3), done
        assert done.stderr.startswith("pixelgen: "), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert str(self.cut) in done.stderr or "standard output" in done.stderr, done.stderr

    def assert_finished(self) -> None:
        """Nothing is torn, and the same command ends in the same dataset."""
        assert torn(self.cut, self.folder / "whole", *self.before) == []
        done = finish(self.folder, *self.command)
        assert (done.returncode, done.stderr) == (0, ""), done
        left = [path.name for path in self.cut.rglob(".*")]
        assert tree_digest(self.cut) == self.digest, f"left behind: {left}"


@pytest.fixture(scope="module", params=KINDS)
def bench(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    strace: str,
    shared: Shared,
) -> Bench:
    kind = request.param
    folder = shared(f"calls {kind}", lambda folder: make_sets(folder, kind))
    place = tmp_path_factory.mktemp("calls")
    return Bench(folder, place, kind, strace, tree_digest(folder / "whole"))


def make_sets(folder: Path, kind: str) -> None:
    """Make the undisturbed dataset of a kind, and what is there before a run."""
    (folder / "photos").mkdir()
    (folder / "removed.toml").write_text(f'removed = "{REMOVED}"\n')
    (folder / "removed_one.toml").write_text('removed = "3"\n')
    for level in (50, 100, 150):
        Image.new("RGB", (64, 64), (level, 0, 0)).save(folder / f"photos/{level}.png")
    jobs = {"whole": KINDS[kind]}
    if (before := BEFORE.get(kind)) in OTHERS:
        jobs[before] = OTHERS[before]
    for name, job in jobs.items():
        done = finish(folder, "generate", *JOB, *job, "-o", name)
        assert done.returncode == 0, done.stderr
    shutil.copytree(folder / "whole", folder / "damaged")
    if BEFORE.get(kind) == "damaged":
        plan = folder / "damaged" / PLAN
        plan.write_bytes(plan.read_bytes().replace(b'"schema": 1', b'"schema" :1'))
    if kind == "repair":
        flip(folder / "damaged" / MANIFEST, 2000)
        flip(folder / "damaged" / SUMS, 1000)
        (folder / "damaged/images/000003.png").write_bytes(b"spoilt")
        (folder / "damaged/images/000017.png").unlink()


def some(points: list[Point], seed: str) -> list[Point]:
    """Return the last and another; more with a factor, all of them from 25 on."""
    few = trials(2)
    if few >= min(75, len(points)):
        return points
    return [*Random(seed).sample(points[:-1], few - 1), points[-1]]


def test_a_run_killed_at_any_system_call_is_resumed_by_the_same_command(bench: Bench) -> None:
    points = some(bench.points, bench.kind)
    failures: list[str] = []
    for point in points:
        done = bench.tamper(point, "signal=KILL")
        with gathered(failures, point):
            assert (done.returncode, done.stderr) == (-9, "")
            bench.assert_finished()
    print(f"{bench.kind}: killed at {len(points)} calls")  # noqa: T201 – figures of a long run
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("error", ERRORS)
def test_a_run_whose_system_call_fails_reports_it_and_is_resumed(bench: Bench, error: str) -> None:
    points = some(bench.points, f"{bench.kind} {error}")
    failures: list[str] = []
    for point in points:
        done = bench.tamper(point, f"error={error}")
        with gathered(failures, point):
            assert bench.was_refused(point), "the call was not made"
            bench.assert_honest(done)
            bench.assert_finished()
    print(f"{bench.kind}: {error} at {len(points)} calls")  # noqa: T201 – figures of a long run
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_a_system_without_threads_or_processes_is_one_line_and_never_hangs(
    tmp_path: Path, strace: str, first: int
) -> None:
    under = (strace, "-f", "-qq", "-o", str(tmp_path / "log"), "-e", "trace=clone,clone3,fork",
             "-e", f"inject=clone,clone3,fork:error=EAGAIN:when={first}+")  # fmt: skip
    command = ("generate", "-n", 300, "-s", 300, "-j", 2, "-q", "-o", "cut")
    with running(tmp_path, *command, under=under) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 1), err
    if process.returncode:
        assert out == ""
        assert "worker process" in err, err
        assert "--jobs 1" in err, err
        assert len(err.splitlines()) == 1, err
        for words in (command, ("verify", "--deep", "-q", "cut")):  # as the message says
            with running(tmp_path, *words, "--jobs", 1, under=under) as process:
                assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0
    assert finish(tmp_path, *command).returncode == 0
    assert finish(tmp_path, "verify", "-q", "cut").returncode == 0
    assert list((tmp_path / "cut").rglob(".*")) == []


def test_an_image_that_the_disk_cannot_read_is_damage_and_is_repaired(
    tmp_path: Path, strace: str
) -> None:
    assert finish(tmp_path, "generate", "-n", 9, "-s", 64, "-q", "-o", "set").returncode == 0
    whole = tree_digest(tmp_path / "set")
    bad = tmp_path / "set/images/000003.png"
    under = (strace, "-f", "-qq", "-o", str(tmp_path / "log"), "-P", str(bad),
             "-e", "trace=read", "-e", "inject=read:error=EIO")  # fmt: skip
    for command, code in (("verify", 3), ("repair", 0)):
        with running(tmp_path, command, "set", "-q", "-j", 1, under=under) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (code, "")
        assert "images/000003.png" in out
        assert "disk" in out
    assert tree_digest(tmp_path / "set") == whole


@contextmanager
def gathered(failures: list[str], point: Point) -> Iterator[None]:
    """Note a failed trial and go on: which of the calls fail says more than the first that does."""
    try:
        yield
    except AssertionError as error:
        failures.append(f"{' '.join(map(str, point))}: {str(error).splitlines()[0]}")


SYNCS = "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2"


@pytest.mark.parametrize("durability", ["none", "commit", "each"])
def test_each_durability_syncs_what_it_promises(
    tmp_path: Path, strace: str, durability: str
) -> None:
    """See everything synced before the manifest is renamed; under each the journal, too."""
    under = (strace, "-f", "-qq", "-y", "-o", str(tmp_path / "log"), "-e", SYNCS)
    job = ("-n", 3, "-s", 8, "--layout", "webdataset:per_shard=1", "-j", 1, "-q")
    command = ("generate", *job, "--durability", durability, "-o", "set")
    with running(tmp_path, *command, under=under) as process:
        assert process.wait(PATIENCE) == 0
    calls = (tmp_path / "log").read_text().splitlines()
    (published,) = (place for place, call in enumerate(calls) if f'"{MANIFEST}"' in call)
    if durability == "none":
        assert not any("sync" in call.partition("(")[0] for call in calls)
        return
    assert "syncfs(" in calls[published - 1]
    assert sum(f"/{JOURNAL}>" in call for call in calls) == (3 if durability == "each" else 0)
