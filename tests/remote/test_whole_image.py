"""Whole images only: what encoders write is accepted, and each kind of damage is refused.

The table says of each damage whether Pillow alone accepts the file, which is why there are checks.
"""

import io
import random
import re
import shutil
import struct
import subprocess
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageCms, ImageFile, PngImagePlugin

from pixelgen.endpoint import FORMATS
from pixelgen.remote.failures import BROKEN, Failure
from pixelgen.remote.reply import quiet_pillow, read_image
from pixelgen.remote.structure import CHECKS, SIGNATURES, Damage
from pixelgen.remote.wire import Reply
from tests.remote.faulty import chunk

WIDTH, HEIGHT = SIZE = (64, 48)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged metadata


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Have Pillow as the client has it, and give it back as it was."""
    most = PIL.Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        quiet_pillow()
        yield
    PIL.Image.MAX_IMAGE_PIXELS = most


@cache
def noise(mode: str, size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    """Return an image of noise in one of Pillow's modes, always the same."""
    randbytes = random.Random(mode).randbytes
    if mode in ("I", "F", "I;16", "I;16B", "1"):
        levels = PIL.Image.frombytes("L", size, randbytes(size[0] * size[1]))
        return levels.convert(mode)
    image = PIL.Image.new(mode, size)
    bands = len(image.getbands())
    image.frombytes(randbytes(size[0] * size[1] * bands))
    if mode in ("P", "PA"):
        image.putpalette(randbytes(768))
    return image


def encode(name: str, mode: str = "RGB", **options: Any) -> bytes:
    """Return an image file of noise, as Pillow writes it."""
    buffer = io.BytesIO()
    noise(mode).save(buffer, name.upper(), **options)
    return buffer.getvalue()


def pillow_accepts(data: bytes, name: str) -> bool:
    """Tell whether Pillow alone takes a file for an image of the format and size."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
            image.load()
            return image.size == SIZE
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        return False


def refusal(data: bytes, name: str) -> str:
    """Return why a file is refused; '' if it is not."""
    try:
        read_image(Reply(200, {}, data), name, WIDTH, HEIGHT)
    except Failure as failure:
        return str(failure) if failure.kind is BROKEN else "not broken"
    return ""


def accepted(path: Path) -> bytes:
    """Return a file's bytes, once it is accepted as its suffix says."""
    data = path.read_bytes()
    assert refusal(data, path.suffix[1:]) == ""
    return data


# Building blocks of damage.


def png(*chunks: bytes, depth: int = 8, color: int = 0, size: tuple[int, int] = SIZE) -> bytes:
    """Return a PNG with a header and these chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


ROWS = bytes(HEIGHT * (1 + WIDTH))  # of a black image in gray, unfiltered
PACKED = zlib.compress(ROWS)
IDAT, IEND = chunk(b"IDAT", PACKED), chunk(b"IEND", b"")


def with_bit_flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def packed_zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 9)


def segment(marker: int, payload: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def scan_of(data: bytes) -> int:
    """Return where a JPEG's last scan begins."""
    return data.rindex(b"\xff\xda")


def with_tag(data: bytes, tag: int, *, kind: int = 0, count: int = 0, value: int = -1) -> bytes:
    """Return a little-endian TIFF with a tag that has another type, count, or inline value."""
    (place,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, place)
    entries = range(place + 2, place + 2 + 12 * tags, 12)
    entry = next(entry for entry in entries if struct.unpack_from("<H", data, entry)[0] == tag)
    had = struct.unpack_from("<HII", data, entry + 2)
    damaged = bytearray(data)
    new = (kind or had[0], count or had[1], had[2] if value < 0 else value)
    struct.pack_into("<HII", damaged, entry + 2, *new)
    return bytes(damaged)


def with_directory_at_end(data: bytes, *, following: int) -> bytes:
    """Return a TIFF whose directory is moved to the end, and says that another one follows."""
    (place,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, place)
    directory = data[place : place + 2 + 12 * tags] + struct.pack("<I", following)
    data += bytes(len(data) % 2)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def with_field(data: bytes, place: int, value: int) -> bytes:
    """Return a file with another little-endian integer of four bytes."""
    return data[:place] + struct.pack("<I", value) + data[place + 4 :]


def frames(name: str) -> bytes:
    others = [noise("L").rotate(90 * turn) for turn in (1, 2)]
    return encode(name, "L", save_all=True, append_images=others)


def image_of(data: bytes | bytearray) -> int:
    """Return where a GIF's image begins."""
    return data.index(b"," + struct.pack("<HHHH", 0, 0, *SIZE))


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


