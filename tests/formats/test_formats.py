"""Every format, by its contract: what it holds comes back, what it cannot hold is refused.

Files are read back by programs that are not ours: Pillow, OpenCV, libvips, FFmpeg and zlib.
"""

import io
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from pixelgen.errors import BadValue
from pixelgen.families import Shape, Texture
from pixelgen.formats import Format
from pixelgen.formats.pillow import Avif, Gif, Jpeg, Jpeg2000, Tga, Webp
from pixelgen.formats.png import Png
from pixelgen.formats.uncompressed import Bmp, Npy, Ppm, Tiff
from pixelgen.generator import MODES
from pixelgen.image_types import Pixels
from pixelgen.registry import components, parse

FORMATS = [part for part in components(Format.kind).values() if issubclass(part, Format)]
DEPTHS = (8, 16)
SIZES = ((1, 1), (5, 7), (33, 256), (4099, 3))  # width, height
LIMITED = [part for part in FORMATS if part.side < 100_000]
LIBRARY = re.compile(r"[A-Za-z][\w-]* \d+(\.\w+)+")

every_format = pytest.mark.parametrize("kind", FORMATS, ids=lambda part: part.name)
every_held = pytest.mark.parametrize(
    ("kind", "mode", "depth"),
    [
        pytest.param(part, mode, depth, id=f"{part.name}-{mode}{depth}")
        for part in FORMATS
        for mode, depths in part.holds.items()
        for depth in depths
    ],
)
every_mode = pytest.mark.parametrize(("mode", "depth"), list(product(MODES, DEPTHS)))


def noise(width: int, height: int, mode: str, depth: int, seed: int = 0) -> Pixels:
    """Return levels that no lossy format keeps."""
    levels = (height, width, len(mode))
    return np.random.default_rng(seed).integers(0, 1 << depth, levels, dtype=f"u{depth // 8}")


def smooth(width: int, height: int, mode: str) -> Pixels:
    """Return 8-bit slopes that every lossy format nearly keeps, different in each channel."""
    x = np.arange(width) * 255 // max(width - 1, 1) + np.zeros((height, 1), int)
    y = np.arange(height)[:, None] * 255 // max(height - 1, 1) + np.zeros(width, int)
    planes = [x, y, 255 - x][: len(mode.rstrip("A"))]
    if mode.endswith("A"):
        planes.append(255 - y // 2)
    return np.stack(planes, axis=-1).astype(np.uint8)


def read(data: bytes, mode: str, depth: int, folder: Path) -> Pixels:
    """Decode with a program that is not ours, to (height, width, channels)."""
    if data.startswith(b"\x93NUMPY"):
        array: Pixels = np.load(io.BytesIO(data))
        return array
    if depth == 8:
        return by_pillow(data, mode)
    if mode == "LA":  # Pillow and OpenCV read neither PNG nor TIFF of this kind as it is
        return by_vips(data, folder)
    return by_opencv(data)


def by_pillow(data: bytes, mode: str) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        opened = image.convert("RGB") if image.mode == "P" else image
        assert opened.mode == mode
        pixels = np.asarray(opened)
    assert pixels.dtype == np.uint8
    return pixels.reshape(*pixels.shape[:2], -1)


def by_opencv(data: bytes) -> Pixels:
    pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]]


def by_vips(data: bytes, folder: Path) -> Pixels:
    """Read with libvips, whose own files are a header of 64 bytes and the levels."""
    vips = shutil.which("vips")
    if vips is None:
        pytest.skip("libvips is not installed: apt install libvips-tools")
    source, target = folder / "image", folder / "image.v"
    source.write_bytes(data)
    subprocess.run([vips, "copy", source, target], check=True, capture_output=True)
    whole = target.read_bytes()
    width, height, bands, _, form = struct.unpack_from("=5i", whole, 4)
    levels = np.frombuffer(whole, {0: np.uint8, 2: np.uint16}[form], width * height * bands, 64)
    return levels.reshape(height, width, bands)


