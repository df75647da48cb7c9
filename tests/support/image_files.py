"""Image files of noise, the building blocks of damage to them, and how the client judges them."""

import io
import random
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import PIL.Image

from pixelgen.pixlab.client.errors import BAD_IMAGE, Failure
from pixelgen.pixlab.client.response import read_image
from pixelgen.pixlab.client.transport import Response
from tests.support.faulty_server import chunk

WIDTH, HEIGHT = SIZE = (64, 48)


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
    """Return whether Pillow alone accepts a file as an image of the format and size."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
            image.load()
            return image.size == SIZE
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        return False


def rejection(data: bytes, name: str) -> str:
    """Return why a file is refused; '' if it is not."""
    try:
        read_image(Response(200, {}, data), name, WIDTH, HEIGHT)
    except Failure as failure:
        return str(failure) if failure.kind is BAD_IMAGE else "not a bad image"
    return ""


def read_accepted(path: Path) -> bytes:
    """Return the bytes of a file; fail unless it is accepted as its suffix says."""
    data = path.read_bytes()
    assert rejection(data, path.suffix[1:]) == ""
    return data


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


def jpeg_with(*segments: bytes) -> bytes:
    data = encode("jpeg")
    return data[:2] + b"".join(segments) + data[2:]


def rle_bmp(runs: bytes, rows: int = HEIGHT) -> bytes:
    """Return an RLE8 BMP with a gray palette; each row is a run, and ``runs`` follow."""
    runs = rows * (bytes((WIDTH, 7)) + b"\0\0") + runs
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return struct.pack("<2sIII", b"BM", start + len(runs), 0, start) + info + palette + runs
