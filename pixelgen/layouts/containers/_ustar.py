"""Tar archives with reproducible bytes: ustar, the POSIX.1-1988 format that every reader knows."""

import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from pixelgen.formats.base import Data

Member: TypeAlias = tuple[str, Data]
"""The name of a file in an archive, at most 100 ASCII characters, and its bytes."""

BLOCK = 512
END = bytes(2 * BLOCK)
LATEST = 8**11 - 1
"""The latest time that a header can hold, in seconds since 1970."""

_BUFFER = 1 << 20
_PADDING = bytes(BLOCK)


def archive(members: Iterable[Member], mtime: int = 0) -> Iterator[Data]:
    """Yield an archive in chunks of about a megabyte; a chunk is valid until the next is requested.

    Owners and groups are 0 and modes 0644, so the bytes depend only on names, contents and
    ``mtime``, the time of all members in seconds since 1970.
    """
    header = _Header(mtime)
    buffer = memoryview(bytearray(_BUFFER))
    used = 0
    for name, data in members:
        size = len(data)
        head, padding = header.of(name, size), _PADDING[: -size % BLOCK]
        if used + size + 2 * BLOCK > _BUFFER:
            yield buffer[:used]
            used = 0
        if size + 2 * BLOCK > _BUFFER:
            yield from (head, data, padding)
            continue
        for chunk in (head, data, padding):
            end = used + len(chunk)
            buffer[used:end] = chunk
            used = end
    yield buffer[:used]
    yield END


class _Header:
    """The header of a member; only the name, the size and the checksum vary."""

    def __init__(self, mtime: int) -> None:
        self._modes = b"0000644\x000000000\x000000000\x00"
        fields = b"%011o" % mtime, b" " * 8, b"0", b"", b"ustar\x0000", b"", b"", b"0000000"
        self._after = struct.pack("11sx8sc100s8s32s32s8s8s167x", *fields, fields[-1])
        self._sum = sum(self._modes) + sum(self._after)

    def of(self, name: str, size: int) -> bytes:
        """Return the header of a member of ``size`` bytes."""
        label, length = name.encode(), b"%011o" % size
        checksum = b"%06o\x00 " % (self._sum + sum(label) + sum(length))
        after = self._after
        return b"".join(
            (label.ljust(100, b"\x00"), self._modes, length, b"\x00", after[:12], checksum,
             after[20:])
        )  # fmt: skip


def padded_size(size: int) -> int:
    """Return the space that ``size`` bytes take in an archive, including header and padding."""
    return BLOCK + size + -size % BLOCK