def by_ffmpeg(data: bytes, folder: Path) -> Pixels:
    """Read with FFmpeg, which tells size and kind of pixels apart from the levels."""
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if ffmpeg is None or ffprobe is None:
        pytest.skip("FFmpeg is not installed: apt install ffmpeg")
    source = folder / "image.png"
    source.write_bytes(data)
    asked = [ffprobe, "-v", "error", "-show_entries", "stream=width,height,pix_fmt"]
    asked += ["-of", "csv=p=0", str(source)]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    width, height, kind = told.strip().split(",")
    channels, depth = {
        "gray": (1, 8), "ya8": (2, 8), "rgb24": (3, 8), "rgba": (4, 8),
        "gray16be": (1, 16), "ya16be": (2, 16), "rgb48be": (3, 16), "rgba64be": (4, 16),
    }[kind]  # fmt: skip
    wanted = [ffmpeg, "-v", "error", "-i", str(source), "-f", "rawvideo", "-pix_fmt", kind, "-"]
    raw = subprocess.run(wanted, check=True, capture_output=True).stdout
    return np.frombuffer(raw, f">u{depth // 8}").reshape(int(height), int(width), channels)


class Plain(NamedTuple):
    """A PNG taken apart."""

    header: tuple[int, ...]
    filters: set[int]
    pixels: Pixels


def by_zlib(data: bytes) -> Plain:
    """Take a PNG apart by the letter of its specification; filters "none" and "up" only."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks = list(png_chunks(data))
    kinds = [kind for kind, _ in chunks]
    assert kinds == [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]
    assert len(kinds) >= 3
    assert chunks[-1][1] == b""
    header = struct.unpack(">IIBBBBB", chunks[0][1])
    width, height, depth, color_type = header[:4]
    inflater = zlib.decompressobj()
    raw = inflater.decompress(b"".join(body for _, body in chunks[1:-1]))
    assert inflater.eof  # so the Adler-32 is right
    assert inflater.unused_data == b""
    row = width * {0: 1, 4: 2, 2: 3, 6: 4}[color_type] * depth // 8
    assert len(raw) == height * (1 + row)
    lines = np.frombuffer(raw, np.uint8).reshape(height, 1 + row)
    filters = set(np.unique(lines[:, 0]).tolist())
    assert filters <= {0, 2}
    rows = lines[:, 1:].copy()
    for y in np.flatnonzero(lines[:, 0] == 2):
        rows[y] += rows[y - 1] if y else 0
    return Plain(header, filters, rows.view(f">u{depth // 8}").reshape(height, width, -1))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and body of each chunk, whose sums must be right."""
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length) == (zlib.crc32(kind + body),)
        yield kind, body
        place += 12 + length
    assert place == len(data)


# What comes back


@pytest.mark.cli
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@every_held
def test_an_image_comes_back_with_its_size_mode_and_depth(
    kind: type[Format], mode: str, depth: int, size: tuple[int, int], tmp_path: Path
) -> None:
    image = kind()
    pixels = noise(*size, mode, depth)
    back = read(image.encode(pixels), mode, depth, tmp_path)
    assert back.shape == pixels.shape
    assert back.dtype.itemsize == pixels.dtype.itemsize
    if image.is_lossless(mode):
        np.testing.assert_array_equal(back, pixels)


@every_format
def test_a_smooth_picture_comes_back_nearly_the_same(kind: type[Format], tmp_path: Path) -> None:
    for mode, depths in kind.holds.items():
        assert 8 in depths
        pixels = smooth(96, 64, mode)
        back = read(kind().encode(pixels), mode, 8, tmp_path)
        error = np.abs(back.astype(int) - pixels).mean(axis=(0, 1))
        assert error.max() < 30, (mode, error)  # channels in another order are 85 and more away


@pytest.mark.cli
@every_held
def test_an_encoder_used_again_gives_what_encode_gives(
    kind: type[Format], mode: str, depth: int, tmp_path: Path
) -> None:
    image = kind()
    first, second = (noise(19, 23, mode, depth, seed) for seed in (1, 2))
    for texture in Texture:
        encode = image.encoder(Shape(23, 19, len(mode), depth), texture)
        ones = bytes(encode(first))
        twos = bytes(encode(second))
        assert ones != twos
        assert bytes(encode(first)) == ones
        if image.is_lossless(mode):
            np.testing.assert_array_equal(read(twos, mode, depth, tmp_path), second)


@every_held
def test_the_order_of_levels_in_memory_makes_no_difference(
    kind: type[Format], mode: str, depth: int
) -> None:
    pixels = noise(9, 6, mode, depth)
    wanted = kind().encode(pixels)
    assert kind().encode(np.asfortranarray(pixels)) == wanted
    assert kind().encode(np.ascontiguousarray(pixels[::-1, ::-1])[::-1, ::-1]) == wanted


