"""Verify datasets that somebody damaged on purpose.

Run it as ``python -m tests.support.hostile CASES [SEED]``.

It runs in a process of its own, because an audit hook (PEP 578) that watches what is opened,
imported, run and connected to cannot be taken away again. Prints the peak of its memory, and how
often which exit code came.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from pixelgen.cli import main
from pixelgen.dataset.plan import plan_text
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.layouts.layout import UNIVERSAL
from pixelgen.storage import LocalStore
from pixelgen.storage.append_log import encode_line
from tests.support.datasets import write

HANG = 300  # seconds; a case of a few files that takes so long does not end
FILES = ("pixelgen.json", "metadata.jsonl", "SHA256SUMS", "sources.jsonl", ".pixelgen.journal")
JOBS: dict[str, dict[str, Any]] = {
    "files": {"layout": UNIVERSAL},
    "bag": {"layout": "bagit"},
    "tar": {"layout": "webdataset:per_shard=3,wids"},
    "no sums": {"checksum": "none", "layout": "files,csv"},
    "photos": {"family": "pixel_shuffle:source=photos"},
}
NAMES = (
    "evilmod.Thing", "../../../etc/passwd", "/etc/passwd", "a\x00b", "\x1b[2J", "\ud800", "",
    "http://127.0.0.1:9/", "file:///etc/passwd", "files,evilmod.Thing", "unheard_of",
    "webdataset:per_shard=1000000", "pixel_shuffle:source=/", "pixel_shuffle:source=../photos",
    "0x" + "f" * 40, "9" * 5000,
)  # fmt: skip
NUMBERS = (0, -1, 1, 5, 1 << 31, 1 << 53, 1 << 200, 0.5, float("nan"), float("inf"))

word = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.none(), st.booleans(),
    st.text(max_size=9), st.just([]), st.just({}), st.just([[[]]]), st.just({"a": {"b": []}}),
)  # fmt: skip


class Watch:
    """What was seen that verify has no business to do."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.is_on = False
        self.seen: list[str] = []
        self._allowed = allowed
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec",
                     "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "os.rmdir",
                     "os.link", "os.symlink", "os.truncate", "shutil.rmtree"):  # fmt: skip
            self.seen.append(f"{event} {arguments}")
        elif event == "import" and str(arguments[0]).startswith("evilmod"):
            self.seen.append(f"import {arguments[0]}")
        elif event == "open":
            self._hear_open(*arguments)

    def _hear_open(self, path: object, _: object, flags: int) -> None:
        if isinstance(path, int):
            return
        name = os.fsdecode(path)  # type: ignore[arg-type]
        is_written = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        is_outside = name.startswith("/") and not name.startswith(self._allowed)
        if is_written or is_outside or ".." in name.split("/"):
            self.seen.append(f"open {name!r} {flags:#x}")


def make_datasets(root: Path) -> None:
    """Make one dataset of each kind, with the photos that one of them is made from."""
    (root / "photos").mkdir()
    for level in (50, 100):
        Image.new("RGB", (16, 16), (level, 0, 0)).save(root / f"photos/{level}.png")
    (root / "evilmod.py").write_text("raise SystemExit('imported')\n")
    for name, options in JOBS.items():
        job = Job.parse(count=10, width=9, height=7, **options)
        write(job, LocalStore(name, "none"), RunConfig(Serial()))


@st.composite
def spoilings(draw: st.DrawFn) -> tuple[str, list[tuple[str, str, Any]]]:
    """Draw a dataset, and what is done to which of its files."""
    kind = draw(st.sampled_from(sorted(JOBS)))
    images = {"tar": "negatives-000001.tar", "bag": "data/000003.png"}
    image = images.get(kind, "images/000003.png")
    file = st.sampled_from((*FILES, "pixelgen.json", "metadata.jsonl", image))
    place = st.floats(0, 1, exclude_max=True)
    what = st.one_of(
        st.tuples(file, st.just("flip"), place),
        st.tuples(file, st.just("cut"), place),
        st.tuples(file, st.just("insert"), st.tuples(place, st.binary(max_size=40))),
        st.tuples(file, st.just("replace"), st.binary(max_size=99)),
        st.tuples(file, st.sampled_from(["remove", "link", "folder", "pipe", "sparse", "double"]),
                  st.none()),
        st.tuples(st.just("pixelgen.json"), st.just("member"),
                  st.tuples(word, place, st.booleans())),
        st.tuples(st.sampled_from(["metadata.jsonl", "sources.jsonl"]), st.just("row"),
                  st.tuples(place, place, word)),
        st.tuples(st.just("SHA256SUMS"), st.just("line"), st.tuples(place, st.sampled_from(NAMES))),
        st.tuples(st.just(".pixelgen.journal"), st.just("sealed"), word),
    )  # fmt: skip
    return kind, draw(st.lists(what, min_size=1, max_size=3))


def spoil(path: Path, how: str, value: Any) -> None:
    """Do one thing to a file."""
    if how in ("remove", "link", "folder", "pipe"):
        path.unlink(missing_ok=True)
    if how == "link":
        path.symlink_to("/etc/passwd")
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "sealed" and not path.is_fifo():
        path.write_bytes(encode_line([value, value, 0, [1], ["0"], 1, "0", []]))
    elif how != "remove" and path.is_file() and not path.is_symlink():
        edit(path, how, value)


