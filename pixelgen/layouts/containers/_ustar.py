"""Tar archives, made to the byte: ustar, the POSIX.1-1988 format that every reader knows."""

import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from pixelgen.formats.base import Data

Member: TypeAlias = tuple[str, Data]
"""The name of a file in an archive, at most 100 ASCII characters, and its bytes."""

BLOCK = 512
END = bytes(2 * BLOCK)
LATEST = 8**11 - 1
"""The last second that a header can tell, counted from 1970."""

_BUFFER = 1 << 20
_PADDING = bytes(BLOCK)


def archive(members: Iterable[Member], mtime: int = 0) -> Iterator[Data]:
    """Yield an archive in pieces of at most about a megabyte, each to be used before the next.

    Owners and groups are 0 and modes 0644, so the bytes hang on names, contents and ``mtime``
    alone, the seconds since 1970 that all members bear.
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
        for piece in (head, data, padding):
            end = used + len(piece)
            buffer[used:end] = piece
            used = end
    yield buffer[:used]
    yield END


class _Header:
    """What stands before a member, of which only the name, the size and the checksum change."""

    def __init__(self, mtime: int) -> None:
        self._modes = b"0000644\x000000000\x000000000\x00"
        fields = b"%011o" % mtime, b" " * 8, b"0", b"", b"ustar\x0000", b"", b"", b"0000000"
        self._after = struct.pack("11sx8sc100s8s32s32s8s8s167x", *fields, fields[-1])
        self._sum = sum(self._modes) + sum(self._after)

    def of(self, name: str, size: int) -> bytes:
        """Return the header of a member of so many bytes."""
        label, length = name.encode(), b"%011o" % size
        checksum = b"%06o\x00 " % (self._sum + sum(label) + sum(length))
        after = self._after
        return b"".join(
            (label.ljust(100, b"\x00"), self._modes, length, b"\x00", after[:12], checksum,
             after[20:])
        )  # fmt: skip


def padded(size: int) -> int:
    """Return the bytes that a member of so many takes in an archive, its header included."""
    return BLOCK + size + -size % BLOCK
