"""PNG, by the W3C recommendation "Portable Network Graphics (PNG) Specification", third edition.

https://www.w3.org/TR/png-3/, mainly sections 5 (datastream structure), 7 (pixels to scanlines), 10
(compression) and 11 (chunks).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pixelgen.pixlab.client.structure.damage import (
    METADATA_BYTES,
    Damage,
    check_end,
    check_metadata,
    check_size,
    inflate,
)

_SIGNATURE_BYTES = 8
_CHUNKS = 100_000  # at most: one row a chunk, which some encoders write, is fine
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED = 3
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# The passes of Adam7: the first column and row, and the steps to the next ones.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


class _Chunk(NamedTuple):
    kind: bytes
    data: memoryview

    @property
    def name(self) -> str:
        return self.kind.decode("ascii")


def check_png(data: bytes, width: int, height: int) -> list[bytes]:
    """Check every chunk with its CRC-32, their order, and the whole of the image data.

    An animated PNG passes if its only frame is the image itself.

    Raises:
        Damage: If anything of this does not hold.
    """
    chunks = list(_chunks(data, width, height))
    _check_order([chunk.kind for chunk in chunks])
    _check_palette(chunks)
    _check_frames(chunks, width, height)
    _check_metadata(chunks)
    needed = _raw_bytes(chunks[0].data)
    found = inflate((chunk.data for chunk in chunks if chunk.kind == b"IDAT"), needed, "IDAT")
    if found != needed:
        raise Damage(f"has {found:,} bytes of image data instead of {needed:,} (IDAT)")
    return [data]


def _chunks(data: bytes, width: int, height: int) -> Iterator[_Chunk]:
    """Yield the chunks; raise Damage at the first that is broken, and for a wrong size at once."""
    view = memoryview(data)
    offset = _SIGNATURE_BYTES
    for number in range(_CHUNKS):
        chunk, end = _chunk(view, offset)
        if number == 0:
            _check_header(chunk, width, height)
        yield chunk
        if chunk.kind == b"IEND":
            check_end(len(data), end, "IEND")
            return
        offset = end
    raise Damage(f"has more than {_CHUNKS:,} chunks")


def _chunk(view: memoryview, offset: int) -> tuple[_Chunk, int]:
    """Return the chunk at an offset, and where it ends."""
    if offset + 12 > len(view):
        raise Damage("has no end (IEND)")
    length, kind = struct.unpack_from(">I4s", view, offset)
    end = offset + 12 + length
    if end > len(view):
        raise Damage("has no end (IEND)")
    if not kind.isalpha():
        raise Damage("has a chunk whose name is not four letters")
    chunk = _Chunk(kind, view[offset + 8 : end - 4])
    if struct.unpack_from(">I", view, end - 4)[0] != zlib.crc32(view[offset + 4 : end - 4]):
        raise Damage(f"has a wrong checksum (CRC of {chunk.name})")
    return chunk, end


def _check_header(chunk: _Chunk, width: int, height: int) -> None:
    if chunk.kind != b"IHDR" or len(chunk.data) != 13:
        raise Damage("does not begin with a header (IHDR)")
    *size, depth, color, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunk.data)
    check_size((size[0], size[1]), width, height)
    if depth not in _DEPTHS.get(color, ()) or compression or filtering or interlace > 1:
        raise Damage("has an invalid header (IHDR)")


def _check_order(kinds: Sequence[bytes]) -> None:
    """Check how often the critical chunks are there, and that the image data is in one run."""
    unknown = [kind for kind in kinds if kind[:1].isupper() and kind not in _CRITICAL]
    if unknown:
        raise Damage(f"has an unknown critical chunk ({unknown[0].decode('ascii')})")
    if kinds.count(b"IHDR") > 1 or kinds.count(b"PLTE") > 1:
        raise Damage("has a second header or palette (IHDR, PLTE)")
    count = kinds.count(b"IDAT")
    if count == 0:
        raise Damage("has no image data (IDAT)")
    first = kinds.index(b"IDAT")
    if any(kind != b"IDAT" for kind in kinds[first : first + count]):
        raise Damage("has image data in two places (IDAT)")
    if b"PLTE" in kinds[first:]:
        raise Damage("has its palette after the image data (PLTE)")


def _check_palette(chunks: Sequence[_Chunk]) -> None:
    """Check that there is a palette if the pixels are numbers of its colors."""
    has_palette = any(chunk.kind == b"PLTE" for chunk in chunks)
    if chunks[0].data[9] == _INDEXED and not has_palette:
        raise Damage("has no palette (PLTE)")


def _check_frames(chunks: Sequence[_Chunk], width: int, height: int) -> None:
    """Check that there is one frame, the image: section 11.3.6, "Animation information"."""
    whole = struct.pack(">IIII", width, height, 0, 0)
    for kind, data in chunks:
        several = kind == b"fdAT" or (kind == b"acTL" and bytes(data[:4]) != b"\0\0\0\1")
        if several or (kind == b"fcTL" and bytes(data[4:20]) != whole):
            raise Damage("is an animation of several frames")


def _check_metadata(chunks: Sequence[_Chunk]) -> None:
    """Bound what the ancillary chunks are in memory, once those with deflated data are inflated."""
    size = 0
    for chunk in chunks:
        if chunk.kind != b"IDAT":
            size += len(chunk.data)
            check_metadata(size)
            packed = _deflated(chunk)
            if packed is not None:
                size += inflate([packed], METADATA_BYTES - size, chunk.name)


def _deflated(chunk: _Chunk) -> bytes | None:
    """Return the zlib stream in an ancillary chunk, if there is one."""
    if chunk.kind in (b"iCCP", b"zTXt"):  # keyword, 0, method, stream
        return bytes(chunk.data).partition(b"\0")[2][1:]
    if chunk.kind == b"iTXt":  # keyword, 0, flag, method, language, 0, translated keyword, 0, text
        rest = bytes(chunk.data).partition(b"\0")[2]
        if rest[:1] == b"\1":
            return rest[2:].split(b"\0", 2)[-1]
    return None


def _raw_bytes(header: memoryview) -> int:
    """Return how long the filtered scanlines are together: a byte, and the samples, a row."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    size = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            size += rows * (1 + (columns * depth * _CHANNELS[color] + 7) // 8)
    return size