@every_held
def test_encoding_changes_no_level_of_the_source(kind: type[Format], mode: str, depth: int) -> None:
    pixels = noise(9, 6, mode, depth)
    before = pixels.copy()
    kind().encode(pixels)
    for texture in Texture:
        kind().encoder(Shape(6, 9, len(mode), depth), texture)(pixels)
    np.testing.assert_array_equal(pixels, before)


@every_format
def test_the_suffix_is_the_one_that_the_contents_ask_for(kind: type[Format]) -> None:
    for mode, depths in kind.holds.items():
        suffix = kind().suffix_for(mode)
        data = kind().encode(noise(5, 7, mode, depths[0]))
        if suffix == ".npy":
            assert data.startswith(b"\x93NUMPY")
            continue
        with Image.open(io.BytesIO(data)) as image:
            assert Image.registered_extensions()[suffix] == image.format


@every_format
def test_a_format_says_whose_library_its_bytes_hang_on(kind: type[Format]) -> None:
    for texture in Texture:
        library = kind().encoded_by(texture)
        assert library == "" or LIBRARY.fullmatch(library), library


@pytest.mark.parametrize("kind", [Bmp, Ppm, Npy, Tiff])
def test_plain_formats_hang_on_no_library(kind: type[Format]) -> None:
    assert {kind().encoded_by(texture) for texture in Texture} == {""}


def test_only_a_stored_png_hangs_on_no_library() -> None:
    assert Png().encoded_by(Texture.NOISE) == ""
    assert {Png("0").encoded_by(texture) for texture in Texture} == {""}
    for texture in (Texture.LEVELS, Texture.SPARSE, Texture.FLAT):
        assert Png().encoded_by(texture).startswith("zlib-ng ")
    for level, texture in product(range(1, 10), Texture):
        assert Png(str(level)).encoded_by(texture).startswith("zlib-ng ")


def test_a_deflated_tiff_and_every_format_of_pillow_name_their_library() -> None:
    assert Tiff("deflate").encoded_by(Texture.NOISE).startswith("zlib-ng ")
    for kind in (Jpeg, Webp, Avif, Jpeg2000, Gif, Tga):
        assert kind().encoded_by(Texture.NOISE).startswith("Pillow ")


# Options


