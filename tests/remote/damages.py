"""Damaged image files, and whether Pillow alone accepts them, which is why there are checks."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import PIL.Image

from pixelgen.remote.structure import SIGNATURES
from tests.remote.faulty import chunk
from tests.remote.pictures import (
    HEIGHT,
    IDAT,
    IEND,
    PACKED,
    ROWS,
    SIZE,
    WIDTH,
    encode,
    frames,
    image_of,
    jpeg_with,
    long_tag,
    packed_zeros,
    png,
    rle_bmp,
    scan_of,
    segment,
    tiled_tiff,
    with_bit_flipped,
    with_directory_at_end,
    with_field,
    with_tag,
)


class Case(NamedTuple):
    """A damage: to which format, what is said, whether Pillow alone accepts it, and the bytes."""

    name: str
    said: str
    pillow: bool | None  # None where it depends on Pillow's version
    make: Callable[[], bytes]


def half_scan() -> bytes:
    data = encode("jpeg")
    start = scan_of(data)
    return data[: (start + len(data)) // 2].rstrip(b"\xff") + b"\xff\xd9"


def many_scans() -> bytes:
    data = encode("jpeg", "L", progressive=True)
    return data[:-2] + 200 * data[scan_of(data) : -2] + data[-2:]


def without_last_scan(**options: Any) -> bytes:
    data = encode("jpeg", **options)
    return data[: scan_of(data)] + data[-2:]


def half_lzw(rest: bytes) -> bytes:
    data = encode("gif", "L")
    return data[: image_of(data) + 11 + 256 * 6] + b"\0" + rest + b";"


def gif_with_extensions(count: int) -> bytes:
    data = encode("gif", "L")
    place = image_of(data)
    return data[:place] + count * b"!\xfe\x01x\0" + data[place:]


def gif_outside() -> bytes:
    data = bytearray(encode("gif", "L"))
    struct.pack_into("<H", data, image_of(data) + 1, 1)
    return bytes(data)


def deflated_tiff(*, less: int) -> bytes:
    """Return a TIFF whose only strip says that it has fewer bytes."""
    data = encode("tiff", "L", compression="tiff_adobe_deflate")
    with PIL.Image.open(io.BytesIO(data)) as image:
        size = image.tag_v2[279]  # type: ignore[attr-defined]
    return with_tag(data, 279, value=size[0] - less)


CASES = {
    "png without its end": Case("png", r"no end \(IEND\)", True, lambda: encode("png")[:-12]),
    "png cut in its end": Case("png", r"no end \(IEND\)", True, lambda: encode("png")[:-1]),
    "png with bytes after": Case(
        "png", r"bytes after its end \(IEND\): 3", True, lambda: encode("png") + b"abc"
    ),
    "two pngs": Case("png", r"bytes after its end \(IEND\)", True, lambda: 2 * encode("png")),
    "png with a wrong crc at the end": Case(
        "png", r"wrong checksum \(CRC of IEND\)", True, lambda: with_bit_flipped(encode("png"), -1)
    ),
    "png with a wrong crc of its pixels": Case(
        "png", r"wrong checksum \(CRC of IDAT\)", True,
        lambda: with_bit_flipped(encode("png"), -8 * 12 - 1),
    ),
    "png with a wrong crc of a text": Case(
        "png", r"wrong checksum \(CRC of tEXt\)", True,
        lambda: png(IDAT, with_bit_flipped(chunk(b"tEXt", b"a\0b"), -1), IEND),
    ),
    "png with a wrong adler": Case(
        "png", r"damaged compressed data \(IDAT\)", False,
        lambda: png(chunk(b"IDAT", with_bit_flipped(PACKED, -1)), IEND),
    ),
    "png without the adler": Case(
        "png", r"compressed data without an end \(IDAT\)", True,
        lambda: png(chunk(b"IDAT", PACKED[:-4]), IEND),
    ),
    "png with bytes after the adler": Case(
        "png", r"bytes after the end of its compressed data \(IDAT\)", True,
        lambda: png(chunk(b"IDAT", PACKED + b"x"), IEND),
    ),
    "png with a chunk after the adler": Case(
        "png", r"bytes after the end of its compressed data \(IDAT\)", True,
        lambda: png(IDAT, chunk(b"IDAT", b"x"), IEND),
    ),
    "png with too many pixels": Case(
        "png", r"more compressed data than fits its size \(IDAT\)", True,
        lambda: png(chunk(b"IDAT", zlib.compress(ROWS + b"\0")), IEND),
    ),
    "png with too few pixels": Case(
        "png", r"has 3,119 bytes of image data instead of 3,120 \(IDAT\)", False,
        lambda: png(chunk(b"IDAT", zlib.compress(ROWS[:-1])), IEND),
    ),
    "png with pixels in two places": Case(
        "png", "image data in two places", True,
        lambda: png(IDAT, chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", b""), IEND),
    ),
    "png without pixels": Case("png", "no image data", False, lambda: png(IEND)),
    "png with an unknown filter": Case(
        "png", "cannot be decoded", False,
        lambda: png(chunk(b"IDAT", zlib.compress(b"\x09" + ROWS[1:])), IEND),
    ),
    "png with an unknown critical chunk": Case(
        "png", r"unknown critical chunk \(ABCD\)", True,
        lambda: png(chunk(b"ABCD", b""), IDAT, IEND),
    ),
    "png with a second header": Case(
        "png", "second header", True, lambda: png()[:33] + png()[8:] + IDAT + IEND
    ),
    "png without its palette": Case(
        "png", "has no palette", True, lambda: png(IDAT, IEND, color=3)
    ),
    "png whose chunk has no name": Case(
        "png", "name is not four letters", False, lambda: png(chunk(b"\0\0\0\0", b""), IDAT, IEND)
    ),
    "png of a depth that there is not": Case(
        "png", r"invalid header \(IHDR\)", False, lambda: png(IDAT, IEND, depth=3)
    ),
    "png without a header": Case(
        "png", r"does not begin with a header \(IHDR\)", False,
        lambda: SIGNATURES["png"][0] + IDAT + IEND,
    ),
    "png with too many chunks": Case(
        "png", "more than 100,000 chunks", True,
        lambda: png(chunk(b"IDAT", b"") * 100_000, IDAT, IEND),
    ),
    "animated png": Case("png", "animation of several frames", True, lambda: frames("png")),
    "png with a profile that is a bomb": Case(
        "png", r"more compressed data than fits its size \(iCCP\)", False,
        lambda: png(chunk(b"iCCP", b"p\0\0" + packed_zeros(1 << 26)), IDAT, IEND),
    ),
    "png with texts that are bombs": Case(
        "png", r"more compressed data than fits its size \(zTXt\)|bytes of metadata", True,
        lambda: png(8 * chunk(b"zTXt", b"t\0\0" + packed_zeros(1 << 20)), IDAT, IEND),
    ),
    "png with a text that is a bomb": Case(
        "png", r"more compressed data than fits its size \(iTXt\)", False,
        lambda: png(chunk(b"iTXt", b"t\0\1\0en\0t\0" + packed_zeros(1 << 26)), IDAT, IEND),
    ),
    "png with much metadata": Case(
        "png", "more than 4,194,304 bytes of metadata", True,
        lambda: png(IDAT, chunk(b"teXt", bytes(5 << 20)), IEND),
    ),
    "jpeg without its end": Case("jpeg", r"no end \(EOI\)", True, lambda: encode("jpeg", "L")[:-2]),
    "jpeg cut in its end": Case("jpeg", r"no end \(EOI\)", True, lambda: encode("jpeg", "L")[:-1]),
    "jpeg with bytes after": Case(
        "jpeg", r"bytes after its end \(EOI\): 1", True, lambda: encode("jpeg") + b"\0"
    ),
    "two jpegs": Case("jpeg", r"bytes after its end \(EOI\)", True, lambda: 2 * encode("jpeg")),
    "half a jpeg with an end": Case("jpeg", "lacks a part of its pixels", True, half_scan),
    "progressive jpeg without its last scan": Case(
        "jpeg", r"lacks a scan \(SOS\)", True, lambda: without_last_scan(progressive=True)
    ),
    "jpeg with a damaged scan header": Case(
        "jpeg", r"invalid header of a scan \(SOS\)", False,
        lambda: encode("jpeg").replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\2"),
    ),
    "jpeg without a scan": Case(
        "jpeg", "no image data", False,
        lambda: encode("jpeg")[: scan_of(encode("jpeg"))] + b"\xff\xd9",
    ),
    "jpeg with bytes between segments": Case(
        "jpeg", "bytes between segments", True,
        lambda: jpeg_with(segment(0xFE, b"a"), b"abc"),
    ),
    "jpeg with a marker out of place": Case(
        "jpeg", r"marker where none is allowed \(FF D0\)", True, lambda: jpeg_with(b"\xff\xd0")
    ),
    "jpeg with a segment that is too short": Case(
        "jpeg", r"damaged segment \(FF E5\)", True, lambda: jpeg_with(b"\xff\xe5\0\0")
    ),
    "jpeg with two frames": Case(
        "jpeg", "more than one frame", False,
        lambda: jpeg_with(segment(0xC0, struct.pack(">BHHB3s", 8, HEIGHT, WIDTH, 1, b"\1\x11\0"))),
    ),
    "jpeg with 201 scans": Case("jpeg", r"more than 100 scans \(SOS\)", True, many_scans),
    "jpeg with a scan of fill bytes": Case(
        "jpeg", r"a scan of fill bytes \(SOS\)", True,
        lambda: encode("jpeg")[:-2] + b"\xff" * 5000 + b"\xff\xd9",
    ),
    "jpeg with many segments": Case(
        "jpeg", "more than 1,000 segments", True, lambda: jpeg_with(2000 * segment(0xDD, b"\0\0"))
    ),
    "jpeg with much metadata": Case(
        "jpeg", "more than 4,194,304 bytes of metadata", True,
        lambda: jpeg_with(80 * segment(0xE5, bytes(60_000))),
    ),
    "gif without its end": Case("gif", r"no end \(trailer 3B\)", True, lambda: encode("gif")[:-1]),
    "gif without the end of its pixels": Case(
        "gif", r"no end \(trailer 3B\)", True, lambda: encode("gif")[:-2]
    ),
    "gif with bytes after": Case(
        "gif", r"bytes after its end \(trailer 3B\): 2", True, lambda: encode("gif") + b"ab"
    ),
    "animated gif": Case("gif", "animation of several frames", True, lambda: frames("gif")),
    "gif with half of its pixels": Case("gif", "cannot be decoded", False, lambda: half_lzw(b"")),
    "gif with half of its pixels and an extension": Case(
        "gif", "cannot be decoded", True,
        lambda: half_lzw(b"!\0" + (b"\x20" + bytes(32)) * 90 + b"\0"),
    ),
    "gif with a frame outside of its screen": Case(
        "gif", "frame that does not fit", False, gif_outside
    ),
    "gif with an unknown block": Case(
        "gif", r"unknown block \(00\)", True, lambda: encode("gif")[:-1] + b"\0;"
    ),
    "gif without an image": Case(
        "gif", "no image", False, lambda: b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0, 0, 0) + b";"
    ),
    "gif with many extensions": Case(
        "gif", "more than 1,000 extensions", True, lambda: gif_with_extensions(2000)
    ),
    "bmp with a byte after": Case(
        "bmp", "has 9,271 bytes, and its header says 9,270", True, lambda: encode("bmp") + b"\0"
    ),
    "bmp cut in its last row": Case(
        "bmp", "has 9,269 bytes, and its header says 9,270", False, lambda: encode("bmp")[:-1]
    ),
    "bmp whose header says more": Case(
        "bmp", "has 9,270 bytes, and its header says 9,271", True,
        lambda: with_field(encode("bmp"), 2, 9271),
    ),
    "bmp with bytes after its pixels": Case(
        "bmp", "bytes after its pixels: 4", True,
        lambda: with_field(encode("bmp"), 2, 9274) + b"abcd",
    ),
    "bmp with too few pixels": Case(
        "bmp", "has 9,212 bytes of pixels instead of 9,216", False,
        lambda: with_field(encode("bmp"), 2, 9266)[:-4],
    ),
    "bmp whose pixels are in its header": Case(
        "bmp", "pixels that begin inside its header", True,
        lambda: with_field(encode("bmp"), 10, 40),
    ),
    "bmp with an unknown header": Case(
        "bmp", "unknown header of 41 bytes", False, lambda: with_field(encode("bmp"), 14, 41)
    ),
    "bmp without the end of its runs": Case(
        "bmp", "compressed pixels without an end", True, lambda: rle_bmp(b"")
    ),
    "bmp with bytes after its runs": Case(
        "bmp", "bytes after the end of its compressed pixels", True,
        lambda: rle_bmp(b"\0\1" + bytes(4)),
    ),
    "bmp with runs that pass the row": Case(
        "bmp", "compressed pixels outside", True, lambda: rle_bmp(b"\xff\7\0\1")
    ),
    "bmp with moves that go nowhere": Case(
        "bmp", "more compressed pixels than fit its size", True,
        lambda: rle_bmp(b"\0\2\0\0" * 2000 + b"\0\1"),
    ),
    "bmp with half of its runs": Case(
        "bmp", "cannot be decoded", False, lambda: rle_bmp(b"\0\1", rows=HEIGHT // 2)
    ),
    "tiff with a byte after": Case(
        "tiff", "bytes after its end .*: 1", True, lambda: encode("tiff") + b"x"
    ),
    "tiff cut in its pixels": Case("tiff", "cut short", False, lambda: encode("tiff")[:-1]),
    "tiff cut in its tags": Case(
        "tiff", "cut short", False, lambda: encode("tiff", compression="tiff_lzw")[:-1]
    ),
    "tiff whose strip passes the end": Case(
        "tiff", "cut short", True, lambda: with_tag(encode("tiff", "L"), 279, value=9999)
    ),
    "tiff whose strip is too short": Case(
        "tiff", "in a strip or tile instead of 3,072", True,
        lambda: with_tag(encode("tiff", "L"), 279, value=99) ,
    ),
    "tiff of three images": Case("tiff", "more than one image", True, lambda: frames("tiff")),
    "tiff that says that it goes on": Case(
        "tiff", "more than one image", True,
        lambda: with_directory_at_end(encode("tiff", "L"), following=8),
    ),
    "tiff without the adler": Case(
        "tiff", r"compressed data without an end \(strip or tile\)", True,
        lambda: deflated_tiff(less=4),
    ),
    "tiff with strips and tiles": Case(
        "tiff", "has strips and tiles", True,
        lambda: tiled_tiff(16).replace(long_tag(262, 1), long_tag(273, 1)),
    ),
    "tiff with a tag twice": Case(
        "tiff", "has tag 256 twice", False,
        lambda: tiled_tiff(16).replace(long_tag(257, HEIGHT), long_tag(256, HEIGHT)),
    ),
    "tiff with tiles of an odd size": Case(
        "tiff", "tiles of 17x16 pixels", False,
        lambda: tiled_tiff(16).replace(long_tag(322, 16), long_tag(322, 17)),
    ),
    "tiff with too many strips": Case(
        "tiff", "has 1 strips or tiles instead of 48", True,
        lambda: with_tag(encode("tiff", "L"), 278, value=1),
    ),
    "tiff with a tag of many values": Case(
        "tiff", "cut short", None, lambda: with_tag(encode("tiff", "L"), 258, count=1 << 31)
    ),
    "tiff with a tag of the wrong type": Case(
        "tiff", "tag of the wrong type", False, lambda: with_tag(encode("tiff", "L"), 256, kind=11)
    ),
    "tiff that is compressed in a newer way": Case(
        "tiff", "uses compression 34925", True, lambda: encode("tiff", compression="lzma")
    ),
    "tiff without half of its lzw data": Case(
        "tiff", "cannot be decoded", False,
        lambda: with_tag(encode("tiff", "L", compression="tiff_lzw"), 279, value=1500),
    ),
}  # fmt: skip
