"""PNG, encoded without Pillow: W3C "Portable Network Graphics (PNG) Specification (Third Edition)".

Noise does not compress, so its pixels go into *stored* deflate blocks (RFC 1951, 3.2.4), copied row
by row into a file that is laid out once per shape. Textures that compress get the filter and the
deflate strategy that suit them. Checksums and deflate are from zlib-ng.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from pixelgen.errors import BadValue
from pixelgen.formats.base import EVERY_MODE, Data, Encode, Format
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.registry import parameter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_ZLIB_HEADER = b"\x78\x01"
_BLOCK_LIMIT = 65535
_SHORTEST_MATCH, _LONGEST_MATCH = 3, 257  # 258 has a code of its own
_CHUNK_LIMIT = (1 << 31) - 1
_WORST_GROWTH = 1.07  # zlib-ng's level 1 makes noise 5.5 % larger
_NONE, _SUB, _UP = 0, 1, 2
_KEPT = 1024  # images of one level, a kilobyte each


class _Deflate(NamedTuple):
    """How to compress: the filter of every row, and deflate's level and strategy."""

    filter: int
    level: int
    strategy: int = zlib_ng.Z_DEFAULT_STRATEGY


_BY_TEXTURE = {
    Texture.LEVELS: _Deflate(_NONE, 1, zlib_ng.Z_HUFFMAN_ONLY),
    Texture.SPARSE: _Deflate(_NONE, 2),
    Texture.FLAT: _Deflate(_UP, 2),
    Texture.SMOOTH: _Deflate(_UP, 1, zlib_ng.Z_HUFFMAN_ONLY),
}


@dataclass(frozen=True)
class Png(Format):
    """Portable Network Graphics, every mode at 8 and 16 bits.

    ``compression=0`` stores, 1 … 9 are the levels of zlib-ng, ``auto`` stores what cannot compress
    and gives the rest the filter and level that suit it.
    """

    name = "png"
    suffix = ".png"
    holds = EVERY_MODE
    side = _CHUNK_LIMIT

    compression: str = parameter("auto", "deflate level", choices=("auto", *map(str, range(10))))

    def encode(self, pixels: Pixels) -> bytes:
        """Encode one image; ``auto`` stores it, since its texture is unknown."""
        height, width, channels = pixels.shape
        shape = Shape(height, width, channels, 8 * pixels.dtype.itemsize)
        return bytes(self.encoder(shape, Texture.NOISE)(pixels))

    def encoder(self, shape: Shape, texture: Texture) -> Encode:
        """Choose stored or compressed blocks for a shape (channels: of the mode) and texture."""
        how = self._deflate(texture)
        return partial(_compressed, how=how) if how else _Stored(shape).encode

    def encoded_by(self, texture: Texture) -> str:
        """Return the version of zlib-ng if blocks are compressed."""
        return f"zlib-ng {zlib_ng.ZLIBNG_VERSION}" if self._deflate(texture) else ""

    def _deflate(self, texture: Texture) -> _Deflate | None:
        """Return how to compress a texture, or None to store it."""
        if self.compression == "auto":
            return _BY_TEXTURE.get(texture)
        level = int(self.compression)
        return _Deflate(_UP if texture is Texture.FLAT else _NONE, level) if level else None

    def check(self, width: int, height: int, mode: str, depth: int) -> None:
        """Refuse also images that do not fit in one chunk."""
        super().check(width, height, mode, depth)
        row = 1 + width * len(mode) * depth // 8
        if height * row * _WORST_GROWTH > _CHUNK_LIMIT:
            raise BadValue(
                f"png cannot hold {width}x{height} {mode}: it has {height * row:,} bytes of pixels"
                f" and filters, and must have at most {_CHUNK_LIMIT / _WORST_GROWTH:,.0f}"
            )


@lru_cache(_KEPT)
def constant_png(width: int, height: int, level: int) -> bytes:
    """Encode an image of 8-bit gray, all of one level; the bytes depend on no library.

    The filters leave only zeros after the first pixel: "sub" for the first row, "up" for the
    others. Deflate's fixed codes (RFC 1951, 3.2.6) hold them as repetitions.
    """
    first, other = bytes([_SUB, level]) + bytes(width - 1), bytes([_UP]) + bytes(width)
    rows = [_literal(_SUB) + _literal(level) + _zeros(width - 1)]
    rows += [_literal(_UP) + _zeros(width)] * (height - 1)
    bits = "110" + "".join(rows) + "0000000"  # the last block, of fixed codes, and its end
    packed = np.packbits(np.frombuffer(bits.encode(), np.uint8) - ord("0"), bitorder="little")
    adler = zlib_ng.adler32(first)
    for _ in range(height - 1):
        adler = zlib_ng.adler32(other, adler)
    data = _ZLIB_HEADER + packed.tobytes() + struct.pack(">I", adler)
    header = _ihdr(Shape(height, width, 1, 8))
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def _literal(byte: int) -> str:
    """Return the fixed code of a byte, as bits."""
    return f"{0x30 + byte:08b}" if byte < 144 else f"{0x190 + byte - 144:09b}"


