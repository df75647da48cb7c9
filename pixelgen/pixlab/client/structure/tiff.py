"""TIFF, by Adobe's "TIFF Revision 6.0" with its supplements, and BigTIFF by libtiff's description.

https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, mainly section 2 (structure) and 15
(tiles); https://libtiff.gitlab.io/libtiff/specification/bigtiff.html
"""

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from pixelgen.pixlab.client.structure.damage import (
    METADATA_PARTS,
    Damage,
    check_end,
    check_metadata,
    check_size,
    inflate,
)
from pixelgen.pixlab.client.structure.jpeg import check_segments


class _Tag(IntEnum):
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    STRIP_OFFSETS = 273
    SAMPLES = 277
    STRIP_ROWS = 278
    STRIP_SIZES = 279
    PLANES = 284
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_SIZES = 325
    IMAGES = 330
    EXIF = 34665
    GPS = 34853
    INTEROPERABILITY = 40965


_TABLES = {_Tag.STRIP_OFFSETS, _Tag.STRIP_SIZES, _Tag.TILE_OFFSETS, _Tag.TILE_SIZES}
_METADATA = (_Tag.EXIF, _Tag.GPS, _Tag.INTEROPERABILITY)
# The bytes of a value, by its type; and how struct calls the types that are integers.
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
          17: 8, 18: 8}  # fmt: skip
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}

_RAW, _JPEG, _DEFLATE = 1, 7, (8, 32946)
_UNCHECKED = (2, 3, 4, 5, 32771, 32773)  # CCITT, LZW, PackBits: decoding shows what they hold
_SEPARATE_PLANES = 2
_YCBCR = 6
_TILE_PIXELS = 1 << 20  # a tile may have these, or as many as the image


class _Field(NamedTuple):
    """The value of a tag: its type, its bytes, and their order."""

    kind: int
    data: memoryview
    order: str

    @property
    def length(self) -> int:
        """How many values there are."""
        return len(self.data) // _BYTES.get(self.kind, 1)

    def integers(self) -> tuple[int, ...]:
        """Return the values."""
        if self.kind not in _INTEGERS:
            raise Damage("has a tag of the wrong type")
        return struct.unpack(f"{self.order}{self.length}{_INTEGERS[self.kind]}", self.data)


_Fields = Mapping[int, _Field]


class _Segment(NamedTuple):
    """A strip or a tile: its data, and the bounds of what it may unpack to."""

    data: memoryview
    min_bytes: int
    max_bytes: int


class _File:
    """The bytes of a file, and how far it refers to them."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self._order = "<" if data[:2] == b"II" else ">"
        self._is_big = data[2:4] in (b"+\0", b"\0+")
        self._offset, self._offset_bytes = ("Q", 8) if self._is_big else ("I", 4)
        self._metadata = 0
        self.end = 0

    def take(self, offset: int, size: int) -> memoryview:
        """Return bytes that the file refers to."""
        if offset + size > len(self._view):
            raise Damage(
                f"is cut short: it refers to byte {offset + size:,} of {len(self._view):,}"
            )
        self.end = max(self.end, offset + size)
        return self._view[offset : offset + size]

    def image(self) -> _Fields:
        """Return the tags of the image, which must be the only one."""
        (offset,) = self._unpack(self._offset, self._offset_bytes)
        fields, following = self._directory(offset)
        if following or _Tag.IMAGES in fields:
            raise Damage("has more than one image")
        self._check_metadata(fields)
        return fields

    def _check_metadata(self, fields: _Fields) -> None:
        """Read the directories that others point to, so that what is in them is counted."""
        pointers = [fields[tag] for tag in _METADATA if tag in fields]
        for number, pointer in enumerate(pointers):
            if number == len(_METADATA) or not pointer.length:
                raise Damage("has directories of metadata that are damaged")
            inner, _ = self._directory(pointer.integers()[0])
            pointers += [inner[tag] for tag in _METADATA if tag in inner]

    def _directory(self, offset: int) -> tuple[_Fields, int]:
        """Return the tags of the directory at an offset, and where the next one is."""
        code, size = ("Q", 8) if self._is_big else ("H", 2)
        (count,) = self._unpack(code, offset)
        if count > METADATA_PARTS:
            raise Damage(f"has more than {METADATA_PARTS:,} tags")
        fields: dict[int, _Field] = {}
        offset += size
        for _ in range(count):
            tag, kind, length = self._unpack("HH" + self._offset, offset)
            if tag in fields:
                raise Damage(f"has tag {tag} twice")
            fields[tag] = self._field(kind, length, offset + 4 + self._offset_bytes)
            if tag not in _TABLES:
                self._metadata += len(fields[tag].data)
            offset += 4 + 2 * self._offset_bytes
        check_metadata(self._metadata)
        return fields, self._unpack(self._offset, offset)[0]

    def _field(self, kind: int, length: int, offset: int) -> _Field:
        """Return a tag's value, which is stored elsewhere unless it fits into the entry."""
        size = length * _BYTES.get(kind, 0)  # readers skip what has a type that they do not know
        if size > self._offset_bytes:
            (offset,) = self._unpack(self._offset, offset)
        return _Field(kind, self.take(offset, size), self._order)

    def _unpack(self, codes: str, offset: int) -> tuple[int, ...]:
        codes = self._order + codes
        return struct.unpack(codes, self.take(offset, struct.calcsize(codes)))


