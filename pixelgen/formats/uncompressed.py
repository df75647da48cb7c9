"""Uncompressed formats, encoded without Pillow: a header, then the levels.

Their bytes depend on no library, and they are the fastest to write and to read.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from zlib_ng import zlib_ng

from pixelgen.errors import BadValue
from pixelgen.formats.base import EVERY_MODE, Format
from pixelgen.image_types import Pixels, Texture
from pixelgen.registry import parameter

_UINT32 = (1 << 32) - 1


@dataclass(frozen=True)
class Bmp(Format):
    """Windows bitmap: 24-bit RGB, or 8-bit gray with a gray palette.

    BITMAPINFOHEADER, rows from the bottom up and padded to four bytes (Microsoft, "Bitmap
    Storage"). Alpha is refused, because most readers silently drop it.
    """

    name = "bmp"
    suffix = ".bmp"
    holds: ClassVar = {"L": (8,), "RGB": (8,)}
    side = (1 << 31) - 1

    def encode(self, pixels: Pixels) -> bytes:
        """Encode as blue, green, red."""
        height, width, channels = pixels.shape
        palette = b"".join(bytes((g, g, g, 0)) for g in range(256)) if channels == 1 else b""
        rows = np.zeros((height, _bmp_stride(width, channels)), np.uint8)
        for channel in range(channels):  # one by one: five times as fast as all at once
            rows[:, channels - 1 - channel : width * channels : channels] = pixels[::-1, :, channel]
        start = 54 + len(palette)
        header = struct.pack(
            "<2sIHHIIiiHHIIiiII",
            *(b"BM", start + rows.size, 0, 0, start),
            *(40, width, height, 1, 8 * channels, 0, rows.size, 2835, 2835, len(palette) // 4, 0),
        )
        return b"".join([header, palette, rows.data])

    def check(self, width: int, height: int, mode: str, depth: int) -> None:
        """Refuse also sizes that exceed the header's 32 bits."""
        super().check(width, height, mode, depth)
        size = height * _bmp_stride(width, len(mode))
        if size > _UINT32 - 2048:
            raise BadValue(
                f"bmp cannot hold {width}x{height} {mode}: {size:,} bytes, and at most 4 GiB fit"
            )


def _bmp_stride(width: int, channels: int) -> int:
    """Return the bytes of a row: padded to four."""
    return -(-width * channels // 4) * 4


@dataclass(frozen=True)
class Ppm(Format):
    """Netpbm, binary: RGB as .ppm (P6), gray as .pgm (P5), 8 and 16 bits."""

    name = "ppm"
    aliases = ("pgm", "pnm")
    suffix = ".ppm"
    holds: ClassVar = {"L": (8, 16), "RGB": (8, 16)}
    side = (1 << 31) - 1

    def encode(self, pixels: Pixels) -> bytes:
        """Encode with the most significant byte first, as the Netpbm manual has it."""
        height, width, channels = pixels.shape
        top = np.iinfo(pixels.dtype).max
        header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{top}\n".encode()
        return header + pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).tobytes()

    def suffix_for(self, mode: str) -> str:
        """Return .pgm for gray."""
        return ".pgm" if mode == "L" else ".ppm"


@dataclass(frozen=True)
class Tiff(Format):
    """Tagged Image File Format, one strip, little-endian, 8 and 16 bits.

    Baseline TIFF 6.0 (Adobe, 1992); alpha is an unassociated extra sample. Not 16-bit LA, which
    neither Pillow nor OpenCV reads.
    """

    name = "tiff"
    aliases = ("tif",)
    suffix = ".tif"
    holds: ClassVar = {**EVERY_MODE, "LA": (8,)}
    side = (1 << 31) - 1

    compression: str = parameter("none", "of the strip", choices=("none", "deflate"))

    def encode(self, pixels: Pixels) -> bytes:
        """Lay out the header, the directory, its longer values and the strip."""
        height, width, channels = pixels.shape
        deflate = self.compression == "deflate"
        levels = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
        strip = zlib_ng.compress(levels, 2) if deflate else levels
        short, long = 3, 4
        extra = [(338, short, [2])] if channels in (2, 4) else []
        tags = [
            (256, long, [width]),
            (257, long, [height]),
            (258, short, [8 * pixels.dtype.itemsize] * channels),
            (259, short, [8 if deflate else 1]),
            (262, short, [2 if channels >= 3 else 1]),
            (273, long, [0]),  # the strip's offset, known once the tags are laid out
            (277, short, [channels]),
            (278, long, [height]),
            (279, long, [len(strip)]),
            (284, short, [1]),
            *extra,
        ]
        start = len(_tiff_directory(tags))
        tags[5] = (273, long, [start])
        return _tiff_directory(tags) + strip

    def encoded_by(self, texture: Texture) -> str:
        """Return the version of zlib-ng if the strip is deflated."""
        return f"zlib-ng {zlib_ng.ZLIBNG_VERSION}" if self.compression == "deflate" else ""


def _tiff_directory(tags: Sequence[tuple[int, int, list[int]]]) -> bytes:
    """Pack the header, one directory of SHORT (3) and LONG (4) tags, and its longer values."""
    longer = 8 + 2 + 12 * len(tags) + 4
    entries, overflow = b"", b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            offset = struct.pack("<I", longer + len(overflow))
            overflow += packed
            packed = offset
        entries += struct.pack("<HHI4s", tag, kind, len(values), packed)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return head + entries + bytes(4) + overflow


@dataclass(frozen=True)
class Npy(Format):
    """numpy's array file, (height, width, channels), every mode at 8 and 16 bits."""

    name = "npy"
    suffix = ".npy"
    holds = EVERY_MODE
    side = (1 << 31) - 1

    def encode(self, pixels: Pixels) -> bytes:
        """Lay out the header and the levels, little-endian."""
        depth = 8 * pixels.dtype.itemsize
        return (
            npy_header(pixels.shape, depth) + pixels.astype(npy_type(depth), copy=False).tobytes()
        )


def npy_type(depth: int) -> str:
    """Return numpy's name of the levels of a depth in bits, little-endian."""
    return "|u1" if depth == 8 else "<u2"


def npy_header(shape: tuple[int, ...], depth: int) -> bytes:
    """Return what stands before the levels, in C order: format 1.0 of NEP 1, padded to 64."""
    header = f"{{'descr': '{npy_type(depth)}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
