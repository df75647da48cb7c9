"""Temporary files beside their targets: how they are named, written and, after a crash, removed."""

import os
import re
from contextlib import suppress

from pixelgen.file_io import write_all
from pixelgen.storage.base import Chunks, StagedFile, iter_chunks
from pixelgen.storage.posix import alive, drop, host

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMP = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.part")
_NAME_LIMIT = 255


def write_temporary(fd: int, name: str, data: Chunks) -> StagedFile:
    """Write a temporary file beside its target, and check that all of it was taken."""
    tail = f".{host()}.{os.getpid()}.{os.urandom(4).hex()}.part"
    temp = f".{name[: _NAME_LIMIT - 1 - len(tail)]}{tail}"
    try:
        file = os.open(temp, _NEW, 0o666, dir_fd=fd)
        try:
            for chunk in iter_chunks(data):
                write_all(file, chunk)
        except BaseException:
            drop(fd, temp)
            raise
        finally:
            os.close(file)
    except OSError as error:
        error.filename = name
        raise
    return StagedFile(name, temp)


def sweep(fd: int) -> None:
    """Remove what dead processes of this host left under temporary names in a folder."""
    for name in os.listdir(fd):
        left = _TEMP.fullmatch(name)
        # Our own number too: a process before this one had it, in a container for one.
        gone = left and (int(left["pid"]) == os.getpid() or not alive(int(left["pid"])))
        if left and gone and left["host"] == host():
            with suppress(IsADirectoryError):  # not ours
                os.unlink(name, dir_fd=fd)