def _zeros(count: int) -> str:
    """Return the fixed codes of some zeros, as bits: one, then repetitions of what precedes."""
    bits = _literal(0) * min(count, 1)
    count = max(0, count - 1)
    while count >= _SHORTEST_MATCH:
        length = min(count, _LONGEST_MATCH)
        beyond = length - _SHORTEST_MATCH
        extra = max(0, beyond.bit_length() - 3)
        code = 257 + 4 * extra + (beyond >> extra)
        bits += f"{code - 256:07b}" if code < 280 else f"{0xC0 + code - 280:08b}"
        bits += f"{beyond & ((1 << extra) - 1):0{extra}b}"[::-1] if extra else ""
        bits += "00000"  # at distance 1
        count -= length
    return bits + _literal(0) * count


class _Stored:
    """A whole file of stored blocks, laid out once for a shape and filled again and again."""

    def __init__(self, shape: Shape) -> None:
        self._row = shape.width * shape.channels * shape.depth // 8
        line = 1 + self._row  # a row and its filter byte, which stays 0
        block = _BLOCK_LIMIT // line * line or _BLOCK_LIMIT
        lengths = _cut(shape.height * line, block)
        data = len(_ZLIB_HEADER) + sum(lengths) + 5 * len(lengths) + 4
        self._file = bytearray(_SIGNATURE + _chunk(b"IHDR", _ihdr(shape)) + struct.pack(">I", data))
        self._idat = len(self._file)
        self._file += b"IDAT" + _ZLIB_HEADER
        starts = []
        for number, length in enumerate(lengths, 1):
            self._file += struct.pack("<BHH", number == len(lengths), length, length ^ 0xFFFF)
            starts.append(len(self._file))
            self._file += bytes(length)
        self._sums = len(self._file)
        self._file += bytes(8) + _chunk(b"IEND", b"")
        self._view = memoryview(self._file)
        self._blocks = [self._view[s : s + n] for s, n in zip(starts, lengths, strict=True)]
        lines = [
            np.frombuffer(b, np.uint8).reshape(-1, line) for b in self._blocks if line <= block
        ]
        self._rows = [of_block[:, 1:] for of_block in lines]

    def encode(self, pixels: Pixels) -> Data:
        """Fill in the rows and both checksums; the file is valid until the next call."""
        rows = _bytes(pixels).reshape(-1, self._row)
        if self._rows:
            _fill(self._rows, rows)
        else:  # rows longer than a block
            _fill(
                [np.frombuffer(b, np.uint8) for b in self._blocks], _filtered(rows, _NONE).ravel()
            )
        adler = 1
        for block in self._blocks:
            adler = zlib_ng.adler32(block, adler)
        struct.pack_into(">I", self._file, self._sums, adler)
        crc = zlib_ng.crc32(self._view[self._idat : self._sums + 4])
        struct.pack_into(">I", self._file, self._sums + 4, crc)
        return self._view


def _fill(blocks: list[npt.NDArray[np.uint8]], source: npt.NDArray[np.uint8]) -> None:
    """Copy the source into the blocks, one after the other."""
    first = 0
    for block in blocks:
        block[:] = source[first : first + len(block)]
        first += len(block)


def _compressed(pixels: Pixels, how: _Deflate) -> bytes:
    """Filter and deflate one image."""
    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    rows = _bytes(pixels).reshape(height, -1)
    deflate = zlib_ng.compressobj(how.level, strategy=how.strategy)
    data = deflate.compress(_filtered(rows, how.filter)) + deflate.flush()
    header = _ihdr(Shape(height, width, channels, depth))
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def _bytes(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the levels as bytes in C order, the most significant byte first."""
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"), order="C", copy=False)
    return big_endian.reshape(-1).view(np.uint8)


def _filtered(rows: npt.NDArray[np.uint8], kind: int) -> npt.NDArray[np.uint8]:
    """Put the filter byte before each row; "up" also takes the row above from each."""
    filtered = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = kind
    filtered[:, 1:] = rows
    if kind == _UP:
        filtered[1:, 1:] -= rows[:-1]
    return filtered


def _cut(size: int, block: int) -> list[int]:
    """Return the lengths of the blocks that ``size`` bytes are cut into."""
    return [min(block, size - start) for start in range(0, size, block)]


def _ihdr(shape: Shape) -> bytes:
    color_type = _COLOR_TYPES[shape.channels]
    return struct.pack(">IIBBBBB", shape.width, shape.height, shape.depth, color_type, 0, 0, 0)


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib_ng.crc32(data, zlib_ng.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