def check_tiff(data: bytes, width: int, height: int) -> list[bytes]:
    """Check that all that the file refers to is in it, that this is one image, and nothing else.

    Deflated strips and tiles are inflated, and those that are JPEG are checked as that.

    Raises:
        Damage: If anything of this does not hold.
    """
    file = _File(data)
    fields = file.image()
    check_size((_integer(fields, _Tag.WIDTH), _integer(fields, _Tag.HEIGHT)), width, height)
    compression = _integer(fields, _Tag.COMPRESSION, _RAW)
    if compression not in (_RAW, _JPEG, *_DEFLATE, *_UNCHECKED):
        raise Damage(f"uses compression {compression}, which is not one of TIFF 6.0")
    if _Tag.STRIP_OFFSETS in fields and _Tag.TILE_OFFSETS in fields:
        raise Damage("has strips and tiles, of which a decoder may take either")
    total = 0
    for segment in _segments(file, fields, width, height):
        total += len(segment.data)
        if total > len(data):
            raise Damage("has strips or tiles that overlap")
        _check_segment(segment, compression)
    check_end(len(data), file.end, "the last byte that it refers to")
    return [data]


def _integer(fields: _Fields, tag: _Tag, default: int | None = None) -> int:
    """Return the first integer of a tag."""
    return _integers(fields, tag, default)[0]


def _integers(fields: _Fields, tag: _Tag, default: int | None = None) -> tuple[int, ...]:
    if tag in fields and fields[tag].length:
        return fields[tag].integers()
    if default is None:
        raise Damage(f"lacks tag {tag}")
    return (default,)


def _segments(file: _File, fields: _Fields, width: int, height: int) -> Iterator[_Segment]:
    """Yield the strips or tiles, of which there must be as many as the image needs."""
    samples, bits = _integer(fields, _Tag.SAMPLES, 1), _integers(fields, _Tag.BITS, 1)
    pixel_bits, planes = sum(bits) if len(bits) == samples else bits[0] * samples, 1
    if _integer(fields, _Tag.PLANES, 1) == _SEPARATE_PLANES:
        pixel_bits, planes = bits[0], samples
    if _Tag.TILE_WIDTH in fields:
        columns, rows = _tile_size(fields, width, height)
        heights = [rows] * (-(-width // columns) * -(-height // rows))
        tables = _Tag.TILE_OFFSETS, _Tag.TILE_SIZES
    else:
        columns, rows = width, max(1, min(_integer(fields, _Tag.STRIP_ROWS, height), height))
        heights = [min(rows, height - top) for top in range(0, height, rows)]
        tables = _Tag.STRIP_OFFSETS, _Tag.STRIP_SIZES
    offsets, sizes = (_table(fields, tag, len(heights) * planes) for tag in tables)
    row_bytes = (columns * pixel_bits + 7) // 8
    # Of YCbCr, where colors have fewer samples, only the maximum is known.
    min_bytes = 0 if _integer(fields, _Tag.PHOTOMETRIC, 0) == _YCBCR else row_bytes
    for offset, size, lines in zip(offsets, sizes, heights * planes, strict=True):
        yield _Segment(file.take(offset, size), min_bytes * lines, row_bytes * rows)


def _table(fields: _Fields, tag: _Tag, count: int) -> tuple[int, ...]:
    """Return an integer for each strip or tile."""
    found = fields[tag].length if tag in fields else 0
    if found != count:
        raise Damage(f"has {found:,} strips or tiles instead of {count:,}")
    return fields[tag].integers()


def _tile_size(fields: _Fields, width: int, height: int) -> tuple[int, int]:
    """Return the width and height of a tile: multiples of 16, and no more memory than it needs."""
    columns, rows = _integer(fields, _Tag.TILE_WIDTH), _integer(fields, _Tag.TILE_HEIGHT)
    max_pixels = max(_TILE_PIXELS, (width + 15) * (height + 15))
    if columns % 16 or rows % 16 or not 0 < columns * rows <= max_pixels:
        raise Damage(f"has tiles of {columns:,}x{rows:,} pixels")
    return columns, rows


def _check_segment(segment: _Segment, compression: int) -> None:
    """Check what a strip or tile unpacks to, as far as that is seen without decoding."""
    if compression == _JPEG:
        check_segments(segment.data)
        return
    if compression in _DEFLATE:
        size = inflate([segment.data], segment.max_bytes, "strip or tile")
    elif compression == _RAW:
        size = len(segment.data)
    else:
        return
    if size < segment.min_bytes:
        raise Damage(f"has {size:,} bytes in a strip or tile instead of {segment.min_bytes:,}")
