"""A log in an object store: objects cannot grow, so each batch of lines becomes an object."""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Generator, Iterable

_FLUSH_SECONDS = 1.0  # between two objects; a killed process loses the lines of this time


class ObjectLog:
    """A log that starts with some whole lines; it is read from a temporary file.

    ``send`` writes lines under a number, and ``clear`` removes all of them.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        send: Callable[[str, bytes], None],
        clear: Callable[[], None],
    ) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 – close() closes it
        self._send = send
        self._clear = clear
        self._run = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        self._sent = 0
        self._pending = b""
        self._flushed = time.monotonic()
        for piece in pieces:
            self._file.write(piece)

    def append(self, line: bytes) -> int:
        """Append a line, and send lines if it is time; return the offset of its first byte."""
        offset = self.size
        self._file.seek(offset)
        self._file.write(line)
        self._pending += line
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()
        return offset

    def flush(self) -> None:
        """Send the lines that were not sent yet."""
        if self._pending:
            self._send(f"{self._run}-{self._sent:08d}", self._pending)
            self._sent += 1
            self._pending = b""
        self._flushed = time.monotonic()

    @property
    def size(self) -> int:
        """The size of all lines in bytes."""
        return self._file.seek(0, os.SEEK_END)

    def lines(self, start: int = 0, *, max_bytes: int) -> Generator[bytes]:
        """Yield the lines from an offset on; a line of over ``max_bytes`` bytes comes in pieces."""
        self._file.flush()
        with os.fdopen(os.dup(self._file.fileno()), "rb") as file:
            file.seek(start)
            yield from iter(lambda: file.readline(max_bytes), b"")

    def close(self) -> None:
        """Send the lines that were not sent yet; nothing can be appended afterwards."""
        self.flush()
        self._file.close()

    def remove(self) -> None:
        """Remove the log."""
        self._pending = b""
        self._clear()
