"""PNG, which pixelgen writes itself: read back by independent decoders and by its specification."""

import io
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelgen.errors import BadValue
from pixelgen.families import Shape, Texture
from pixelgen.formats.png import Png, constant_png
from pixelgen.generator import MODES
from pixelgen.image_types import Pixels
from tests.formats.support import DEPTHS, SIZES, by_opencv, by_pillow, by_vips, noise

every_mode = pytest.mark.parametrize(("mode", "depth"), list(product(MODES, DEPTHS)))


def by_ffmpeg(data: bytes, folder: Path) -> Pixels:
    """Read with FFmpeg; ffprobe gives the size and the pixel format."""
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if ffmpeg is None or ffprobe is None:
        pytest.skip("FFmpeg is not installed: apt install ffmpeg")
    source = folder / "image.png"
    source.write_bytes(data)
    command = [ffprobe, "-v", "error", "-show_entries", "stream=width,height,pix_fmt"]
    command += ["-of", "csv=p=0", str(source)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    width, height, kind = output.strip().split(",")
    channels, depth = {
        "gray": (1, 8), "ya8": (2, 8), "rgb24": (3, 8), "rgba": (4, 8),
        "gray16be": (1, 16), "ya16be": (2, 16), "rgb48be": (3, 16), "rgba64be": (4, 16),
    }[kind]  # fmt: skip
    wanted = [ffmpeg, "-v", "error", "-i", str(source), "-f", "rawvideo", "-pix_fmt", kind, "-"]
    raw = subprocess.run(wanted, check=True, capture_output=True).stdout
    return np.frombuffer(raw, f">u{depth // 8}").reshape(int(height), int(width), channels)


class ParsedPng(NamedTuple):
    """A parsed PNG."""

    header: tuple[int, ...]
    filters: set[int]
    pixels: Pixels


def by_zlib(data: bytes) -> ParsedPng:
    """Parse a PNG by its specification; only filters "none" and "up" are supported."""
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
    return ParsedPng(header, filters, rows.view(f">u{depth // 8}").reshape(height, width, -1))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and body of each chunk, after checking its CRC."""
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length) == (zlib.crc32(kind + body),)
        yield kind, body
        place += 12 + length
    assert place == len(data)


def test_only_a_stored_png_depends_on_no_library() -> None:
    assert Png().encoded_by(Texture.NOISE) == ""
    assert {Png("0").encoded_by(texture) for texture in Texture} == {""}
    for texture in (Texture.LEVELS, Texture.SPARSE, Texture.FLAT):
        assert Png().encoded_by(texture).startswith("zlib-ng ")
    for level, texture in product(range(1, 10), Texture):
        assert Png(str(level)).encoded_by(texture).startswith("zlib-ng ")


def test_png_refuses_an_image_that_does_not_fit_in_one_chunk() -> None:
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
    """Return the largest height that a check accepts."""
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
def test_a_png_follows_its_specification(
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
def test_a_png_around_the_size_of_a_block_can_be_decoded(
    width: int, height: int, level: str
) -> None:
    pixels = noise(width, height, "L", 8)
    encode = Png(level).encoder(Shape(height, width, 1, 8), Texture.NOISE)
    data = bytes(encode(pixels))
    np.testing.assert_array_equal(by_zlib(data).pixels, pixels)
    assert bytes(encode(pixels)) == data
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])


@every_mode
def test_a_png_whose_rows_are_longer_than_a_block_can_be_decoded(mode: str, depth: int) -> None:
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


@pytest.mark.parametrize("level", [0, 1, 143, 144, 255])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 10, 11, 35, 257, 258, 259, 260, 261, 517, 2000])
def test_a_png_of_one_level_can_be_decoded_and_is_small(width: int, level: int) -> None:
    for height in (1, 2, 50):
        data = constant_png(width, height, level)
        with Image.open(io.BytesIO(data)) as image:
            assert (image.mode, image.size) == ("L", (width, height))
            assert image.getextrema() == (level, level)
        assert (by_opencv(data) == level).all()
        assert len(data) < 100 + height * (12 + width // 100)


@pytest.mark.cli
@every_way
def test_pngcheck_reports_no_errors(level: str, texture: Texture, tmp_path: Path) -> None:
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
def test_a_png_of_any_shape_from_a_reused_encoder_can_be_decoded(
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
def test_pillow_decodes_an_8_bit_png_of_any_levels(
    data: st.DataObject, shape: tuple[int, int]
) -> None:
    mode = data.draw(st.sampled_from(sorted(MODES)))
    size = shape[0] * shape[1] * len(mode)
    levels = data.draw(st.binary(min_size=size, max_size=size))
    pixels = np.frombuffer(levels, np.uint8).reshape(*shape, len(mode))
    level, texture = data.draw(st.sampled_from(WAYS))
    encode = Png(level).encoder(Shape(*shape, len(mode), 8), texture)
    np.testing.assert_array_equal(by_pillow(bytes(encode(pixels)), mode), pixels)
