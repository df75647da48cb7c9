"""Disks of one's own to fill, to cut the power of and to take away: tmpfs, and ext4 in a file."""

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support.faults import wait_for

PAGE = 4096
MB = 1 << 20
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2


def run_system(*command: object) -> str:
    """Run a command of the system, which must succeed; return what it says."""
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def unmount(folder: Path) -> None:
    """Unmount, with patience: a process that was killed a moment ago still holds its files."""
    said = [""]

    def is_unmounted() -> bool:
        if os.path.ismount(folder):
            said.append(refused("umount", str(folder)))
        return not os.path.ismount(folder)

    if not wait_for(is_unmounted):
        raise OSError(f"{folder} stays mounted: {said[-1]}")


@contextmanager
def memory_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a disk in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    run_system("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)


def remount(folder: Path, options: str) -> None:
    run_system("mount", "-o", f"remount,{options}", folder)


def free_blocks(folder: Path) -> int:
    return os.statvfs(folder).f_bavail


def fill(folder: Path, blocks: int) -> Path:
    """Take all of a disk but so many blocks; return the file that takes them."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        while (spare := free_blocks(folder) - blocks) > 0:
            end, size = file.tell(), os.statvfs(folder).f_bsize
            try:
                os.posix_fallocate(file.fileno(), end, spare * size)
            except OSError as error:  # a block or two go into the map of the file itself
                if error.errno != errno.ENOSPC or free_blocks(folder) <= blocks:
                    raise
            file.seek(0, os.SEEK_END)
    return filler


@dataclass(frozen=True)
class Disk:
    """An ext4 file system in a file, mounted at ``root``."""

    image: Path
    root: Path
    options: str = "loop"

    def mount(self) -> None:
        self.root.mkdir(exist_ok=True)
        run_system("mount", "-o", self.options, self.image, self.root)

    def commit(self) -> None:
        """Have the journal written, as it is by itself every few seconds.

        Names are on the disk then whose contents are not: those wait for a sync of their own.
        """
        with (self.root / "synced").open("ab") as file:
            file.write(b"a")
            file.flush()
            os.fsync(file.fileno())

    def cut_power(self) -> None:
        """Let nothing reach the disk from now on, not even the journal in memory."""
        fd = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def unmount(self) -> None:
        """Unmount everywhere: each mount namespace made meanwhile has a copy while it lasts."""
        unmount(self.root)
        if not wait_for(lambda: not run_system("losetup", "-j", self.image)):
            raise OSError(f"{self.image} is still mounted in another mount namespace")

    def restart(self) -> None:
        """Unmount and mount again: only what is on the disk is left."""
        self.unmount()
        self.mount()


@contextmanager
def ext4(
    image: Path, root: Path, *mkfs: object, options: str = "", size: int = 64
) -> Iterator[Disk]:
    """Make and mount an ext4 file system of so many MB in a file."""
    with image.open("wb") as file:
        file.truncate(size * MB)
    run_system("mkfs.ext4", "-q", "-F", "-b", PAGE, "-m", 0, *mkfs, image)
    disk = Disk(image, root, ",".join(filter(None, ("loop", options))))
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
        image.unlink()


def take_metadata(image: Path) -> int:
    """Give an image's metadata all its blocks and its free space none; return its bytes on disk."""
    data = image.read_bytes()
    image.write_bytes(data)
    for line in run_system("dumpe2fs", image).splitlines():
        if line.startswith("  Free blocks: "):
            for span in filter(None, line.partition(":")[2].replace(" ", "").split(",")):
                first, _, last = span.partition("-")
                length = (int(last or first) - int(first) + 1) * PAGE
                run_system("fallocate", "-p", "-o", int(first) * PAGE, "-l", length, image)
    return image.stat().st_blocks * 512


def forget(root: Path) -> None:
    """Drop the contents of files from memory, so that they are read from the disk."""
    for path in filter(Path.is_file, root.rglob("*")):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def in_another_boot(boot: Path) -> tuple[str, ...]:
    """Return the words before a command that make it see the boot that a file names."""
    script = 'mount --bind "$0" "$1"; shift; exec "$@"'
    return ("unshare", "-m", "sh", "-ec", script, str(boot), str(BOOT_ID))


def failing(call: str, fault: str) -> tuple[str, ...]:
    """Return the words before a command that make a system call of it fail."""
    inject = f"inject={call}:{fault}"
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)


def name_boot(boot: Path, number: int) -> Path:
    """Write a file that names a boot."""
    boot.write_text(f"00000000-0000-0000-0000-{number:012d}\n")
    return boot


@cache
def why_no_memory_disk() -> str:
    """Try to mount a tmpfs; return what keeps us from it, if anything does."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with memory_disk(Path(folder) / "disk", "size=256k") as disk:
                (disk / "a").write_bytes(b"a")
        except OSError as error:
            return str(error)
    return ""


@cache
def why_no_ext4() -> str:
    """Try to mount an ext4 file system by a loop device; return what keeps us from it."""
    return why_no_memory_disk() or _try_ext4(cut=False)


@cache
def why_no_power_cut() -> str:
    """Try to shut an ext4 file system down and to name another boot; return what keeps us."""
    return why_no_ext4() or _try_ext4(cut=True) or _try_another_boot()


def _try_ext4(*, cut: bool) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with ext4(folder / "image", folder / "disk", size=8) as disk:
                (disk.root / "a").write_bytes(b"a")
                if cut:
                    disk.cut_power()
                    disk.restart()
                    if (disk.root / "a").exists():
                        return "the file survived"
        except OSError as error:
            return str(error)
    return ""


def _try_another_boot() -> str:
    with tempfile.TemporaryDirectory() as folder:
        boot = name_boot(Path(folder) / "boot", 7)
        try:
            seen = run_system(*in_another_boot(boot), "cat", BOOT_ID)
        except OSError as error:
            return str(error)
        return "" if seen == boot.read_text() else "the boot's name stayed"


@cache
def why_no_failing_calls() -> str:
    """Try to make a call fail; return what keeps us from it."""
    if not shutil.which("strace"):
        return "strace is not installed"
    said = refused(*failing("mkdir", "error=EIO"), "mkdir", "/")
    return "" if "Input/output error" in said else f"no right to trace processes ({said})"


def refused(*command: str) -> str:
    """Run a command; return what it complains of if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stderr.strip() or str(done.returncode) if done.returncode else ""


def need(injection: str, why_not: str) -> None:
    """Skip where an injection cannot be had."""
    if why_not:
        pytest.skip(f"{injection}: {why_not}")


def need_tool(injection: str, *tools: str) -> None:
    for tool in tools:
        need(injection, "" if shutil.which(tool) else f"{tool} is not installed")
