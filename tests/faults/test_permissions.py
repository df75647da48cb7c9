"""Files and folders that the user of the command may not read or write."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import COMMAND, Done, Run, tree_digest
from tests.support.datasets import write
from tests.support.disk_jobs import assert_one_line
from tests.support.disks import (
    need,
    need_tool,
)
from tests.support.planted import (
    FIRST,
    RESUME,
    SMALL,
    assert_refused,
    cut_short,
    identity,
    whole_digest,
)

pytestmark = pytest.mark.faults

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NO_RIGHT = ("Permission denied", "directory")


def as_nobody(folder: Path, *arguments: object) -> Done:
    return subprocess.run(
        [*NOBODY, COMMAND, *map(str, arguments)],
        check=False, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


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


@pytest.mark.parametrize("name", [FIRST, MANIFEST, SUMS, PLAN, JOURNAL, LOCK])
@pytest.mark.parametrize("mode", [0o000])
def test_an_unreadable_file_is_kept_and_reported_in_one_line(
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
def test_a_folder_without_read_or_write_permission_is_reported_in_one_line(
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
def test_verify_of_an_unreadable_file_is_one_line(own_folder: Path, name: str) -> None:
    write(Job.parse(count=40, width=16, height=16), LocalStore(str(own_folder / "set")), How())
    (own_folder / "set" / name).chmod(0)
    done = as_nobody(own_folder, "verify", "set")

    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    assert "no damage found" not in done.stderr
    assert name in done.stdout + done.stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may read (pytest's own are for one user), or skip."""
    need_tool("folder that may not be written to", "setpriv")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        done = subprocess.run([*NOBODY, COMMAND, "--version"], check=False, capture_output=True)
        need("folder that may not be written to", done.stderr.decode().strip())
        yield Path(name)


@pytest.mark.parametrize("where", ["above", "root", "images"])
def test_a_folder_without_write_permission_is_reported_in_one_line(
    open_folder: Path, where: str
) -> None:
    out = open_folder / "set"
    if where != "above":
        (out / "images").mkdir(parents=True)
    if where == "images":
        os.chown(out, 65534, 65534)
    done = as_nobody(open_folder, "generate", "-n", 4, "-s", 8, "-q", "-o", out)

    assert_one_line(done, NO_RIGHT, out)
    assert [path for path in out.rglob("*") if path.is_file() and path.name[0] != "."] in (
        [],
        [out / PLAN],
    )


def test_a_finished_dataset_of_another_user_needs_no_work(run: Run, open_folder: Path) -> None:
    command = ("generate", "-n", 4, "-s", 8, "-q", "-o", open_folder / "set")
    assert run(*command).returncode == 0
    before = tree_digest(open_folder)
    done = as_nobody(open_folder, *command)

    assert (done.returncode, done.stderr) == (0, "")
    assert tree_digest(open_folder) == before
