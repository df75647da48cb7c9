"""All bytes of an object, gathered before any of them is sent."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pixelgen.store.base import Chunks, pieces

_IN_MEMORY = 256 << 20  # bytes; more go to a temporary file


@dataclass(frozen=True)
class Gathered:
    """All bytes of an object: in memory, or those of a file here."""

    data: bytes
    file: str = ""

    @property
    def size(self) -> int:
        """How many there are."""
        return Path(self.file).stat().st_size if self.file else len(self.data)

    def open(self) -> BinaryIO:
        """Open them for reading."""
        return Path(self.file).open("rb") if self.file else BytesIO(self.data)


@contextmanager
def gathered(data: Chunks) -> Iterator[Gathered]:
    """Gather bytes, those that are too many in a temporary file."""
    found = bytearray()
    left = iter(pieces(data))
    for piece in left:
        found += piece
        if len(found) > _IN_MEMORY:
            break
    else:
        yield Gathered(bytes(found))
        return
    with tempfile.NamedTemporaryFile(prefix="pixelgen-") as file:
        file.write(found)
        found.clear()
        for piece in left:
            file.write(piece)
        file.flush()
        yield Gathered(b"", file.name)
