"""SHA-256 of bytes that arrive in chunks."""

import hashlib
from collections.abc import Iterator

from pixelgen.formats.base import Data
from pixelgen.storage.base import Chunks, iter_chunks


def sha256_of(data: Chunks) -> str:
    """Return the SHA-256 of some data, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in iter_chunks(data):
        digest.update(chunk)
    return digest.hexdigest()


class MeasuredChunks:
    """Chunks that are counted, and hashed unless ``checksum`` is False, while they are consumed.

    >>> chunks = MeasuredChunks([b"ab", b"c"])
    >>> b"".join(chunks), chunks.size, chunks.sha256[:8]
    (b'abc', 3, 'ba7816bf')
    """

    def __init__(self, data: Chunks, *, checksum: bool = True) -> None:
        self._chunks = iter_chunks(data)
        self._digest = hashlib.sha256() if checksum else None
        self.size = 0

    def __iter__(self) -> Iterator[Data]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self._digest:
                self._digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """The SHA-256 of the chunks consumed so far, in hexadecimal; '' without ``checksum``."""
        return self._digest.hexdigest() if self._digest else ""
