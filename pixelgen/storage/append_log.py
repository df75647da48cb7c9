"""A log: a file that grows by whole lines and is read back through one descriptor."""

import json
import os
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from zlib_ng import zlib_ng

from pixelgen.errors import Conflict
from pixelgen.storage.posix import explain_os_errors, sync_files, write_all
from pixelgen.threads import run_in_thread


def encode_line(value: Any) -> bytes:
    """Return a value as a line of JSON after its CRC-32, which shows if a line was torn."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib_ng.crc32(body), body)


def decode_line(line: bytes) -> Any:
    """Return the value of a line, or None if the line is damaged."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib_ng.crc32(body):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class FileLog:
    """A log in the folder ``root``, open under the descriptor ``fd``.

    The descriptor stays valid when another run completes the dataset and removes the log.
    """

    def __init__(self, fd: int, root: str, name: str, *, synced: bool) -> None:
        self._fd = fd
        self._root = root
        self._name = name
        self._synced = synced

    def append(self, line: bytes) -> int:
        """Append a line, synced if the log is; return the offset of its first byte."""
        with explain_os_errors(self._root, name=self._name):
            size = self.size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":  # end a torn line first
                write_all(self._fd, b"\n")
            write_all(self._fd, line)
            if self._synced:
                run_in_thread(sync_files, self._fd)
            return os.lseek(self._fd, 0, os.SEEK_CUR) - len(line)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return os.fstat(self._fd).st_size

    def lines(self, start: int = 0, *, max_bytes: int) -> Generator[bytes]:
        """Yield the lines from an offset on; a line of over ``max_bytes`` bytes comes in pieces."""
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(start)
            yield from iter(lambda: file.readline(max_bytes), b"")

    def remove(self) -> None:
        """Remove the log; raise Conflict if its name belongs to another file by now."""
        path = os.path.join(self._root, self._name)
        with explain_os_errors(self._root, name=self._name), suppress(FileNotFoundError):
            if not os.path.samestat(os.lstat(path), os.fstat(self._fd)):
                raise Conflict(f"{path} is not pixelgen's own; move it away")
            os.unlink(path)
