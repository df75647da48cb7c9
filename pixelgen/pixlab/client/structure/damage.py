"""What every check of a file's structure uses: the error, the limits, and the inflater."""

import zlib
from collections.abc import Iterable

METADATA_BYTES = 4 << 20
"""Most bytes of a file that are not pixels, after decompression: profiles, comments, tags.

A color profile or a camera's metadata fits; what a decoder keeps of it in memory stays small.
"""
METADATA_PARTS = 1000
"""Most segments, extensions or tags of a file: decoders go through them one by one."""
_PIECE = 64 << 10


class Damage(Exception):
    """What is wrong with a file, as the rest of a sentence: "has no end (IEND)"."""


def check_size(seen: tuple[int, int], width: int, height: int) -> None:
    """Raise Damage unless an image has the requested size."""
    if seen != (width, height):
        raise Damage(f"is {seen[0]}x{seen[1]} pixels, not {width}x{height}")


def check_end(size: int, end: int, name: str) -> None:
    """Raise Damage where bytes follow the end of a file; ``name`` is what marks that end."""
    if size > end:
        raise Damage(f"has bytes after its end ({name}): {size - end:,}")


def check_metadata(size: int) -> None:
    """Raise Damage where a file has too much that is not pixels."""
    if size > METADATA_BYTES:
        raise Damage(f"has more than {METADATA_BYTES:,} bytes of metadata")


def inflate(pieces: Iterable[bytes | memoryview], max_bytes: int, name: str) -> int:
    """Return how many bytes one zlib stream unpacks to, without ever holding them all.

    ``name`` is the part of the file that it is in.

    Raises:
        Damage: If that is more than ``max_bytes``, or if the stream is not whole: its end and its
            Adler-32 (RFC 1950) must be there and right, and nothing may follow.
    """
    stream = zlib.decompressobj()
    size = 0
    for piece in pieces:
        for start in range(0, len(piece), _PIECE):  # since zlib copies what it leaves of a piece
            if stream.eof:
                raise Damage(f"has bytes after the end of its compressed data ({name})")
            size += _inflate_piece(stream, piece[start : start + _PIECE], max_bytes - size, name)
    if not stream.eof:
        raise Damage(f"has compressed data without an end ({name})")
    if stream.unused_data:
        raise Damage(f"has bytes after the end of its compressed data ({name})")
    return size


def _inflate_piece(
    stream: "zlib._Decompress", piece: bytes | memoryview, max_bytes: int, name: str
) -> int:
    size = 0
    while True:
        try:
            block = stream.decompress(piece, _PIECE)
        except zlib.error:
            raise Damage(f"has damaged compressed data ({name})") from None
        size += len(block)
        if size > max_bytes:
            raise Damage(f"has more compressed data than fits its size ({name})")
        if len(block) < _PIECE:
            return size
        piece = stream.unconsumed_tail
