"""The formats that Pillow encodes, and their parameters."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from pixelgen.formats import Format
from pixelgen.formats.pillow import Avif, Gif, Jpeg, Jpeg2000, Tga, Webp
from tests.formats.support import by_pillow, noise, read, smooth


@pytest.mark.parametrize("kind", [Jpeg, Webp, Avif])
def test_a_higher_quality_makes_a_larger_file_with_a_smaller_error(
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


def test_an_optimized_jpeg_is_smaller_with_the_same_pixels(tmp_path: Path) -> None:
    pixels = smooth(96, 64, "RGB")
    plain, optimal = Jpeg().encode(pixels), Jpeg(optimize=True).encode(pixels)
    assert len(optimal) < len(plain)
    np.testing.assert_array_equal(
        read(optimal, "RGB", 8, tmp_path), read(plain, "RGB", 8, tmp_path)
    )


@pytest.mark.parametrize(("chroma", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg_has_the_requested_subsampling(chroma: str, code: int) -> None:
    data = Jpeg(subsampling=chroma).encode(smooth(40, 24, "RGB"))
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert JpegImagePlugin.get_sampling(image) == code


@pytest.mark.parametrize(("chroma", "bits"), [("4:4:4", 0), ("4:2:2", 2), ("4:2:0", 3)])
def test_avif_has_the_requested_subsampling(chroma: str, bits: int) -> None:
    data = Avif(subsampling=chroma).encode(smooth(40, 24, "RGB"))
    record = data.index(b"av1C") + 4  # AV1 Codec ISO Media File Format Binding, 2.3
    assert data[record + 2] >> 2 & 3 == bits


def test_webp_lossless_keeps_colors_under_alpha_0(tmp_path: Path) -> None:
    pixels = noise(33, 21, "RGBA", 8)
    pixels[:, ::2, 3] = 0
    back = read(Webp(lossless=True).encode(pixels), "RGBA", 8, tmp_path)
    np.testing.assert_array_equal(back, pixels)


def test_jpeg_2000_is_a_jp2_file_and_smaller_when_lossy() -> None:
    pixels = noise(64, 64, "RGB", 8)
    exact, lossy = Jpeg2000().encode(pixels), Jpeg2000(quality=20).encode(pixels)
    assert exact.startswith(b"\0\0\0\x0cjP  \r\n\x87\n")
    assert len(lossy) < len(exact) / 2


def test_gif_keeps_gray_and_spreads_colors_over_its_whole_palette() -> None:
    red, green, blue = np.meshgrid(range(0, 256, 8), range(0, 256, 8), range(0, 256, 8))
    pixels = np.stack([red, green, blue], axis=-1).astype(np.uint8).reshape(32, 1024, 3)
    back = by_pillow(Gif().encode(pixels), "RGB")
    levels = [np.unique(back[..., channel]) for channel in range(3)]
    assert [len(of_channel) for of_channel in levels] == [8, 8, 4]
    assert all(of_channel[0] == 0 and of_channel[-1] == 255 for of_channel in levels)
    wanted = pixels.astype(int) // (32, 32, 64) * 255 // (7, 7, 3)
    np.testing.assert_array_equal(back, wanted)


def test_gif_is_interlaced_only_on_request() -> None:
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