def edit(path: Path, how: str, value: Any) -> None:
    """Change the bytes of a file."""
    if how == "sparse":
        os.truncate(path, 300 << 20)
        return
    with suppress(ValueError, TypeError, AttributeError, IndexError):
        path.write_bytes(EDITS[how](path.read_bytes(), value))


def flipped(data: bytes, place: float) -> bytes:
    """Flip a bit."""
    spoilt = bytearray(data)
    spoilt[int(place * len(data))] ^= 1 << int(place * 8)
    return bytes(spoilt)


def inserted(data: bytes, value: tuple[float, bytes]) -> bytes:
    """Insert bytes at a place."""
    place = int(value[0] * len(data))
    return data[:place] + value[1] + data[place:]


def edit_line(text: bytes, value: tuple[float, str]) -> bytes:
    """Have a line of the sums name another file."""
    lines = text.splitlines(keepends=True)
    place = int(value[0] * len(lines))
    lines[place] = lines[place][:66] + value[1].encode(errors="replace") + b"\n"
    return b"".join(lines)


def edit_plan(text: bytes, value: tuple[Any, float, bool]) -> bytes:
    """Give a member of a plan, or of its job, another value, with the right CRC-32."""
    new, place, in_job = value
    plan = json.loads(text)
    members = plan["job"] if in_job else plan
    members[sorted(members)[int(place * len(members))]] = new
    return plan_text(plan)


def edit_row(text: bytes, value: tuple[float, float, Any]) -> bytes:
    """Give a member of a line another value."""
    where, place, new = value
    lines = text.splitlines(keepends=True)
    row = json.loads(lines[int(where * len(lines))])
    row[sorted(row)[int(place * len(row))]] = new
    lines[int(where * len(lines))] = json.dumps(row, separators=(",", ":")).encode() + b"\n"
    return b"".join(lines)


EDITS: dict[str, Callable[[bytes, Any], bytes]] = {
    "double": lambda data, _: data * 2,
    "replace": lambda _, value: bytes(value),
    "cut": lambda data, place: data[: int(place * len(data))],
    "flip": flipped,
    "insert": inserted,
    "line": edit_line,
    "member": edit_plan,
    "row": edit_row,
}


def state(root: Path) -> list[tuple[str, int, int]]:
    """Return the names, sizes and times of all files."""
    found = ((path, path.lstat()) for path in sorted(root.rglob("*")))
    return [(str(path), each.st_size, each.st_mtime_ns) for path, each in found]


def peak_memory() -> int:
    """Return the peak of this process's memory in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@dataclass
class Trials:
    """Verifies damaged datasets; counts the exit codes, and measures memory."""

    watch: Watch
    codes: Counter[int] = field(default_factory=Counter)
    peak: int = 0  # MiB

    def check(self, case: tuple[str, list[tuple[str, str, Any]]]) -> None:
        """Damage a copy of a dataset and verify it: it must not change, nor anything else."""
        kind, damages = case
        shutil.rmtree("set", ignore_errors=True)
        shutil.copytree(kind, "set")
        for file, how, value in damages:
            with suppress(FileExistsError, IsADirectoryError, FileNotFoundError, UnicodeError):
                spoil(Path("set", file), how, value)
        before = state(Path("set"))
        code = self.verify()
        self.codes[code] += 1
        # Of an unfinished dataset nothing is damaged: exit code 1.
        is_unfinished = os.path.lexists("set/.pixelgen.journal")
        is_dataset = Path("set/pixelgen.json").is_file() and not is_unfinished
        assert code in (0, 2, 3) or (code == 1 and not is_dataset), code
        assert self.watch.seen == []
        assert state(Path("set")) == before

    def verify(self) -> int:
        """Run the command under watch; return its exit code."""
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: proc(5)
        signal.alarm(HANG)
        self.watch.is_on = True
        try:
            return main(["verify", "-j", "1", "-q", "set"])
        finally:
            self.watch.is_on = False
            signal.alarm(0)
            self.peak = max(self.peak, peak_memory())


def run(cases: int, number: int | None) -> None:
    """Spoil and verify so many datasets."""
    own = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), "/proc/",
           "/sys/fs/cgroup", "/dev/null", "/etc/localtime", "/usr/lib", "/usr/share")  # fmt: skip
    sys.dont_write_bytecode = True  # modules are compiled as they are imported, in the middle of it
    quiet = settings(
        max_examples=cases, deadline=None, database=None, derandomize=number is None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_datasets(Path(folder))
        trials = Trials(Watch((*own, "set")))
        sys.path.insert(0, folder)

        def check(case: tuple[str, list[tuple[str, str, Any]]]) -> None:
            trials.check(case)

        test = given(spoilings())(check)
        quiet(seed(number)(test) if number is not None else test)()
    codes, peak = dict(trials.codes), trials.peak
    print(f"cases {cases}, codes {codes}, peak {peak} MiB", file=sys.stderr)  # noqa: T201
    assert peak < 200, f"{peak} MiB"


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
