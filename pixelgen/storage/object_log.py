"""A log in an object store, where nothing grows: its lines are sent some at a time, as objects."""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Generator, Iterable

_APART = 1.0  # seconds between two objects; a kill costs the lines of so long


class ObjectLog:
    """A log that holds whole lines already; it is read from a file of this machine.

    ``send`` puts lines under a number, and ``clear`` takes all of them away.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        send: Callable[[str, bytes], None],
        clear: Callable[[], None],
    ) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 – it is the log's as long as that is
        self._send = send
        self._clear = clear
        self._run = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        self._sent = 0
        self._pending = b""
        self._flushed = time.monotonic()
        for piece in pieces:
            self._file.write(piece)

    def append(self, line: bytes) -> int:
        """Append a line, and send what is due; return the byte it begins at."""
        place = self.size
        self._file.seek(place)
        self._file.write(line)
        self._pending += line
        if time.monotonic() - self._flushed > _APART:
            self.flush()
        return place

    def flush(self) -> None:
        """Send what was not yet sent."""
        if self._pending:
            self._send(f"{self._run}-{self._sent:08d}", self._pending)
            self._sent += 1
            self._pending = b""
        self._flushed = time.monotonic()

    @property
    def size(self) -> int:
        """The bytes of all lines."""
        return self._file.seek(0, os.SEEK_END)

    def lines(self, start: int = 0, *, max_bytes: int) -> Generator[bytes]:
        """Yield the lines from a byte on, one of more than ``max_bytes`` bytes in pieces."""
        self._file.flush()
        with os.fdopen(os.dup(self._file.fileno()), "rb") as file:
            file.seek(start)
            yield from iter(lambda: file.readline(max_bytes), b"")

    def close(self) -> None:
        """Send what was not yet sent; nothing more is appended."""
        self.flush()
        self._file.close()

    def remove(self) -> None:
        """Take the log away."""
        self._pending = b""
        self._clear()
