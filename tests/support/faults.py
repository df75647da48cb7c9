"""Faults made on purpose: kills, failing calls, full disks, damaged files."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pixelgen import registry
from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import JOURNAL
from pixelgen.layouts import Container, Sidecar
from pixelgen.layouts.layout import Layout
from pixelgen.storage import LocalStore
from tests.support.command import COMMAND, Done

Process = subprocess.Popen[str]
Shared = Callable[[str, Callable[[Path], object]], Path]

PATIENCE = 120  # seconds; what is waited for comes however busy the machine is, unless it hangs

ENGINES = tuple(registry.components("engine"))


def layouts(per_shard: int) -> list[str]:
    """Spell every container and every sidecar there is, as few layouts as hold them all.

    With so many images in a shard, if the layout has that option.
    """
    spelled = {
        name: f"{name}:per_shard={per_shard}"
        if any(parameter["name"] == "per_shard" for parameter in part.parameters())
        else name
        for name, part in registry.components("layout").items()
        if issubclass(part, Container)
    }
    beside: dict[str, list[str]] = {}
    alone = []
    for name, part in registry.components("layout").items():
        if issubclass(part, Sidecar) and part.excludes:
            alone.append(f"files,{name}")
        elif issubclass(part, Sidecar):
            beside.setdefault((*part.containers, "files")[0], []).append(name)
    return [
        *(name for container, name in spelled.items() if container not in beside),
        *(",".join([spelled[container], *names]) for container, names in beside.items()),
        *alone,
        "files",
    ]


def loose_and_sharded(per_shard: int) -> list[str]:
    """Spell a layout of each kind, by whose code the others are written; with a factor, all."""
    return layouts(per_shard) if trials(1) > 1 else ["files", f"webdataset:per_shard={per_shard}"]


def format_of(layout: str, wanted: str = "png") -> str:
    """Return a format, or where a layout does not hold it the first that it does."""
    held = Layout.parse(layout).container.formats
    return wanted if wanted in held or not held else held[0]


def manifest_of(layout: str) -> str:
    """Return the name of the manifest of a dataset in a layout."""
    return Layout.parse(layout).container.manifest


def ways(per_shard: int, engines: Sequence[str] = ENGINES) -> list[str]:
    """Spell options: every layout with the default engine, every other engine with files."""
    return [
        f"--layout {layout} --engine local -f {format_of(layout, 'jpeg')}"
        for layout in layouts(per_shard)
    ] + [f"--layout files --engine {engine} -f jpeg" for engine in engines if engine != "local"]


def trials(default: int) -> int:
    """The number of random trials, ``default`` times PIXELGEN_FAULT_FACTOR (1 unless set)."""
    return max(1, default * int(os.environ.get("PIXELGEN_FAULT_FACTOR", "1")))


def stride(default: int) -> int:
    """Every how many bytes or bits to try: ``default``, or less by PIXELGEN_FAULT_FACTOR."""
    return max(1, default // trials(1))


@contextmanager
def running(folder: Path, *arguments: object, under: Sequence[str] = ()) -> Iterator[Process]:
    """Start ``pixelgen`` in a session of its own, ``under`` another command if one is given.

    What is left of the session at the end is killed.
    """
    with subprocess.Popen(
        [*under, COMMAND, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            kill_group(process)


def kill_group(process: Process) -> None:
    """Kill a process and all that it has started, if any of them still runs."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def finish(folder: Path, *arguments: object) -> Done:
    """Run ``pixelgen``, again while the workers of a killed parent still hold the directory."""
    command = [COMMAND, *map(str, arguments)]
    tries: list[Done] = []

    def is_let_in() -> bool:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=folder, timeout=600
        )
        tries.append(done)
        return done.returncode != 5

    wait_for(is_let_in)
    return tries[-1]


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Tell whether a condition comes true; false is a hang, not a slow machine."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def progress(root: Path) -> int:
    """Count the names in a dataset's folder and the lines of its journal: they grow with it."""
    names = sum(len(folders) + len(files) for _, folders, files in os.walk(root))
    try:
        return names + (root / JOURNAL).read_bytes().count(b"\n")
    except OSError:
        return names


def wait_for_progress(process: Process, root: Path, least: int) -> None:
    """Wait until a run has come so far, or has ended."""
    assert wait_for(lambda: process.poll() is not None or progress(root) >= least)


def living(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, *numbers = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if state not in "ZX" and int(numbers[2]) == session:
            found.append(int(path.parent.name))
    return found


def children(process: Process) -> list[int]:
    """Return the processes that a process has started and that are there."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [*map(int, text.split())]


def flip(file: Path, bit: int) -> None:
    """Turn one bit of a file."""
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def moments(whole: Path) -> range:
    """Return what :func:`progress` may come to during a run, by the finished dataset."""
    return range(progress(whole) + finished_plan(LocalStore(str(whole))).job.shard_count + 1)


def torn(cut: Path, *wholes: Path) -> list[str]:
    """Return the files under final names that are not those of one of the whole datasets.

    So must be those that wait in the folder of a resize, by their names in there.
    """
    found = []
    for path in cut.rglob("*"):
        name = path.relative_to(cut)
        if path.is_dir() or path.name.startswith("."):
            continue
        final = Path(*(part for part in name.parts if part != ".pixelgen.resize"))
        right = [(whole / final).read_bytes() for whole in wholes if (whole / final).exists()]
        if path.read_bytes() not in right:
            found.append(str(name))
    return found
