"""An object's bytes, buffered before any of them is sent."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from tempfile import TemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any, BinaryIO

from pixelgen.formats.base import Data
from pixelgen.storage.base import Chunks, iter_chunks
from pixelgen.storage.posix import explain_os_errors

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MEMORY_LIMIT = 256 << 20  # bytes; larger objects go to a temporary file


@dataclass(frozen=True)
class BufferedObject:
    """All bytes of an object: in memory, or those of an open file."""

    data: bytes = b""
    file: BinaryIO | None = None

    @property
    def size(self) -> int:
        """The number of bytes."""
        return os.fstat(self.file.fileno()).st_size if self.file else len(self.data)

    def open(self) -> BinaryIO:
        """Open the bytes for reading."""
        return open(_path(self.file), "rb") if self.file else BytesIO(self.data)

    def send(self, files: "AbstractFileSystem", path: str, options: dict[str, Any]) -> None:
        """Send the bytes to a path by a client."""
        if self.file:
            files.put_file(_path(self.file), path, **options)
        else:
            files.pipe_file(path, self.data, **options)


def _path(file: BinaryIO) -> str:
    """Return a path of an open file without a name: clients open what they send by path."""
    return f"/dev/fd/{file.fileno()}"


def write_unnamed_file(data: Chunks) -> BinaryIO:
    """Write bytes to a temporary file without a name, and return it open.

    Without a name, nothing is left of it when this process is killed.
    """
    file = TemporaryFile()  # noqa: SIM115 – the caller closes it
    try:
        for piece in iter_chunks(data):
            with explain_os_errors(gettempdir()):
                file.write(piece)
        with explain_os_errors(gettempdir()):
            file.flush()
    except BaseException:
        with suppress(OSError):  # closing flushes, and may fail for the same reason
            file.close()
        raise
    return file


@contextmanager
def buffered(data: Chunks) -> Iterator[BufferedObject]:
    """Buffer bytes in memory, or in a temporary file if they are too many."""
    start = bytearray()
    rest = iter(iter_chunks(data))
    for chunk in rest:
        start += chunk
        if len(start) > _MEMORY_LIMIT:
            break
    else:
        yield BufferedObject(bytes(start))
        return
    with write_unnamed_file(_drain(start, rest)) as file:
        yield BufferedObject(file=file)


def _drain(start: bytearray, rest: Iterable[Data]) -> Iterator[Data]:
    """Yield the start and free its memory, then yield the rest."""
    yield start
    start.clear()
    yield from rest
