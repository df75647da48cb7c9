"""The generator, through jobs: noise, color, coverage and density."""

import pickle
import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, product
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelgen import registry
from pixelgen.colors import Color, parse_color
from pixelgen.errors import BadValue
from pixelgen.families import Family, Shape, Texture
from pixelgen.generator import MODES, Generator
from pixelgen.image_types import Coverage, Pixels
from pixelgen.job import Job
from pixelgen.registry import parameter
from pixelgen.rng import Stream

DEPTHS = (8, 16)
FAMILIES = list(registry.components(Family.kind))

every_mode = pytest.mark.parametrize(("mode", "depth"), list(product(MODES, DEPTHS)))
every_depth = pytest.mark.parametrize("depth", DEPTHS)


def top(depth: int) -> int:
    """Return the highest level."""
    return (1 << depth) - 1


def background(color: Color, mode: str, depth: int) -> list[int]:
    """Return the levels of a color in a mode."""
    levels = list(color[:3]) if mode.startswith("RGB") else [color.luma]
    if mode.endswith("A"):
        levels.append(color.alpha)
    return [level * top(depth) // 255 for level in levels]


def where_all(pixels: Pixels, levels: object) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tell which pixels have the levels in all channels."""
    same: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (pixels == levels).all(axis=-1)
    return same


@dataclass(frozen=True)
class Faded(Family):
    """Uniform noise, covered 0, 1, … 255 and again from the start."""

    number = (1 << 31) - 1
    texture = Texture.SPARSE

    first: int = parameter(0, "coverage of the first pixel", low=0, high=255)
    step: int = parameter(1, "from pixel to pixel", low=0, high=255)

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        size = shape.height * shape.width
        coverage = ((self.first + self.step * np.arange(size)) % 256).astype(np.uint8)
        noise = stream.integers(shape.levels, shape.depth)
        return noise, coverage.reshape(shape.height, shape.width)


FADED = f"{__name__}.Faded"


# Images of a job


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_has_the_size_channels_and_type_of_its_job(family: str) -> None:
    for (mode, channels), depth in product(MODES.items(), DEPTHS):
        job = Job.parse(count=2, width=7, height=5, family=family, mode=mode, depth=depth)
        pixels = job[1]
        assert pixels.shape == (5, 7, channels)
        assert pixels.dtype == np.dtype(f"<u{depth // 8}")


@pytest.mark.parametrize("family", FAMILIES)
def test_alpha_is_full_without_a_color(family: str) -> None:
    for mode, depth in product(("LA", "RGBA"), DEPTHS):
        job = Job.parse(count=1, width=9, height=8, family=family, mode=mode, depth=depth)
        assert np.unique(job[0][..., -1]).tolist() == [top(depth)]


@every_depth
def test_alpha_does_not_change_the_noise(depth: int) -> None:
    for mode in ("L", "RGB"):
        plain = Job.parse(count=1, width=9, height=8, mode=mode, depth=depth)
        alpha = Job.parse(count=1, width=9, height=8, mode=mode + "A", depth=depth)
        np.testing.assert_array_equal(alpha[0][..., :-1], plain[0])


@pytest.mark.parametrize(
    ("color", "mode"),
    [(None, "RGB"), ("red", "RGB"), ("tr", "RGBA"), ("#ff000080", "RGBA"), ("#ff0000ff", "RGB")],
)
def test_the_mode_has_alpha_only_if_the_color_needs_it(color: str | None, mode: str) -> None:
    assert Job.parse(**({"color": color} if color else {})).image.mode == mode


@pytest.mark.parametrize(("color", "mode"), [("tr", "RGB"), ("tr", "L"), ("#ff000080", "L")])
def test_a_color_that_is_not_opaque_needs_an_alpha_channel(color: str, mode: str) -> None:
    with pytest.raises(BadValue, match=f"use mode {mode}A"):
        Job.parse(color=color, mode=mode)


@pytest.mark.parametrize("family", ["uniform", "gaussian"])
def test_16_bit_levels_are_not_scaled_from_8_bits(family: str) -> None:
    pixels = Job.parse(count=1, width=100, height=100, mode="L", depth=16, family=family)[0]
    assert len(np.unique(pixels)) > 3000  # of 10,000; scaled ones are 256 at most
    assert len(np.unique(pixels & 0xFF)) == 256
    assert (pixels % 257 != 0).mean() > 0.9
    assert pixels.max() > 0xFF00


@pytest.mark.parametrize("family", ["rademacher", "solid:tone=white"])
def test_the_highest_16_bit_level_is_65535(family: str) -> None:
    assert Job.parse(count=1, width=9, height=9, depth=16, family=family)[0].max() == 65535


# Any image, in any order


def test_a_job_is_a_sequence_of_its_images() -> None:
    job = Job(count=4, width=6, height=5)
    assert len(job) == 4
    images = list(islice(cast("Iterable[Pixels]", job), 9))
    assert len(images) == 4
    for index, image in enumerate(images):
        np.testing.assert_array_equal(job[index], image)
        np.testing.assert_array_equal(job.render(index), image)
        np.testing.assert_array_equal(job[index - 4], image)
    assert len({image.tobytes() for image in images}) == 4


@pytest.mark.parametrize("index", [4, 5, -5, 1 << 64])
def test_an_index_past_the_ends_is_an_index_error(index: int) -> None:
    job = Job(count=4, width=6, height=5)
    for ask in (job.render, job.__getitem__):
        with pytest.raises(IndexError):
            ask(index)


def test_a_job_of_no_images_has_none() -> None:
    job = Job(count=0)
    assert list(islice(cast("Iterable[Pixels]", job), 9)) == []
    with pytest.raises(IndexError):
        job[0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("color", [None, "#20406080"])
def test_one_generator_draws_the_same_images_in_any_order(family: str, color: str | None) -> None:
    look = {"color": color} if color else {}
    job = Job.parse(count=9, width=6, height=5, family=family, **look)
    generator = Generator(job.image)
    order = [*range(9), *range(9)]
    random.Random(5).shuffle(order)
    for index in order:
        np.testing.assert_array_equal(generator.render(index).pixels, job[index])


def test_an_image_does_not_change_when_the_next_is_drawn() -> None:
    for look in ({}, {"color": "red"}, {"color": "tr"}, {"family": "solid"}):
        generator = Generator(Job.parse(count=3, width=6, height=5, **look).image)
        first = generator.render(0).pixels
        kept = first.copy()
        generator.render(1)
        np.testing.assert_array_equal(first, kept)


def test_an_image_does_not_depend_on_the_count() -> None:
    for look in ({}, {"color": "red"}, {"color": "tr", "density": 0.3}):
        few = Job.parse(count=3, width=6, height=5, **look)
        many = Job.parse(count=1_000_000, width=6, height=5, **look)
        np.testing.assert_array_equal(few[2], many[2])


def test_an_image_does_not_depend_on_format_or_layout() -> None:
    job = Job(count=3, width=6, height=5)
    other = Job.parse(
        count=3, width=6, height=5, format="bmp", layout="tar:per_shard=2", checksum="none"
    )
    np.testing.assert_array_equal(job[2], other[2])


def test_the_last_image_of_the_largest_dataset_is_drawn_at_once() -> None:
    job = Job(count=1 << 53, width=6, height=5)
    assert job[-1].tobytes() == job[(1 << 53) - 1].tobytes()
    assert len({job[index].tobytes() for index in (0, 1, 1 << 32, -2, -1)}) == 5


def test_every_bit_of_the_seed_counts() -> None:
    seeds = [0, *(1 << bit for bit in range(128)), (1 << 128) - 1]
    images = {Job(count=1, width=6, height=5, seed=seed)[0].tobytes() for seed in seeds}
    assert len(images) == len(seeds)


@pytest.mark.parametrize("look", [{}, {"color": "tr"}, {"family": "gaussian:sigma=9", "depth": 16}])
def test_a_pickled_job_draws_the_same_images(look: dict[str, str | int]) -> None:
    job = Job.parse(count=3, width=6, height=5, seed=1 << 127, **look)
    copy = pickle.loads(pickle.dumps(job))  # noqa: S301
    assert copy == job
    assert copy.digest == job.digest
    for index in range(3):
        np.testing.assert_array_equal(copy[index], job[index])


# Colour and density


@every_mode
@pytest.mark.parametrize("density", [0.05, 0.5, 0.9])
def test_density_is_the_share_of_pixels_drawn_over_the_color(
    mode: str, depth: int, density: float
) -> None:
    look = {"width": 300, "height": 200, "mode": mode, "depth": depth, "seed": 11}
    color = parse_color("#123456")
    pixels = Job.parse(count=3, color="#123456", density=density, **look)[2]
    noise = Job.parse(count=3, **look)[2]
    shown = where_all(pixels, background(color, mode, depth))
    drawn = where_all(pixels, noise)
    assert (shown | drawn).all()
    chance = 1 / (top(depth) + 1) ** len(mode.rstrip("A"))  # of noise that is just the color
    wanted = 1 - density + density * chance
    sigma = (wanted * (1 - wanted) / shown.size) ** 0.5
    assert abs(shown.mean() - wanted) < 5 * sigma


def test_half_of_the_pixels_are_drawn_unless_a_density_is_given() -> None:
    job = Job.parse(count=1, width=200, height=200, family="solid:tone=white", color="black")
    assert job.image.density is None
    assert abs(job[0].mean() / 255 - 0.5) < 5 * 0.5 / 200


def test_drawn_pixels_are_anywhere_and_differ_between_images() -> None:
    job = Job.parse(
        count=2, width=256, height=256, mode="L", family="solid:tone=white", color="black"
    )
    first, second = (job[index][..., 0] > 0 for index in range(2))
    sigma = 0.5 / 256
    assert abs((first == second).mean() - 0.5) < 5 * sigma
    for axis in (0, 1):
        assert abs((first == np.roll(first, 1, axis)).mean() - 0.5) < 5 * sigma
        lines = first.mean(axis=axis)
        assert np.abs(lines - 0.5).max() < 5.5 * 0.5 / 16


def test_drawn_pixels_do_not_depend_on_mode_depth_or_family() -> None:
    masks = []
    for mode, depth in product(("LA", "RGBA"), DEPTHS):
        for family in FAMILIES:
            job = Job.parse(
                count=1, width=20, height=30, mode=mode, depth=depth, family=family, color="tr"
            )
            if not job.image.family.families[0].has_coverage:
                masks.append((job[0][..., -1] > 0).tobytes())
    assert len(masks) > 4
    assert len(set(masks)) == 1


@every_mode
def test_density_0_shows_only_the_color_and_density_1_only_the_noise(mode: str, depth: int) -> None:
    look = {"count": 1, "width": 40, "height": 30, "mode": mode, "depth": depth}
    color = parse_color("#fedcba")
    nothing = Job.parse(color="#fedcba", density=0, **look)[0]
    assert where_all(nothing, background(color, mode, depth)).all()
    everything = Job.parse(color="#fedcba", density=1, **look)[0]
    np.testing.assert_array_equal(everything, Job.parse(**look)[0])


@every_depth
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_over_a_transparent_color_alpha_marks_drawn_pixels(mode: str, depth: int) -> None:
    look = {"count": 1, "width": 100, "height": 100, "mode": mode, "depth": depth}
    pixels = Job.parse(color="tr", density=0.5, **look)[0]
    alpha = pixels[..., -1]
    assert np.unique(alpha).tolist() == [0, top(depth)]
    drawn = alpha > 0
    assert abs(drawn.mean() - 0.5) < 5 * 0.005
    np.testing.assert_array_equal(pixels[drawn], Job.parse(**look)[0][drawn])
    assert not pixels[~drawn].any()


@every_depth
@pytest.mark.parametrize("density", [0, 1])
def test_over_a_transparent_color_all_or_nothing_is_drawn(density: int, depth: int) -> None:
    look = {"count": 1, "width": 9, "height": 9, "mode": "RGBA", "depth": depth}
    pixels = Job.parse(color="tr", density=density, **look)[0]
    wanted = Job.parse(**look)[0] if density else np.zeros((9, 9, 4))
    np.testing.assert_array_equal(pixels, wanted)


@every_depth
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_partly_transparent_color_keeps_its_alpha(mode: str, depth: int) -> None:
    color = parse_color("#10c8f07f")
    look = {"count": 1, "width": 50, "height": 40, "mode": mode, "depth": depth}
    pixels = Job.parse(color="#10c8f07f", density=0.5, **look)[0]
    shown = pixels[..., -1] == 0x7F * top(depth) // 255
    assert 0.4 < shown.mean() < 0.6
    assert where_all(pixels[shown], background(color, mode, depth)).all()
    np.testing.assert_array_equal(pixels[~shown], Job.parse(**look)[0][~shown])


@pytest.mark.parametrize("name", ["red", "lime", "blue", "white", "black", "gray50", "cef48e"])
def test_gray_modes_show_the_luma_of_a_color(name: str) -> None:
    color = parse_color(name)
    luma = Image.new("RGB", (1, 1), color[:3]).convert("L").getpixel((0, 0))
    assert isinstance(luma, int)
    for mode, depth in product(("L", "LA"), DEPTHS):
        job = Job.parse(count=1, width=2, height=2, color=name, density=0, mode=mode, depth=depth)
        assert np.unique(job[0][..., 0]).tolist() == [luma * top(depth) // 255]


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_luma_is_that_of_pillow(levels: tuple[int, int, int]) -> None:
    assert Color(*levels).luma == Image.new("RGB", (1, 1), levels).convert("L").getpixel((0, 0))


def test_a_density_needs_a_color_and_is_between_0_and_1() -> None:
    with pytest.raises(BadValue, match="needs a color"):
        Job.parse(density=0.5)
    for density in (-0.01, 1.01, float("nan"), float("inf")):
        with pytest.raises(BadValue, match="out of range"):
            Job.parse(color="red", density=density)


# Coverage


@every_mode
@pytest.mark.parametrize("color", ["#ffffff", "#000000", "#123456", "#0a64fa"])
def test_coverage_blends_noise_with_the_color_by_the_formula(
    mode: str, depth: int, color: str
) -> None:
    look = {"count": 1, "width": 64, "height": 12, "mode": mode, "depth": depth, "family": FADED}
    noise = Job.parse(**look)[0]
    pixels = Job.parse(color=color, density=1, **look)[0]
    levels = background(parse_color(color), mode, depth)
    flat = noise.reshape(-1, len(mode)).tolist()
    wanted = [
        [
            (n % 256 * over + (255 - n % 256) * under + 127) // 255
            for over, under in zip(pixel, levels, strict=True)
        ]
        for n, pixel in enumerate(flat)
    ]
    assert pixels.reshape(-1, len(mode)).tolist() == wanted


@every_depth
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_coverage_blends_alpha(mode: str, depth: int) -> None:
    look = {"count": 1, "width": 256, "height": 2, "mode": mode, "depth": depth, "family": FADED}
    pixels = Job.parse(color="#11223344", density=1, **look)[0]
    under = 0x44 * top(depth) // 255
    wanted = [(a * top(depth) + (255 - a) * under + 127) // 255 for a in range(256)]
    assert pixels[..., -1].tolist() == [wanted, wanted]


@every_depth
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_over_a_transparent_color_alpha_is_the_coverage(mode: str, depth: int) -> None:
    look = {"count": 1, "width": 256, "height": 2, "mode": mode, "depth": depth, "family": FADED}
    pixels = Job.parse(color="tr", density=1, **look)[0]
    scaled = [a * top(depth) // 255 for a in range(256)]
    assert pixels[..., -1].tolist() == [scaled, scaled]
    np.testing.assert_array_equal(pixels[:, 1:, :-1], Job.parse(**look)[0][:, 1:, :-1])
    assert not pixels[:, 0].any()


@every_depth
def test_density_keeps_or_drops_the_full_coverage_of_a_pixel(depth: int) -> None:
    look = {"count": 1, "width": 200, "height": 100, "mode": "RGB", "depth": depth, "color": "teal"}
    family = f"{FADED}:first=128,step=0"
    whole = Job.parse(density=1, family=family, **look)[0]
    thin = Job.parse(density=0.3, family=family, **look)[0]
    kept = where_all(thin, whole)
    shown = where_all(thin, background(parse_color("teal"), "RGB", depth))
    assert (kept | shown).all()
    assert abs(kept.mean() - 0.3) < 5 * (0.3 * 0.7 / kept.size) ** 0.5


def test_without_a_color_coverage_is_ignored() -> None:
    look = {"count": 1, "width": 20, "height": 20}
    pixels = Job.parse(family=f"{FADED}:step=0", mode="RGBA", **look)[0]
    assert (pixels[..., 3] == 255).all()
    assert len(np.unique(pixels[..., :3])) > 200


@pytest.mark.parametrize(("coverage", "shown"), [(0, True), (255, False)])
def test_full_and_zero_coverage_are_exact(coverage: int, shown: bool) -> None:
    look = {"count": 1, "width": 20, "height": 20, "family": f"{FADED}:first={coverage},step=0"}
    pixels = Job.parse(color="#010203", density=1, **look)[0]
    wanted = np.full((20, 20, 3), (1, 2, 3)) if shown else Job.parse(**look)[0]
    np.testing.assert_array_equal(pixels, wanted)
