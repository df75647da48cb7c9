"""Temporary files beside their targets: how they are named, written and, after a crash, removed."""

import os
import re
from contextlib import suppress
from itertools import count

from pixelgen.storage.base import Chunks, StagedFile, iter_chunks
from pixelgen.storage.posix import host_name, is_running, remove_temporary, write_all

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMP = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.part")
_MAX_NAME = 255  # bytes, of most file systems
_NUMBERS = count(int.from_bytes(os.urandom(4)))
"""The numbers in the names of this process.

The first is random, because a process of another container may have the same host name and process
id. A forked process has the same numbers, but another id.
"""


def write_temporary(fd: int, name: str, data: Chunks) -> StagedFile:
    """Write a temporary file beside its target."""
    tail = f".{host_name()}.{os.getpid()}.{next(_NUMBERS) & 0xFFFFFFFF:08x}.part"
    temp = f".{name[: _MAX_NAME - 1 - len(tail)]}{tail}"
    try:
        file = os.open(temp, _NEW, 0o666, dir_fd=fd)
        try:
            for chunk in iter_chunks(data):
                write_all(file, chunk)
        except BaseException:
            remove_temporary(fd, temp)
            raise
        finally:
            os.close(file)
    except OSError as error:
        error.filename = name
        raise
    return StagedFile(name, temp)


def remove_stale(fd: int) -> None:
    """Remove temporary files of this host's dead processes from an open folder."""
    for name in os.listdir(fd):
        match = _TEMP.fullmatch(name)
        if match is None or match["host"] != host_name():
            continue
        # A file with our own process id is stale too: in a container, every run may have the same.
        if int(match["pid"]) == os.getpid() or not is_running(int(match["pid"])):
            with suppress(IsADirectoryError):  # not ours
                os.unlink(name, dir_fd=fd)
