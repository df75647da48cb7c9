"""BMP, by Microsoft's "Bitmap Storage" and its structures BITMAPFILEHEADER to BITMAPV5HEADER.

https://learn.microsoft.com/windows/win32/gdi/bitmap-storage, and "Bitmap Compression" beside it.
"""

import struct
from typing import NamedTuple, Self

from pixelgen.pixlab.client.structure.damage import Damage, check_metadata, check_size

_UNCOMPRESSED, _RLE8, _RLE4, _BITFIELDS = range(4)
_CORE, _INFO, _V5 = 12, 40, 124
_HEADERS = (_CORE, _INFO, 52, 56, 64, 108, _V5)  # the sizes of all headers since OS/2
_PADDING = 4  # fewer bytes than these may follow the pixels; some programs align the file's size


class _Header(NamedTuple):
    """The header that follows the file header."""

    size: int
    width: int
    height: int
    bits: int
    compression: int
    image_bytes: int
    colors: int

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read it; raise Damage if its kind is unknown, or if it is cut short."""
        size = int.from_bytes(data[14:18], "little")
        if len(data) < 18 or (size in _HEADERS and len(data) < 14 + size):
            raise Damage("is shorter than its header")
        if size == _CORE:
            width, height, _, bits = struct.unpack_from("<4H", data, 18)
            return cls(size, width, height, bits, _UNCOMPRESSED, 0, 0)
        if size not in _HEADERS:
            raise Damage(f"has an unknown header of {size:,} bytes")
        width, height, _, bits, compression, image_bytes, _, _, colors = struct.unpack_from(
            "<iiHHIIiiI", data, 18
        )
        # A height below 0 says that the first row is the top one.
        return cls(size, width, abs(height), bits, compression, image_bytes, colors)

    @property
    def tables_bytes(self) -> int:
        """The size of what comes before the pixels: color masks, and the color table."""
        masks = 12 if self.size == _INFO and self.compression == _BITFIELDS else 0
        colors = self.colors or (1 << self.bits if self.bits <= 8 else 0)
        return masks + colors * (3 if self.size == _CORE else 4)

    @property
    def pixel_bytes(self) -> int:
        """The size of the pixels, whose rows are multiples of four bytes unless compressed."""
        if self.compression in (_RLE8, _RLE4):
            return self.image_bytes
        return (self.width * self.bits + 31) // 32 * 4 * self.height


def check_bmp(data: bytes, width: int, height: int) -> list[bytes]:
    """Check that the file is as long as its header says, and ends with the pixels.

    Only a color profile may follow them.

    Raises:
        Damage: If anything of this does not hold.
    """
    header = _Header.read(data)
    check_size((header.width, header.height), width, height)
    size, _, start = struct.unpack_from("<III", data, 2)
    if len(data) != size:
        raise Damage(f"has {len(data):,} bytes, and its header says {size:,}")
    check_metadata(start)
    if start < 14 + header.size + header.tables_bytes:
        raise Damage("has pixels that begin inside its header")
    end = start + header.pixel_bytes
    if end > size:
        raise Damage(f"has {size - start:,} bytes of pixels instead of {end - start:,}")
    if header.compression in (_RLE8, _RLE4):
        _check_compressed(data[start:end], header)
    end = max(end, _profile_end(data, header))
    if end > size:
        raise Damage("has a color profile that passes its end")
    if end + _PADDING <= size:
        raise Damage(f"has bytes after its pixels: {size - end:,}")
    return [data]


def _profile_end(data: bytes, header: _Header) -> int:
    """Return where an embedded color profile ends; 0 if it has none."""
    if header.size < _V5:
        return 0
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    check_metadata(size)
    return 14 + offset + size if size else 0


def _check_compressed(runs: bytes, header: _Header) -> None:
    """Check run-length encoded pixels: even if no two are alike, they need two bytes each."""
    if len(runs) > 2 * (header.width + 2) * header.height + _PADDING:
        raise Damage("has more compressed pixels than fit its size (RLE)")
    if _runs_end(runs, header) + _PADDING <= len(runs):
        raise Damage("has bytes after the end of its compressed pixels (RLE)")


def _runs_end(runs: bytes, header: _Header) -> int:
    """Return where runs end, with 00 01; raise Damage if they do not, or leave their rows."""
    offset = column = row = 0
    while (pair := runs[offset : offset + 2]) != b"\0\1":
        if len(pair) < 2:
            raise Damage("has compressed pixels without an end (RLE)")
        count, code = pair
        offset += 2
        if count:
            column += count
        elif code == 0:
            column, row = 0, row + 1
        elif code == 2:
            move = runs[offset : offset + 2]
            column, row = column + sum(move[:1]), row + sum(move[1:])
            offset += 2
        else:
            column += code
            offset += _literal_bytes(code, header.compression)
        if column > header.width or row > header.height:
            raise Damage("has compressed pixels outside of the image (RLE)")
    return offset + 2


def _literal_bytes(pixels: int, compression: int) -> int:
    """Return the size of pixels that stand as they are, which is a multiple of two bytes."""
    size = pixels if compression == _RLE8 else (pixels + 1) // 2
    return size + size % 2
