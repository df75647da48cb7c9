"""Files of somebody else's in the directory of a dataset, and links that lead to them."""

import functools
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Serial
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import Done, tree_digest
from tests.support.datasets import write

FIRST = "images/000000.png"
SHARD = "negatives-000000.tar"


@dataclass(frozen=True)
class ForeignFiles:
    """A folder of somebody else's, and things in a dataset's directory that lead to it."""

    victims: Path

    @classmethod
    def create(cls, folder: Path) -> "ForeignFiles":
        victims = folder / "victims"
        (victims / "below").mkdir(parents=True)
        for name in ("file", "empty", "000000.png", "below/file"):
            path = victims / name
            path.write_text("" if name == "empty" else "mine")
            path.chmod(0o640)
            os.utime(path, (1_000_000_000, 1_000_000_000))
        return cls(victims)

    def plant(self, kind: str, path: Path) -> None:
        """Put something of a kind where the dataset has, or may have, a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind in PLANTS:
            PLANTS[kind](self.victims, path)
        elif not _plant_device(path):
            pytest.skip("device: this user may not make one (CAP_MKNOD)")

    def snapshot(self) -> dict[str, tuple[object, ...]]:
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


def status(path: Path) -> tuple[int, ...]:
    """Return what changes where a name is touched at all, though it leads to a folder."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def identities(root: Path) -> dict[str, tuple[object, ...]]:
    return {str(path.relative_to(root)): identity(path) for path in sorted(root.rglob("*"))}


def try_generate(out: Path, **job: object) -> tuple[int, str]:
    """Make a dataset in this process, as the command does; return its exit code and its line."""
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


# Four shards of two images, of which two shards are done.
CUT = {"count": 8, "width": 1000, "height": 1000, "family": "solid"}
RESUME = ("generate", "-n", 8, "-s", 1000, "--family", "solid", "-q", "-o", "set", "--layout")


def cut_short(folder: Path, layout: str, shards: int = 2) -> Path:
    """Make the beginning of a dataset, as an interrupted run leaves it."""
    rounds = iter(range(shards))
    stopping = How(Serial(), stopped=lambda: next(rounds, None) is None)
    write(Job.parse(layout=layout, **CUT), LocalStore(str(folder), "none"), stopping)
    return folder


@functools.cache
def whole_digest(layout: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write(Job.parse(layout=layout, **CUT), LocalStore(folder, "none"), How())
        return tree_digest(Path(folder))