def jpeg_with(*segments: bytes) -> bytes:
    data = encode("jpeg")
    return data[:2] + b"".join(segments) + data[2:]


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


def rle_bmp(runs: bytes, rows: int = HEIGHT) -> bytes:
    """Return an RLE8 BMP with a gray palette; each row is a run, and ``runs`` follow."""
    runs = rows * (bytes((WIDTH, 7)) + b"\0\0") + runs
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return struct.pack("<2sIII", b"BM", start + len(runs), 0, start) + info + palette + runs


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


@pytest.mark.parametrize("case", CASES)
def test_damage_is_refused_in_a_short_line(case: str) -> None:
    name, said, pillow, make = CASES[case]
    data = make()

    assert pillow in (pillow_accepts(data, name), None)
    reason = refusal(data, name)
    assert re.search(said, reason)
    assert reason.startswith(f"the {name.upper()} it sent ")
    assert len(reason) < 100


# What encoders write.

PNG_INFO = PngImagePlugin.PngInfo()
PNG_INFO.add_text("a", "b" * 3000, zip=True)
PNG_INFO.add_itxt("k", "ü" * 99, zip=True)
PNG_INFO.add(b"tEXt", b"k\0after", after_idat=True)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif() -> PIL.Image.Exif:
    tags = PIL.Image.Exif()
    tags[0x010E] = "a description"
    tags.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def pngs() -> Iterator[bytes]:
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
        yield encode("png", mode)
        yield encode("png", mode, optimize=True)
        yield encode("png", mode, pnginfo=PNG_INFO, icc_profile=PROFILE, exif=exif())


def jpegs() -> Iterator[bytes]:
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        for quality, subsampling in ((5, 2), (75, 1), (100, 0)):
            for progressive in (False, True):
                ways = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
                yield encode("jpeg", mode, **ways)
                yield encode("jpeg", mode, restart_marker_rows=1, optimize=True, **ways)
    yield encode("jpeg", icc_profile=PROFILE * 40, exif=exif(), comment="hello")


def bmps() -> Iterator[bytes]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield encode("bmp", mode)


def gifs() -> Iterator[bytes]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield encode("gif", mode, interlace=0)
        yield encode("gif", mode, interlace=1, comment=b"x" * 600, loop=0, duration=9)


def tiffs() -> Iterator[bytes]:
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I;16B", "I", "F"):
        yield encode("tiff", mode)
        yield encode("tiff", mode, icc_profile=PROFILE, exif=exif(), description="d")
        for compression in ("tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"):
            yield encode("tiff", mode, compression=compression)
            yield encode("tiff", mode, compression=compression, strip_size=1500)
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        yield encode("tiff", mode, compression="jpeg")
        yield encode("tiff", mode, big_tiff=True)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield encode("tiff", "1", compression=compression)


ENCODERS = {"png": pngs, "jpeg": jpegs, "bmp": bmps, "tiff": tiffs, "gif": gifs}


@pytest.mark.parametrize("name", FORMATS)
def test_what_pillow_writes_and_reads_is_accepted(name: str) -> None:
    files = [data for data in ENCODERS[name]() if pillow_accepts(data, name)]

    assert len(files) >= 5
    assert {refusal(data, name) for data in files} == {""}


def apng(frame: bytes, frame_count: int = 1) -> bytes:
    control = struct.pack(">II", frame_count, 0)
    return png(chunk(b"acTL", control), chunk(b"fcTL", frame), IDAT, IEND)


def top_down_bmp() -> bytes:
    return with_field(encode("bmp"), 22, (1 << 32) - HEIGHT)


def padded_bmp() -> bytes:
    data = encode("bmp") + b"\0\0"
    return with_field(data, 2, len(data))


def long_tag(tag: int, value: int) -> bytes:
    """Return the entry of a tag with one integer, in a big-endian TIFF."""
    return struct.pack(">HHII", tag, 4, 1, value)


