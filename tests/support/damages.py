"""Damaged image files, and whether Pillow alone accepts them, which is why there are checks."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import PIL.Image

from pixelgen.pixlab.client.structure import SIGNATURES
from tests.support.faulty_server import chunk
from tests.support.image_files import (
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
    """A damage: to which format, the message, whether Pillow alone accepts it, and the bytes."""

    name: str
    message: str
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
    "png without its end": Case("png", "no end.*IEND", True, lambda: encode("png")[:-12]),
    "png cut in its end": Case("png", "no end.*IEND", True, lambda: encode("png")[:-1]),
    "png with bytes after": Case(
        "png", r"after.*IEND.*\b3\b", True, lambda: encode("png") + b"abc"
    ),
    "two pngs": Case("png", "after.*IEND", True, lambda: 2 * encode("png")),
    "png with a wrong crc at the end": Case(
        "png", "CRC.*IEND", True, lambda: with_bit_flipped(encode("png"), -1)
    ),
    "png with a wrong crc of its pixels": Case(
        "png", "CRC.*IDAT", True,
        lambda: with_bit_flipped(encode("png"), -8 * 12 - 1),
    ),
    "png with a wrong crc of a text": Case(
        "png", "CRC.*tEXt", True,
        lambda: png(IDAT, with_bit_flipped(chunk(b"tEXt", b"a\0b"), -1), IEND),
    ),
    "png with a wrong adler": Case(
        "png", "compressed data.*IDAT", False,
        lambda: png(chunk(b"IDAT", with_bit_flipped(PACKED, -1)), IEND),
    ),
    "png without the adler": Case(
        "png", "without an end.*IDAT", True,
        lambda: png(chunk(b"IDAT", PACKED[:-4]), IEND),
    ),
    "png with bytes after the adler": Case(
        "png", "after.*compressed data.*IDAT", True,
        lambda: png(chunk(b"IDAT", PACKED + b"x"), IEND),
    ),
    "png with a chunk after the adler": Case(
        "png", "after.*compressed data.*IDAT", True,
        lambda: png(IDAT, chunk(b"IDAT", b"x"), IEND),
    ),
    "png with too many pixels": Case(
        "png", "more.*compressed data.*IDAT", True,
        lambda: png(chunk(b"IDAT", zlib.compress(ROWS + b"\0")), IEND),
    ),
    "png with too few pixels": Case(
        "png", r"\b3,119\b.*\b3,120\b.*IDAT", False,
        lambda: png(chunk(b"IDAT", zlib.compress(ROWS[:-1])), IEND),
    ),
    "png with pixels in two places": Case(
        "png", "two places", True,
        lambda: png(IDAT, chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", b""), IEND),
    ),
    "png without pixels": Case("png", "no image data", False, lambda: png(IEND)),
    "png with an unknown filter": Case(
        "png", "cannot be decoded", False,
        lambda: png(chunk(b"IDAT", zlib.compress(b"\x09" + ROWS[1:])), IEND),
    ),
    "png with an unknown critical chunk": Case(
        "png", "critical.*ABCD", True,
        lambda: png(chunk(b"ABCD", b""), IDAT, IEND),
    ),
    "png with a second header": Case(
        "png", "second header", True, lambda: png()[:33] + png()[8:] + IDAT + IEND
    ),
    "png without its palette": Case(
        "png", "palette", True, lambda: png(IDAT, IEND, color=3)
    ),
    "png whose chunk has no name": Case(
        "png", "name", False, lambda: png(chunk(b"\0\0\0\0", b""), IDAT, IEND)
    ),
    "png of a depth that there is not": Case(
        "png", "header.*IHDR", False, lambda: png(IDAT, IEND, depth=3)
    ),
    "png without a header": Case(
        "png", "begin.*IHDR", False,
        lambda: SIGNATURES["png"][0] + IDAT + IEND,
    ),
    "png with too many chunks": Case(
        "png", "100,000 chunks", True,
        lambda: png(chunk(b"IDAT", b"") * 100_000, IDAT, IEND),
    ),
    "animated png": Case("png", "animation", True, lambda: frames("png")),
    "png with a profile that is a bomb": Case(
        "png", "more.*compressed data.*iCCP", False,
        lambda: png(chunk(b"iCCP", b"p\0\0" + packed_zeros(1 << 26)), IDAT, IEND),
    ),
    "png with texts that are bombs": Case(
        "png", "more.*compressed data.*zTXt|metadata", True,
        lambda: png(8 * chunk(b"zTXt", b"t\0\0" + packed_zeros(1 << 20)), IDAT, IEND),
    ),
    "png with a text that is a bomb": Case(
        "png", "more.*compressed data.*iTXt", False,
        lambda: png(chunk(b"iTXt", b"t\0\1\0en\0t\0" + packed_zeros(1 << 26)), IDAT, IEND),
    ),
    "png with much metadata": Case(
        "png", "4,194,304.*metadata", True,
        lambda: png(IDAT, chunk(b"teXt", bytes(5 << 20)), IEND),
    ),
    "jpeg without its end": Case("jpeg", "no end.*EOI", True, lambda: encode("jpeg", "L")[:-2]),
    "jpeg cut in its end": Case("jpeg", "no end.*EOI", True, lambda: encode("jpeg", "L")[:-1]),
    "jpeg with bytes after": Case(
        "jpeg", r"after.*EOI.*\b1\b", True, lambda: encode("jpeg") + b"\0"
    ),
    "two jpegs": Case("jpeg", "after.*EOI", True, lambda: 2 * encode("jpeg")),
    "half a jpeg with an end": Case("jpeg", "lacks.*pixels", True, half_scan),
    "progressive jpeg without its last scan": Case(
        "jpeg", "lacks.*SOS", True, lambda: without_last_scan(progressive=True)
    ),
    "jpeg with a damaged scan header": Case(
        "jpeg", "header.*SOS", False,
        lambda: encode("jpeg").replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\2"),
    ),
    "jpeg without a scan": Case(
        "jpeg", "no image data", False,
        lambda: encode("jpeg")[: scan_of(encode("jpeg"))] + b"\xff\xd9",
    ),
    "jpeg with bytes between segments": Case(
        "jpeg", "between segments", True,
        lambda: jpeg_with(segment(0xFE, b"a"), b"abc"),
    ),
    "jpeg with a marker out of place": Case(
        "jpeg", "marker.*FF D0", True, lambda: jpeg_with(b"\xff\xd0")
    ),
    "jpeg with a segment that is too short": Case(
        "jpeg", "segment.*FF E5", True, lambda: jpeg_with(b"\xff\xe5\0\0")
    ),
    "jpeg with two frames": Case(
        "jpeg", "frame", False,
        lambda: jpeg_with(segment(0xC0, struct.pack(">BHHB3s", 8, HEIGHT, WIDTH, 1, b"\1\x11\0"))),
    ),
    "jpeg with 201 scans": Case("jpeg", r"\b100 scans.*SOS", True, many_scans),
    "jpeg with a scan of fill bytes": Case(
        "jpeg", "fill.*SOS", True,
        lambda: encode("jpeg")[:-2] + b"\xff" * 5000 + b"\xff\xd9",
    ),
    "jpeg with many segments": Case(
        "jpeg", "1,000 segments", True, lambda: jpeg_with(2000 * segment(0xDD, b"\0\0"))
    ),
    "jpeg with much metadata": Case(
        "jpeg", "4,194,304.*metadata", True,
        lambda: jpeg_with(80 * segment(0xE5, bytes(60_000))),
    ),
    "gif without its end": Case("gif", "no end.*3B", True, lambda: encode("gif")[:-1]),
    "gif without the end of its pixels": Case(
        "gif", "no end.*3B", True, lambda: encode("gif")[:-2]
    ),
    "gif with bytes after": Case(
        "gif", r"after.*3B.*\b2\b", True, lambda: encode("gif") + b"ab"
    ),
    "animated gif": Case("gif", "animation", True, lambda: frames("gif")),
    "gif with half of its pixels": Case("gif", "cannot be decoded", False, lambda: half_lzw(b"")),
    "gif with half of its pixels and an extension": Case(
        "gif", "cannot be decoded", True,
        lambda: half_lzw(b"!\0" + (b"\x20" + bytes(32)) * 90 + b"\0"),
    ),
    "gif with a frame outside of its screen": Case(
        "gif", "frame.*fit", False, gif_outside
    ),
    "gif with an unknown block": Case(
        "gif", r"block.*\b00\b", True, lambda: encode("gif")[:-1] + b"\0;"
    ),
    "gif without an image": Case(
        "gif", "no image", False, lambda: b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0, 0, 0) + b";"
    ),
    "gif with many extensions": Case(
        "gif", "1,000 extensions", True, lambda: gif_with_extensions(2000)
    ),
    "bmp with a byte after": Case(
        "bmp", "9,271.*9,270", True, lambda: encode("bmp") + b"\0"
    ),
    "bmp cut in its last row": Case(
        "bmp", "9,269.*9,270", False, lambda: encode("bmp")[:-1]
    ),
    "bmp whose header says more": Case(
        "bmp", "9,270.*9,271", True,
        lambda: with_field(encode("bmp"), 2, 9271),
    ),
    "bmp with bytes after its pixels": Case(
        "bmp", r"after.*pixels.*\b4\b", True,
        lambda: with_field(encode("bmp"), 2, 9274) + b"abcd",
    ),
    "bmp with too few pixels": Case(
        "bmp", "9,212.*9,216", False,
        lambda: with_field(encode("bmp"), 2, 9266)[:-4],
    ),
    "bmp whose pixels are in its header": Case(
        "bmp", "pixels.*header", True,
        lambda: with_field(encode("bmp"), 10, 40),
    ),
    "bmp with an unknown header": Case(
        "bmp", r"header.*\b41\b", False, lambda: with_field(encode("bmp"), 14, 41)
    ),
    "bmp without the end of its runs": Case(
        "bmp", "without an end", True, lambda: rle_bmp(b"")
    ),
    "bmp with bytes after its runs": Case(
        "bmp", "after.*compressed pixels", True,
        lambda: rle_bmp(b"\0\1" + bytes(4)),
    ),
    "bmp with runs that pass the row": Case(
        "bmp", "outside", True, lambda: rle_bmp(b"\xff\7\0\1")
    ),
    "bmp with moves that go nowhere": Case(
        "bmp", "more.*compressed pixels", True,
        lambda: rle_bmp(b"\0\2\0\0" * 2000 + b"\0\1"),
    ),
    "bmp with half of its runs": Case(
        "bmp", "cannot be decoded", False, lambda: rle_bmp(b"\0\1", rows=HEIGHT // 2)
    ),
    "tiff with a byte after": Case(
        "tiff", r"after.*\b1\b", True, lambda: encode("tiff") + b"x"
    ),
    "tiff cut in its pixels": Case("tiff", "cut short", False, lambda: encode("tiff")[:-1]),
    "tiff cut in its tags": Case(
        "tiff", "cut short", False, lambda: encode("tiff", compression="tiff_lzw")[:-1]
    ),
    "tiff whose strip passes the end": Case(
        "tiff", "cut short", True, lambda: with_tag(encode("tiff", "L"), 279, value=9999)
    ),
    "tiff whose strip is too short": Case(
        "tiff", r"strip.*\b3,072\b", True,
        lambda: with_tag(encode("tiff", "L"), 279, value=99) ,
    ),
    "tiff of three images": Case("tiff", "more than one", True, lambda: frames("tiff")),
    "tiff that says that it goes on": Case(
        "tiff", "more than one", True,
        lambda: with_directory_at_end(encode("tiff", "L"), following=8),
    ),
    "tiff without the adler": Case(
        "tiff", "without an end.*strip", True,
        lambda: deflated_tiff(less=4),
    ),
    "tiff with strips and tiles": Case(
        "tiff", "strips and tiles", True,
        lambda: tiled_tiff(16).replace(long_tag(262, 1), long_tag(273, 1)),
    ),
    "tiff with a tag twice": Case(
        "tiff", r"tag 256\b", False,
        lambda: tiled_tiff(16).replace(long_tag(257, HEIGHT), long_tag(256, HEIGHT)),
    ),
    "tiff with tiles of an odd size": Case(
        "tiff", "17x16", False,
        lambda: tiled_tiff(16).replace(long_tag(322, 16), long_tag(322, 17)),
    ),
    "tiff with too many strips": Case(
        "tiff", r"\b1 strip.*\b48\b", True,
        lambda: with_tag(encode("tiff", "L"), 278, value=1),
    ),
    "tiff with a tag of many values": Case(
        "tiff", "cut short", None, lambda: with_tag(encode("tiff", "L"), 258, count=1 << 31)
    ),
    "tiff with a tag of the wrong type": Case(
        "tiff", "tag.*type", False, lambda: with_tag(encode("tiff", "L"), 256, kind=11)
    ),
    "tiff that is compressed in a newer way": Case(
        "tiff", r"\b34925\b", True, lambda: encode("tiff", compression="lzma")
    ),
    "tiff without half of its lzw data": Case(
        "tiff", "cannot be decoded", False,
        lambda: with_tag(encode("tiff", "L", compression="tiff_lzw"), 279, value=1500),
    ),
}  # fmt: skip
