"""All bytes of an object, gathered before any of them is sent."""

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

_IN_MEMORY = 256 << 20  # bytes; more go to a temporary file


@dataclass(frozen=True)
class Gathered:
    """All bytes of an object: in memory, or those of an open file."""

    data: bytes = b""
    file: BinaryIO | None = None

    @property
    def size(self) -> int:
        """How many there are."""
        return os.fstat(self.file.fileno()).st_size if self.file else len(self.data)

    def open(self) -> BinaryIO:
        """Open them for reading."""
        return open(_path(self.file), "rb") if self.file else BytesIO(self.data)

    def send(self, files: "AbstractFileSystem", path: str, options: dict[str, Any]) -> None:
        """Have a client put them under a path."""
        if self.file:
            files.put_file(_path(self.file), path, **options)
        else:
            files.pipe_file(path, self.data, **options)


def _path(file: BinaryIO) -> str:
    """Return a path of an open file, which has no name: clients open what they send themselves."""
    return f"/dev/fd/{file.fileno()}"


def write_temporary(data: Chunks) -> BinaryIO:
    """Write bytes to a temporary file, and return it open.

    It has no name in its folder, so that nothing is left of it when this process is killed.
    """
    file = TemporaryFile()  # noqa: SIM115 – the caller closes it
    try:
        for piece in iter_chunks(data):
            with explain_os_errors(gettempdir()):
                file.write(piece)
        with explain_os_errors(gettempdir()):
            file.flush()
    except BaseException:
        with suppress(OSError):  # of bytes that it has not taken before, either
            file.close()
        raise
    return file


@contextmanager
def gathered(data: Chunks) -> Iterator[Gathered]:
    """Gather bytes, those that are too many in a temporary file."""
    found = bytearray()
    left = iter(iter_chunks(data))
    for piece in left:
        found += piece
        if len(found) > _IN_MEMORY:
            break
    else:
        yield Gathered(bytes(found))
        return
    with write_temporary(_emptied(found, left)) as file:
        yield Gathered(file=file)


def _emptied(found: bytearray, left: Iterable[Data]) -> Iterator[Data]:
    """Yield bytes, whose memory is free again before those that are left."""
    yield found
    found.clear()
    yield from left
