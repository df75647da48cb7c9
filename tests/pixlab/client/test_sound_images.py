"""Whole images only: what encoders write and the specifications allow is accepted."""

import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest
from PIL import ImageCms, PngImagePlugin

from pixelgen.pixlab_api import FORMATS
from tests.support.faulty_server import chunk
from tests.support.image_files import (
    HEIGHT,
    IDAT,
    IEND,
    PACKED,
    SIZE,
    WIDTH,
    encode,
    jpeg_with,
    pillow_accepts,
    png,
    read_accepted,
    rejection,
    rle_bmp,
    segment,
    tiled_tiff,
    with_field,
)

pytestmark = [
    pytest.mark.usefixtures("_silent_pillow"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Pillow's, of damaged metadata
]

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
    assert {rejection(data, name) for data in files} == {""}


def apng(frame: bytes, frame_count: int = 1) -> bytes:
    control = struct.pack(">II", frame_count, 0)
    return png(chunk(b"acTL", control), chunk(b"fcTL", frame), IDAT, IEND)


def top_down_bmp() -> bytes:
    return with_field(encode("bmp"), 22, (1 << 32) - HEIGHT)


def padded_bmp() -> bytes:
    data = encode("bmp") + b"\0\0"
    return with_field(data, 2, len(data))


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
    assert rejection(data, name) == ""


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


@pytest.mark.cli
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_imagemagick_writes_is_accepted(tmp_path: Path, name: str, source: str) -> None:
    command = [imagemagick(), "-size", "{}x{}".format(*SIZE), *SOURCES[source]]
    (tmp_path / "icc").write_bytes(PROFILE)
    for number, way in enumerate(WAYS[name]):
        path = tmp_path / f"{number}.{name}"
        subprocess.run([*command, *way, path], check=True, cwd=tmp_path)
        data = read_accepted(path)
        assert rejection(data[:-1], name)
        assert rejection(data + b"\0", name)


FFMPEG = [
    ("png", "rgb24"), ("png", "rgb48be"), ("png", "monob"), ("bmp", "bgr24"), ("bmp", "rgb565le"),
    ("tiff", "rgb24"), ("tiff", "yuv420p"), ("tiff", "monow"), ("jpeg", "yuvj420p"),
    ("gif", "rgb8"),
]  # fmt: skip


@pytest.mark.cli
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

    read_accepted(path)
