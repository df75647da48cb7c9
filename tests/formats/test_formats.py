"""Every format: what it can hold is read back, what it cannot hold is refused."""

import io
import re
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgen.errors import BadValue
from pixelgen.families import Shape, Texture
from pixelgen.formats import Format
from pixelgen.formats.pillow import Avif, Gif, Jpeg, Jpeg2000, Tga, Webp
from pixelgen.formats.uncompressed import Tiff
from pixelgen.generator import MODES
from pixelgen.registry import components, parse
from tests.formats.support import DEPTHS, SIZES, noise, read, smooth

FORMATS = [part for part in components(Format.kind).values() if issubclass(part, Format)]


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


# What comes back


@pytest.mark.cli
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@every_held
def test_a_decoded_image_has_the_size_mode_and_depth_that_were_encoded(
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
def test_a_smooth_image_is_decoded_nearly_unchanged(kind: type[Format], tmp_path: Path) -> None:
    for mode, depths in kind.holds.items():
        assert 8 in depths
        pixels = smooth(96, 64, mode)
        back = read(kind().encode(pixels), mode, 8, tmp_path)
        error = np.abs(back.astype(int) - pixels).mean(axis=(0, 1))
        assert error.max() < 30, (mode, error)  # channels in another order are 85 and more away


@pytest.mark.cli
@every_held
def test_a_reused_encoder_encodes_each_image_correctly(
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
def test_encoding_does_not_change_the_source(kind: type[Format], mode: str, depth: int) -> None:
    pixels = noise(9, 6, mode, depth)
    before = pixels.copy()
    kind().encode(pixels)
    for texture in Texture:
        kind().encoder(Shape(6, 9, len(mode), depth), texture)(pixels)
    np.testing.assert_array_equal(pixels, before)


@every_format
def test_the_suffix_matches_the_contents(kind: type[Format]) -> None:
    for mode, depths in kind.holds.items():
        suffix = kind().suffix_for(mode)
        data = kind().encode(noise(5, 7, mode, depths[0]))
        if suffix == ".npy":
            assert data.startswith(b"\x93NUMPY")
            continue
        with Image.open(io.BytesIO(data)) as image:
            assert Image.registered_extensions()[suffix] == image.format


@every_format
def test_a_format_names_the_library_that_its_bytes_depend_on(kind: type[Format]) -> None:
    for texture in Texture:
        library = kind().encoded_by(texture)
        assert library == "" or LIBRARY.fullmatch(library), library


def test_a_deflated_tiff_and_every_format_of_pillow_name_their_library() -> None:
    assert Tiff("deflate").encoded_by(Texture.NOISE).startswith("zlib-ng ")
    for kind in (Jpeg, Webp, Avif, Jpeg2000, Gif, Tga):
        assert kind().encoded_by(Texture.NOISE).startswith("Pillow ")


# Options


def choices(parameter: Any) -> list[Any]:
    """Return the values of a parameter to test: all choices, or both bounds and the middle."""
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
def test_a_file_encoded_with_any_parameter_can_be_decoded(image: Format, tmp_path: Path) -> None:
    for mode, depths in image.holds.items():
        for depth in depths:
            pixels = noise(40, 24, mode, depth)
            back = read(image.encode(pixels), mode, depth, tmp_path)
            assert back.shape == pixels.shape
            if image.is_lossless(mode):
                np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("image", SETTINGS)
def test_the_spec_of_a_format_with_any_parameter_parses_back(image: Format) -> None:
    assert parse(Format, str(image)) == image
    assert str(image) != image.name


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [pytest.param(*pair, id=f"{pair[0].name}-{pair[1].name}") for pair in OPTIONS],
)
def test_every_parameter_changes_the_file(kind: type[Format], parameter: Any) -> None:
    mode = "RGB" if "RGB" in kind.holds else next(iter(kind.holds))
    pixels = smooth(96, 64, mode) ^ (noise(96, 64, mode, 8) & 3)
    if parameter.name == "rle":
        pixels = pixels & 0xF0  # noise has no runs
    values = [kind(**{parameter.name: value}).encode(pixels) for value in choices(parameter)]
    assert len(set(values)) > 1


# Limits


@every_format
def test_a_side_one_pixel_over_the_limit_is_refused_with_the_limit(kind: type[Format]) -> None:
    for mode, depths in kind.holds.items():
        for width, height in ((kind.side + 1, 1), (1, kind.side + 1)):
            with pytest.raises(BadValue, match=rf"{kind.name} .*\b{kind.side}\b"):
                kind().check(width, height, mode, depths[0])


@pytest.mark.parametrize("kind", LIMITED, ids=lambda part: part.name)
def test_a_side_at_the_limit_can_be_decoded(kind: type[Format]) -> None:
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
def test_a_side_of_70000_can_be_decoded_from_formats_without_16_bit_sides(
    kind: type[Format], tmp_path: Path
) -> None:
    for width, height in ((70_000, 1), (1, 70_000)):
        kind().check(width, height, "RGB", 8)
        pixels = noise(width, height, "RGB", 8)
        np.testing.assert_array_equal(read(kind().encode(pixels), "RGB", 8, tmp_path), pixels)


def test_formats_with_16_bit_sides_declare_their_limit() -> None:
    sides = {part.name: part.side for part in FORMATS}
    for name, most in (("jpeg", 65_500), ("webp", 16_383), ("gif", 65_535), ("tga", 65_535)):
        assert sides[name] == most
    assert sides["avif"] <= 65_534


@every_format
def test_an_unsupported_mode_is_refused_with_the_formats_that_support_it(
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
def test_a_supported_mode_is_not_refused(kind: type[Format], mode: str, depth: int) -> None:
    kind().check(1, 1, mode, depth)
    kind().check(min(kind.side, 1000), min(kind.side, 1000), mode, depth)