def tiled_tiff(tile: int, *, rows: int | None = None) -> bytes:
    """Return a gray TIFF, big-endian, of square tiles of zeros."""
    rows = rows or tile
    count = -(-WIDTH // tile) * -(-HEIGHT // rows)
    tags = {256: WIDTH, 257: HEIGHT, 258: 8, 259: 1, 262: 1, 322: tile, 323: rows}
    place = 8 + 2 + 12 * (len(tags) + 2) + 4
    tables = b"".join(
        struct.pack(f">{count}I", *values)
        for values in (
            [place + 8 * count + number * tile * rows for number in range(count)],
            [tile * rows] * count,
        )
    )
    entries = [long_tag(tag, value) for tag, value in tags.items()]
    entries += [
        struct.pack(">HHII", tag, 4, count, place + 4 * count * number)
        for number, tag in enumerate((324, 325))
    ]
    head = b"MM\0*" + struct.pack(">IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    return head + tables + bytes(count * tile * rows)


FRAME = struct.pack(">IIIIIHHBB", 0, *SIZE, 0, 0, 1, 1, 0, 0)
SOUND: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png with empty chunks of pixels": (
        "png", lambda: png(chunk(b"IDAT", b""), IDAT, chunk(b"IDAT", b""), IEND)
    ),
    "png with a chunk a byte": (
        "png", lambda: png(*(chunk(b"IDAT", bytes([byte])) for byte in PACKED), IEND)
    ),
    "png with one frame": ("png", lambda: apng(FRAME)),
    "jpeg with fill bytes before markers": (
        "jpeg", lambda: jpeg_with(b"\xff\xff" + segment(0xFE, b"a"))[:-2] + b"\xff\xff\xff\xd9"
    ),
    "gif with an extension at its end": (
        "gif", lambda: encode("gif")[:-1] + b"!\xfe\x05hello\0;"
    ),
    "bmp whose first row is the top one": ("bmp", top_down_bmp),
    "bmp whose size is a multiple of four": ("bmp", padded_bmp),
    "bmp in runs": ("bmp", lambda: rle_bmp(b"\0\1")),
    "bmp in literal runs": (
        "bmp",
        lambda: rle_bmp(b"\x01\7\0\3abc\0" + bytes((WIDTH - 4, 7)) + b"\0\1", rows=HEIGHT - 1),
    ),
    "bmp with a jump in its runs": (
        "bmp", lambda: rle_bmp(b"\0\2\4\0" + bytes((WIDTH - 4, 7)) + b"\0\1", rows=HEIGHT - 1)
    ),
    "tiff of tiles": ("tiff", lambda: tiled_tiff(16)),
    "tiff of tiles that pass the edges": ("tiff", lambda: tiled_tiff(48, rows=256)),
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_what_the_specifications_allow_is_accepted(case: str) -> None:
    name, make = SOUND[case]
    data = make()

    assert pillow_accepts(data, name)
    assert refusal(data, name) == ""


def imagemagick() -> str:
    """Return ImageMagick's command, or skip the test."""
    for command in ("magick", "convert-im6.q16", "convert"):
        if found := shutil.which(command):
            version = subprocess.run([found, "-version"], check=False, capture_output=True)
            if version.stdout.startswith(b"Version: ImageMagick"):
                return found
    pytest.skip("ImageMagick is not installed")


SOURCES = {
    "noise": ("xc:#cef48e", "+noise", "Random"),
    "gray": ("xc:gray50", "-colorspace", "Gray", "+noise", "Random"),
    "transparent": ("xc:none", "+noise", "Random"),
    "palette": ("plasma:", "-colors", "200"),
    "bilevel": ("xc:gray", "+noise", "Random", "-monochrome"),
}
WAYS = {
    "png": ((), ("-depth", "16"), ("-interlace", "PNG"), ("-comment", "hello")),
    "jpeg": ((), ("-interlace", "JPEG"), ("-sampling-factor", "1x1", "-quality", "100")),
    "bmp": ((), ("-compress", "RLE"), ("-define", "bmp:format=bmp3"), ("-profile", "icc")),
    "tiff": (
        (), ("-depth", "16"), ("-endian", "MSB", "-compress", "LZW"), ("-compress", "Zip"),
        ("-compress", "RLE", "-interlace", "Plane"), ("-profile", "icc", "-compress", "JPEG"),
        ("-define", "tiff:tile-geometry=32x32", "-compress", "Zip"),
        ("-define", "tiff:rows-per-strip=5"),
    ),
    "gif": ((), ("-interlace", "GIF"), ("-comment", "hello")),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_imagemagick_writes_is_accepted(tmp_path: Path, name: str, source: str) -> None:
    command = [imagemagick(), "-size", "{}x{}".format(*SIZE), *SOURCES[source]]
    (tmp_path / "icc").write_bytes(PROFILE)
    for number, way in enumerate(WAYS[name]):
        path = tmp_path / f"{number}.{name}"
        subprocess.run([*command, *way, path], check=True, cwd=tmp_path)
        data = accepted(path)
        assert refusal(data[:-1], name)
        assert refusal(data + b"\0", name)


FFMPEG = [
    ("png", "rgb24"), ("png", "rgb48be"), ("png", "monob"), ("bmp", "bgr24"), ("bmp", "rgb565le"),
    ("tiff", "rgb24"), ("tiff", "yuv420p"), ("tiff", "monow"), ("jpeg", "yuvj420p"),
    ("gif", "rgb8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pixels"), FFMPEG)
def test_what_ffmpeg_writes_is_accepted(tmp_path: Path, name: str, pixels: str) -> None:
    command = shutil.which("ffmpeg")
    if command is None:
        pytest.skip("ffmpeg is not installed")
    source = "testsrc=s={}x{}:d=1".format(*SIZE)
    path = tmp_path / f"a.{name}"
    subprocess.run(
        [command, "-v", "error", "-f", "lavfi", "-i", source,
         "-vf", f"noise=alls=99,format={pixels}", "-frames:v", "1", "-update", "1", path],
        check=True,
    )  # fmt: skip

    accepted(path)


# Damage of any kind.

WHOLE = {
    "png": png(chunk(b"tEXt", b"a\0b"), IDAT, IEND),
    **{name: encode(name) for name in ("jpeg", "bmp", "gif")},
    "tiff": encode("tiff", "L", compression="packbits"),
}


@given(st.integers(0, 8 * len(WHOLE["png"]) - 1))
@settings(deadline=None, max_examples=300)
def test_any_flipped_bit_of_a_png_is_found(bit: int) -> None:
    assert refusal(with_bit_flipped(WHOLE["png"], bit), "png")


@given(st.sampled_from(FORMATS), st.data())
@settings(deadline=None, max_examples=500)
def test_any_truncation_is_found(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    assert refusal(whole[: data.draw(st.integers(0, len(whole) - 1))], name)


@given(st.sampled_from(FORMATS), st.binary(min_size=1))
@settings(deadline=None, max_examples=500)
def test_any_appended_byte_is_found(name: str, tail: bytes) -> None:
    assert refusal(WHOLE[name], name) == ""
    assert refusal(WHOLE[name] + tail, name)


@given(st.sampled_from(FORMATS), st.binary(), st.integers(0, 200))
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_a_whole_image_or_damage(name: str, data: bytes, kept: int) -> None:
    try:
        CHECKS[name](WHOLE[name][:kept] + data, *SIZE)
    except Damage as damage:
        assert str(damage).isprintable()  # noqa: PT017


@pytest.mark.parametrize("name", FORMATS)
def test_a_size_is_compared_before_anything_is_decoded(name: str) -> None:
    with pytest.raises(Failure, match=f"the {name.upper()} it sent is 64x48 pixels, not 65x48"):
        read_image(Reply(200, {}, WHOLE[name]), name, 65, 48)
    with pytest.raises(Damage, match="is 64x48 pixels, not 64x47"):
        CHECKS[name](WHOLE[name], 64, 47)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png pixels": lambda: png(chunk(b"IDAT", packed_zeros(200 << 20)), IEND),
    "png profile": lambda: png(chunk(b"iCCP", b"p\0\0" + packed_zeros(200 << 20)), IDAT, IEND),
    "tiff tag": lambda: with_tag(encode("tiff", "L"), 258, count=1 << 30),
    "tiff tile": lambda: tiled_tiff(16).replace(long_tag(322, 16), long_tag(322, 1 << 30)),
    "jpeg scans": many_scans,
    "gif frames": lambda: frames("gif"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_found_without_the_memory_that_it_wants(case: str) -> None:
    data = BOMBS[case]()
    tracemalloc.start()
    try:
        assert refusal(data, case.split(maxsplit=1)[0])
        assert tracemalloc.get_traced_memory()[1] < len(data) + (2 << 20)
    finally:
        tracemalloc.stop()


def test_a_switch_of_pillow_s_does_not_make_it_lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for case in (
        "png with an unknown filter",
        "jpeg without its end",
        "gif with half of its pixels",
    ):
        name, said, _, make = CASES[case]
        assert pillow_accepts(make(), name)
        assert re.search(said, refusal(make(), name))

    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("data", [b"", b"<html>", b"\0" * 100])
def test_what_is_no_image_is_called_so(name: str, data: bytes) -> None:
    assert refusal(data, name) == f"what it sent is not a {name.upper()} image"


def test_the_bytes_count_and_not_what_their_type_says() -> None:
    reply = Reply(200, {"content-type": "text/plain"}, WHOLE["gif"])

    assert read_image(reply, "gif", *SIZE).data == WHOLE["gif"]
    assert refusal(WHOLE["gif"], "png") == "what it sent is not a PNG image"
