"""What an injection needs, tried for real once a run; and which trials a short run leaves out."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest

from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.datasets import write
from tests.support.disks import (
    memory_disk,
    need,
    why_no_memory_disk,
)
from tests.support.faults import (
    Shared,
    layouts,
    trials,
)
from tests.support.planted import ForeignFiles
from tests.support.surroundings import JOB

_CORE = ("files", "webdataset")
_SHARE = 8  # of the trials of a layout that another stands for


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out most trials of those layouts that are written by the code of two others.

    Of every test an eighth of each layout's trials remain, at least one; with a factor, all.
    """
    if trials(1) > 1:
        return
    groups: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    others = {layout.partition(":")[0] for layout in layouts(1)}.difference(_CORE)
    for item in items:
        if item.path.parent == Path(__file__).parent and (layout := _layout(item, others)):
            groups[item.nodeid.partition("[")[0], layout].append(item)
    left_out: set[pytest.Item] = set()
    for group in groups.values():
        group.sort(key=lambda item: crc32(item.nodeid.encode()))
        left_out.update(group[-(-len(group) // _SHARE) :])
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _layout(item: pytest.Item, others: set[str]) -> str:
    """Return which of some layouts a trial is about; '' if it is none of them."""
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    words = {word.partition(":")[0] for value in values for word in str(value).split()}
    return next(iter(words & others), "")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Return a folder that whoever asks first fills, for all tests of a session to read.

    Those of every worker: what one makes the others wait for.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    (base / "shared").mkdir(exist_ok=True)

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        made = base / "shared" / hashlib.sha256(name.encode()).hexdigest()[:16]
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                begun = made.with_suffix(".begun")
                shutil.rmtree(begun, ignore_errors=True)  # of a test that failed to make it
                begun.mkdir()
                fill(begun)
                begun.rename(made)
        return made

    return folder


@pytest.fixture(scope="session")
def strace() -> str:
    """Return the path of strace, once it was seen to make a call fail and to kill; or skip."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("failing calls: strace is not installed")
    injected = [path, "-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdir"]
    for option, fault, code in ("--seccomp-bpf", "error=EIO", 1), ("-f", "signal=KILL", -9):
        command = [*injected, option, "-e", f"inject=mkdir:{fault}", "mkdir", "/"]
        tried = subprocess.run(command, check=False, capture_output=True, text=True)
        if tried.returncode != code or (code == 1 and "Input/output error" not in tried.stderr):
            pytest.skip(f"{fault} by strace: no right to trace processes ({tried.stderr.strip()})")
    return path


@pytest.fixture
def foreign(tmp_path: Path) -> ForeignFiles:
    return ForeignFiles.create(tmp_path)


@pytest.fixture(params=layouts(2))
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 pages in memory, or skip."""
    need("full disk", why_no_memory_disk())
    with memory_disk(tmp_path / "disk", "size=256k") as disk:
        yield disk


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact dataset."""
    folder = tmp_path_factory.mktemp("intact") / "set"
    write(Job.parse(**JOB), LocalStore(str(folder), "none"), How())
    return folder


@pytest.fixture
def workspace(tmp_path: Path, intact: Path) -> Path:
    """A folder with an intact dataset and a damaged one."""
    shutil.copytree(intact, tmp_path / "made")
    shutil.copytree(intact, tmp_path / "spoiled")
    (tmp_path / "spoiled/images/000003.png").write_text("spoiled")
    return tmp_path