def choices(parameter: Any) -> list[Any]:
    """Return the values of a parameter to try: all, or both ends and what lies between."""
    facts = parameter.metadata
    if facts["choices"]:
        return list(facts["choices"])
    if isinstance(parameter.default, bool):
        return [False, True]
    return sorted({facts["low"], (facts["low"] + facts["high"]) // 2, facts["high"]})


OPTIONS = [(part, parameter) for part in FORMATS for parameter in fields(part)]
SETTINGS = [
    pytest.param(part(**{parameter.name: value}), id=f"{part.name}-{parameter.name}={value}")
    for part, parameter in OPTIONS
    for value in choices(parameter)
    if value != parameter.default
]


@pytest.mark.cli
@pytest.mark.parametrize("image", SETTINGS)
def test_a_file_made_with_any_option_opens_again(image: Format, tmp_path: Path) -> None:
    for mode, depths in image.holds.items():
        for depth in depths:
            pixels = noise(40, 24, mode, depth)
            back = read(image.encode(pixels), mode, depth, tmp_path)
            assert back.shape == pixels.shape
            if image.is_lossless(mode):
                np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("image", SETTINGS)
def test_a_format_with_any_option_is_spelled_so_that_it_parses_back(image: Format) -> None:
    assert parse(Format, str(image)) == image
    assert str(image) != image.name


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [pytest.param(*pair, id=f"{pair[0].name}-{pair[1].name}") for pair in OPTIONS],
)
def test_every_option_changes_the_file(kind: type[Format], parameter: Any) -> None:
    mode = "RGB" if "RGB" in kind.holds else next(iter(kind.holds))
    pixels = smooth(96, 64, mode) ^ (noise(96, 64, mode, 8) & 3)
    if parameter.name == "rle":
        pixels = pixels & 0xF0  # noise has no runs
    values = [kind(**{parameter.name: value}).encode(pixels) for value in choices(parameter)]
    assert len(set(values)) > 1


@pytest.mark.parametrize("kind", [Jpeg, Webp, Avif])
def test_a_higher_quality_makes_a_larger_and_truer_file(
    kind: Callable[..., Format], tmp_path: Path
) -> None:
    pixels = smooth(96, 64, "RGB") ^ (noise(96, 64, "RGB", 8) & 31)
    files = [kind(quality=quality).encode(pixels) for quality in (10, 50, 90)]
    assert len(files[0]) < len(files[1]) < len(files[2])
    errors = [np.abs(read(f, "RGB", 8, tmp_path).astype(int) - pixels).mean() for f in files]
    assert errors[0] > errors[1] > errors[2]


def test_jpeg_is_baseline_unless_progressive() -> None:
    pixels = smooth(40, 24, "RGB")
    for progressive in (False, True):
        with Image.open(io.BytesIO(Jpeg(progressive=progressive).encode(pixels))) as image:
            assert ("progressive" in image.info) is progressive


def test_jpeg_optimised_is_smaller_with_the_same_pixels(tmp_path: Path) -> None:
    pixels = smooth(96, 64, "RGB")
    plain, optimal = Jpeg().encode(pixels), Jpeg(optimize=True).encode(pixels)
    assert len(optimal) < len(plain)
    np.testing.assert_array_equal(
        read(optimal, "RGB", 8, tmp_path), read(plain, "RGB", 8, tmp_path)
    )


@pytest.mark.parametrize(("chroma", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg_has_the_subsampling_asked_for(chroma: str, code: int) -> None:
    data = Jpeg(subsampling=chroma).encode(smooth(40, 24, "RGB"))
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert JpegImagePlugin.get_sampling(image) == code


@pytest.mark.parametrize(("chroma", "bits"), [("4:4:4", 0), ("4:2:2", 2), ("4:2:0", 3)])
def test_avif_has_the_subsampling_asked_for(chroma: str, bits: int) -> None:
    data = Avif(subsampling=chroma).encode(smooth(40, 24, "RGB"))
    record = data.index(b"av1C") + 4  # AV1 Codec ISO Media File Format Binding, 2.3
    assert data[record + 2] >> 2 & 3 == bits


def test_webp_lossless_keeps_colours_under_alpha_0(tmp_path: Path) -> None:
    pixels = noise(33, 21, "RGBA", 8)
    pixels[:, ::2, 3] = 0
    back = read(Webp(lossless=True).encode(pixels), "RGBA", 8, tmp_path)
    np.testing.assert_array_equal(back, pixels)


def test_jpeg_2000_is_a_jp2_file_and_smaller_where_it_may_lose() -> None:
    pixels = noise(64, 64, "RGB", 8)
    exact, lossy = Jpeg2000().encode(pixels), Jpeg2000(quality=20).encode(pixels)
    assert exact.startswith(b"\0\0\0\x0cjP  \r\n\x87\n")
    assert len(lossy) < len(exact) / 2


def test_gif_keeps_gray_and_spreads_colours_over_its_whole_palette() -> None:
    red, green, blue = np.meshgrid(range(0, 256, 8), range(0, 256, 8), range(0, 256, 8))
    pixels = np.stack([red, green, blue], axis=-1).astype(np.uint8).reshape(32, 1024, 3)
    back = by_pillow(Gif().encode(pixels), "RGB")
    levels = [np.unique(back[..., channel]) for channel in range(3)]
    assert [len(of_channel) for of_channel in levels] == [8, 8, 4]
    assert all(of_channel[0] == 0 and of_channel[-1] == 255 for of_channel in levels)
    wanted = pixels.astype(int) // (32, 32, 64) * 255 // (7, 7, 3)
    np.testing.assert_array_equal(back, wanted)


def test_gif_is_interlaced_only_when_asked() -> None:
    pixels = noise(40, 24, "L", 8)
    for interlace in (False, True):
        data = Gif(interlace=interlace).encode(pixels)
        frame = data.index(b"," + struct.pack("<4H", 0, 0, 40, 24))
        assert bool(data[frame + 9] & 0x40) is interlace


def test_tga_runs_are_smaller_where_levels_repeat() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    plain, runs = Tga().encode(pixels), Tga(rle=True).encode(pixels)
    assert (plain[2], runs[2]) == (2, 10)
    assert len(runs) < len(plain) / 4


def test_tiff_is_deflated_only_when_asked() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    for compression, name in (("none", "raw"), ("deflate", "tiff_adobe_deflate")):
        with Image.open(io.BytesIO(Tiff(compression).encode(pixels))) as image:
            assert image.info["compression"] == name
    assert len(Tiff("deflate").encode(pixels)) < len(Tiff().encode(pixels)) / 4


# Limits


@every_format
def test_a_side_one_past_the_limit_is_refused_by_name_of_the_limit(kind: type[Format]) -> None:
    for mode, depths in kind.holds.items():
        for width, height in ((kind.side + 1, 1), (1, kind.side + 1)):
            with pytest.raises(BadValue, match=rf"{kind.name} .*\b{kind.side}\b"):
                kind().check(width, height, mode, depths[0])


@pytest.mark.parametrize("kind", LIMITED, ids=lambda part: part.name)
def test_a_side_at_the_limit_comes_back(kind: type[Format]) -> None:
    mode = list(kind.holds)[-1]
    for width, height in ((kind.side, 1), (1, kind.side)):
        kind().check(width, height, mode, 8)
        data = kind().encode(smooth(width, height, mode))
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.size == (width, height)


@pytest.mark.parametrize(
    "kind", [part for part in FORMATS if part not in LIMITED], ids=lambda part: part.name
)
def test_a_side_of_70000_comes_back_from_formats_that_hold_it(
    kind: type[Format], tmp_path: Path
) -> None:
    for width, height in ((70_000, 1), (1, 70_000)):
        kind().check(width, height, "RGB", 8)
        pixels = noise(width, height, "RGB", 8)
        np.testing.assert_array_equal(read(kind().encode(pixels), "RGB", 8, tmp_path), pixels)


def test_formats_with_16_bit_sides_know_their_limit() -> None:
    sides = {part.name: part.side for part in FORMATS}
    for name, most in (("jpeg", 65_500), ("webp", 16_383), ("gif", 65_535), ("tga", 65_535)):
        assert sides[name] == most
    assert sides["avif"] <= 65_534


@every_format
def test_what_a_format_cannot_hold_is_refused_with_the_formats_that_can(
    kind: type[Format],
) -> None:
    lacks = [pair for pair in product(MODES, DEPTHS) if pair[1] not in kind.holds.get(pair[0], ())]
    for mode, depth in lacks:
        with pytest.raises(BadValue, match=kind.name) as refusal:
            kind().check(8, 8, mode, depth)
        names = re.split(", | or ", str(refusal.value).partition("; use ")[2])
        assert names == [part.name for part in FORMATS if depth in part.holds.get(mode, ())]
        for name in names:
            parse(Format, name).check(8, 8, mode, depth)


@every_held
def test_what_a_format_holds_is_not_refused(kind: type[Format], mode: str, depth: int) -> None:
    kind().check(1, 1, mode, depth)
    kind().check(min(kind.side, 1000), min(kind.side, 1000), mode, depth)


def test_png_refuses_what_does_not_fit_in_one_chunk() -> None:
    with pytest.raises(BadValue, match="at most"):
        Png().check(30_000, 30_000, "RGB", 8)
    with pytest.raises(BadValue, match="at most"):
        Png().check(20_000, 20_000, "RGB", 16)
    Png().check(25_000, 26_000, "RGB", 8)


@pytest.mark.parametrize("level", ["0", "1", "2", "9"])
@pytest.mark.parametrize("width", [1, 300, 32_768, 70_000])
def test_the_largest_png_that_is_not_refused_fits_in_one_chunk(width: int, level: str) -> None:
    most = largest_height(lambda height: Png(level).check(width, height, "L", 8))
    rows = max(1, 65_535 // (1 + width)) * max(8, 400_000 // 65_535)  # whole stored blocks
    encode = Png(level).encoder(Shape(rows, width, 1, 8), Texture.NOISE)
    idat = dict(png_chunks(bytes(encode(noise(width, rows, "L", 8)))))[b"IDAT"]
    assert (len(idat) - 6) / rows * most < (1 << 31) * (1 + 1e-5)


def largest_height(check: Callable[[int], None]) -> int:
    """Return the largest height that a check lets pass."""
    low, high = 1, 1 << 31
    while high - low > 1:
        middle = (low + high) // 2
        try:
            check(middle)
        except BadValue:
            high = middle
        else:
            low = middle
    return low


def test_bmp_refuses_what_its_32_bit_size_cannot_tell() -> None:
    with pytest.raises(BadValue, match="bmp"):
        Bmp().check(1, (1 << 30) + 1, "L", 8)  # rows are padded to four bytes


# PNG, whose writer is ours

LEVELS = ("0", "1", "2", "6", "9")
WAYS = [("auto", texture) for texture in Texture] + list(
    product(LEVELS, (Texture.NOISE, Texture.FLAT))
)
every_way = pytest.mark.parametrize(
    ("level", "texture"), [pytest.param(*way, id=f"{way[0]}-{way[1].name}") for way in WAYS]
)


@every_way
@every_mode
def test_a_png_is_made_by_the_letter_of_its_specification(
    mode: str, depth: int, level: str, texture: Texture
) -> None:
    for width, height in ((1, 1), (5, 7), (33, 256), (4099, 3), (3, 700)):
        pixels = noise(width, height, mode, depth)
        encode = Png(level).encoder(Shape(height, width, len(mode), depth), texture)
        plain = by_zlib(bytes(encode(pixels)))
        color_type = {"L": 0, "LA": 4, "RGB": 2, "RGBA": 6}[mode]
        assert plain.header == (width, height, depth, color_type, 0, 0, 0)
        np.testing.assert_array_equal(plain.pixels, pixels)


# Rows, with their filter byte, around a stored block's 65,535 bytes and around exact multiples.
EDGES = [
    *[(width, 3) for width in (32766, 32767, 32768, 65533, 65534, 65535, 65536, 131069, 131070)],
    *[(254, height) for height in (256, 257, 258, 513, 514, 515)],  # 257 × 255 = 65,535
    *[(131069, 1), (131069, 2), (65534, 1), (65535, 1), (196604, 1), (200_000, 2)],
    *[(2, 21845), (2, 21846), (4, 13107), (4, 13108), (1, 32767), (1, 32768)],
]


@pytest.mark.parametrize("level", ["0", "2"])
@pytest.mark.parametrize(("width", "height"), EDGES)
def test_a_png_around_the_size_of_a_block_comes_back(width: int, height: int, level: str) -> None:
    pixels = noise(width, height, "L", 8)
    encode = Png(level).encoder(Shape(height, width, 1, 8), Texture.NOISE)
    data = bytes(encode(pixels))
    np.testing.assert_array_equal(by_zlib(data).pixels, pixels)
    assert bytes(encode(pixels)) == data
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])


@every_mode
def test_a_png_whose_rows_are_longer_than_a_block_comes_back(mode: str, depth: int) -> None:
    width = 70_001 // (len(mode) * depth // 8)
    first, second = (noise(width, 3, mode, depth, seed) for seed in (1, 2))
    for level in ("0", "1"):
        encode = Png(level).encoder(Shape(3, width, len(mode), depth), Texture.NOISE)
        np.testing.assert_array_equal(by_zlib(bytes(encode(first))).pixels, first)
        np.testing.assert_array_equal(by_zlib(bytes(encode(second))).pixels, second)


@pytest.mark.parametrize(("width", "height"), [*SIZES, *EDGES])
def test_a_stored_png_is_hardly_larger_than_its_rows(width: int, height: int) -> None:
    for texture in Texture:
        shape = Shape(height, width, 1, 8)
        data = Png("0").encoder(shape, texture)(noise(width, height, "L", 8))
        assert len(data) <= 1.01 * height * (1 + width) + 200
    assert len(Png().encode(noise(width, height, "L", 8))) <= 1.01 * height * (1 + width) + 200


def test_a_png_of_unknown_texture_is_stored_and_0_stores_every_texture() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    stored = Png("0").encode(pixels)
    assert len(stored) > pixels.nbytes
    assert Png().encode(pixels) == stored
    for texture in Texture:
        assert bytes(Png("0").encoder(Shape(64, 64), texture)(pixels)) == stored


def test_a_png_of_a_flat_texture_is_small_and_filtered_by_the_row_above() -> None:
    pixels = np.broadcast_to(noise(200, 1, "RGB", 8), (300, 200, 3)).copy()
    for level in ("auto", "1", "6", "9"):
        data = bytes(Png(level).encoder(Shape(300, 200), Texture.FLAT)(pixels))
        assert by_zlib(data).filters == {2}
        assert len(data) < pixels.nbytes / 50


def test_a_png_of_few_levels_is_smaller_than_stored() -> None:
    pixels = noise(200, 100, "RGB", 8) & 15
    for texture in (Texture.LEVELS, Texture.SPARSE):
        data = bytes(Png().encoder(Shape(100, 200), texture)(pixels))
        assert by_zlib(data).filters == {0}
        assert len(data) < 0.7 * pixels.nbytes


@pytest.mark.cli
@every_way
def test_pngcheck_finds_nothing_wrong(level: str, texture: Texture, tmp_path: Path) -> None:
    pngcheck = shutil.which("pngcheck")
    if pngcheck is None:
        pytest.skip("pngcheck is not installed: apt install pngcheck")
    for mode, depth in product(MODES, DEPTHS):
        for width, height in ((1, 1), (33, 256), (70_000, 1), (254, 514)):
            encode = Png(level).encoder(Shape(height, width, len(mode), depth), texture)
            path = tmp_path / f"{mode}{depth}-{width}x{height}.png"
            path.write_bytes(encode(noise(width, height, mode, depth)))
    found = subprocess.run(
        [pngcheck, "-q", *sorted(tmp_path.iterdir())], check=False, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, "")


@every_mode
@pytest.mark.parametrize("level", ["0", "6"])
def test_opencv_reads_the_pixels_of_a_png(mode: str, depth: int, level: str) -> None:
    pixels = noise(37, 23, mode, depth)
    back = by_opencv(Png(level).encode(pixels))
    wanted = pixels[..., [0, 0, 0, 1]] if mode == "LA" else pixels  # OpenCV has no gray with alpha
    np.testing.assert_array_equal(back, wanted)


@pytest.mark.cli
@every_mode
@pytest.mark.parametrize("reader", [by_vips, by_ffmpeg])
def test_other_readers_get_the_pixels_of_a_png(
    mode: str, depth: int, reader: Callable[[bytes, Path], Pixels], tmp_path: Path
) -> None:
    for level in ("0", "6"):
        pixels = noise(37, 23, mode, depth)
        np.testing.assert_array_equal(reader(Png(level).encode(pixels), tmp_path), pixels)


@st.composite
def png_shapes(draw: st.DrawFn) -> tuple[int, int, str, int]:
    """Draw (width, height, mode, depth): small, or with rows about as long as a block or two."""
    mode, depth = draw(st.sampled_from(sorted(MODES))), draw(st.sampled_from(DEPTHS))
    if draw(st.booleans()):
        return draw(st.integers(1, 60)), draw(st.integers(1, 60)), mode, depth
    blocks, pixel = draw(st.sampled_from((0.5, 1, 2))), len(mode) * depth // 8
    width = int(65_535 * blocks) // pixel + draw(st.integers(-3, 3))
    return width, draw(st.integers(1, 4)), mode, depth


@settings(deadline=None, max_examples=60)
@given(shape=png_shapes(), way=st.sampled_from(WAYS), seeds=st.tuples(*[st.integers(0, 99)] * 2))
def test_a_png_of_any_shape_comes_back_from_an_encoder_used_twice(
    shape: tuple[int, int, str, int], way: tuple[str, Texture], seeds: tuple[int, int]
) -> None:
    width, height, mode, depth = shape
    level, texture = way
    encode = Png(level).encoder(Shape(height, width, len(mode), depth), texture)
    for seed in seeds:
        pixels = noise(width, height, mode, depth, seed)
        np.testing.assert_array_equal(by_zlib(bytes(encode(pixels))).pixels, pixels)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), shape=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_an_8_bit_png_of_any_levels_comes_back_in_pillow(
    data: st.DataObject, shape: tuple[int, int]
) -> None:
    mode = data.draw(st.sampled_from(sorted(MODES)))
    size = shape[0] * shape[1] * len(mode)
    levels = data.draw(st.binary(min_size=size, max_size=size))
    pixels = np.frombuffer(levels, np.uint8).reshape(*shape, len(mode))
    level, texture = data.draw(st.sampled_from(WAYS))
    encode = Png(level).encoder(Shape(*shape, len(mode), 8), texture)
    np.testing.assert_array_equal(by_pillow(bytes(encode(pixels)), mode), pixels)
