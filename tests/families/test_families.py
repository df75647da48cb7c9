"""Families: the contract of each, and the statistics of its own definition."""

from collections import Counter
from itertools import pairwise
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen import registry
from pixelgen.families import Family, Shape, fingerprint
from pixelgen.families.pointwise import Gaussian, Rademacher, SaltPepper, Solid, Uniform
from pixelgen.rng import Stream
from tests.fingerprints import PROMISED, SHAPES, prints

FAMILIES: list[type[Family]] = [
    part for part in registry.components("family").values() if issubclass(part, Family)
]

ODD = ["voronoi:cells=256", "voronoi:output=f2-f1", "fbm:octaves=10", "perlin:threshold=0.2"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_family_draws_the_shape_and_depth_asked_for(family: type[Family], shape: Shape) -> None:
    pixels = family().sample(3, 4, shape)

    assert pixels.shape == shape.levels
    assert pixels.dtype == shape.dtype
    assert pixels.flags.writeable


@pytest.mark.parametrize("spelling", [*(family.name for family in FAMILIES), *ODD])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (33, 65)])
@pytest.mark.parametrize(("channels", "depth"), [(1, 8), (3, 16)])
def test_any_frame_can_be_drawn(
    spelling: str, size: tuple[int, int], channels: int, depth: int
) -> None:
    shape = Shape(*size, channels, depth)
    pixels = registry.parse(Family, spelling).sample(1, 2, shape)

    assert pixels.shape == shape.levels
    assert pixels.dtype == shape.dtype
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_image_hangs_on_nothing_drawn_before_it(family: type[Family]) -> None:
    shape = Shape(9, 11)
    stream = Stream(3)
    for image in (7, 2, 7):
        stream.seek(image, family.number, family.version)
        drawn = family().render(stream, shape)
        pixels = drawn[0] if isinstance(drawn, tuple) else drawn
        assert fingerprint(pixels) == fingerprint(family().sample(3, image, shape))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_seeds_and_images_differ(family: type[Family]) -> None:
    shape = Shape(9, 11)
    prints = {fingerprint(family().sample(s, i, shape)) for s in range(3) for i in range(3)}

    assert len(prints) == 9


@pytest.mark.parametrize("spelling", PROMISED)
def test_the_pixels_are_those_promised(spelling: str) -> None:
    assert prints(spelling) == PROMISED[spelling], "changed pixels demand a new version"


OF_FILES = ("source", "labels", "margin", "min_scale", "max_scale", "split")
"""Parameters that say what is made of the user's images: promised in tests of those families."""


def test_the_pixels_of_every_family_and_parameter_are_promised() -> None:
    for family in FAMILIES:
        promised = [spelling for spelling in PROMISED if spelling.partition(":")[0] == family.name]
        assert family.name in promised
        for parameter in family.parameters():
            if parameter["name"] not in OF_FILES:
                assert any(f"{parameter['name']}=" in spelling for spelling in promised), parameter


def test_each_family_has_a_number_of_its_own() -> None:
    assert [n for n, count in Counter(f.number for f in FAMILIES).items() if count > 1] == []
    assert all(0 < family.number < 1 << 32 for family in FAMILIES)


def levels(family: Family, images: int, shape: Shape) -> npt.NDArray[Any]:
    return np.stack([family.sample(11, image, shape) for image in range(images)])


def chi_square(counts: npt.NDArray[Any], expected: npt.NDArray[Any] | float) -> float:
    """Return χ² as a standard normal deviate (Wilson and Hilferty, 1931)."""
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = counts.size - 1
    cube = (statistic / freedom) ** (1 / 3)
    return float((cube - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom)))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_uniform_levels_are_equally_likely_in_every_channel(channels: int, depth: int) -> None:
    drawn = levels(Uniform(), 50, Shape(128, 128, channels, depth))

    for channel in range(channels):
        for shift in range(0, depth, 8):  # the low and the high byte of 16 bits
            counts = np.bincount((drawn[..., channel] >> shift & 255).ravel(), minlength=256)
            assert counts.min() > 0
            assert abs(chi_square(counts, counts.sum() / 256)) < 4
    assert drawn.min() == 0 or depth == 16
    assert abs(drawn.std() / (73.9 if depth == 8 else 18918.6) - 1) < 0.005


def test_uniform_neighbours_are_independent() -> None:
    drawn = levels(Uniform(), 20, Shape(128, 128)).astype(float) - 127.5
    for axis in (1, 2, 3):
        here, there = np.moveaxis(drawn, axis, 0)[:-1], np.moveaxis(drawn, axis, 0)[1:]
        r = float((here * there).mean()) / 5461.25
        assert abs(r) < 4 / sqrt(here.size)


@pytest.mark.parametrize(("mean", "sigma"), [(127.5, 63.75), (127.5, 255.0), (128.0, 128.0)])
def test_gaussian_levels_follow_the_table_of_quantiles(mean: float, sigma: float) -> None:
    normal = NormalDist(mean, sigma)
    table = [round(normal.inv_cdf((k + 0.5) / 65536)) for k in range(65536)]
    exact = np.bincount(np.clip(table, 0, 255), minlength=256) / 65536
    drawn = levels(Gaussian(mean, sigma), 40, Shape(128, 128))
    wide = levels(Gaussian(mean, sigma), 40, Shape(128, 128, 1, 16)).ravel()

    for channel in range(3):
        counts = np.bincount(drawn[..., channel].ravel(), minlength=256)
        assert abs(chi_square(counts, exact * counts.sum())) < 4
    for end, levels_at_end in ((0, drawn == 0), (255, drawn == 255)):
        assert abs(levels_at_end.mean() - exact[end]) < 5 * sqrt(exact[end] / drawn.size)
    assert abs(wide.mean() / 257 - drawn.mean()) < 0.3
    assert abs(wide.std() / 257 - drawn.std()) < 0.3


def test_gaussian_ends_hold_the_mass_beyond_them() -> None:
    drawn = levels(Gaussian(), 40, Shape(128, 128))

    assert (drawn == 0).mean() == pytest.approx(0.0232, abs=0.0005)
    assert (drawn == 255).mean() == pytest.approx(0.0232, abs=0.0005)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("p", [0.5, 0.1, 0.0, 1.0])
def test_rademacher_takes_the_highest_level_with_probability_p(p: float, depth: int) -> None:
    drawn = levels(Rademacher(p), 20, Shape(128, 128, 3, depth))
    top = (1 << depth) - 1

    assert set(np.unique(drawn)) <= {0, top}
    assert abs((drawn == top).mean() - p) <= 4 * sqrt(p * (1 - p) / drawn.size)


def test_rademacher_blocks_of_four_pixels_are_equally_likely() -> None:
    bits = (levels(Rademacher(), 20, Shape(128, 128, 1)) == 255)[..., 0].astype(int)
    patterns = bits[:, ::2, ::2] + 2 * bits[:, 1::2, ::2] + 4 * bits[:, ::2, 1::2]
    patterns += 8 * bits[:, 1::2, 1::2]
    counts = np.bincount(patterns.ravel(), minlength=16)

    assert abs(chi_square(counts, counts.sum() / 16)) < 4


def test_rademacher_reads_bits_from_the_most_significant() -> None:
    stream = Stream(5)
    stream.seek(0, Rademacher.number, Rademacher.version)
    byte = int(stream.integers(1)[0])
    drawn = Rademacher().sample(5, 0, Shape(1, 8, 1)).ravel()

    assert "".join("1" if level else "0" for level in drawn) == f"{byte:08b}"


@pytest.mark.parametrize("depth", [8, 16])
def test_solid_has_one_level_a_channel(depth: int) -> None:
    for tone, distinct in (("random", 3), ("gray", 1)):
        pixels = Solid(tone).sample(1, 2, Shape(6, 5, 3, depth))
        assert (pixels == pixels[0, 0]).all()
        assert len(set(pixels[0, 0].tolist())) == distinct
    assert not Solid("black").sample(1, 2, Shape(6, 5, 3, depth)).any()
    assert (Solid("white").sample(1, 2, Shape(6, 5, 3, depth)) == (1 << depth) - 1).all()


def test_solid_colours_are_equally_likely() -> None:
    drawn = np.array([Solid().sample(1, image, Shape(1, 1))[0, 0] for image in range(20_000)])

    for channel in range(3):
        counts = np.bincount(drawn[:, channel] >> 3, minlength=32)
        assert abs(chi_square(counts, counts.sum() / 32)) < 4
    assert all((a != b).any() for a, b in pairwise(drawn[:50]))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.0, 1.0])
def test_salt_and_pepper_hit_single_pixels_as_often_as_each_other(p: float, depth: int) -> None:
    shape, top = Shape(128, 128, 3, depth), (1 << depth) - 1
    drawn = levels(SaltPepper(p), 20, shape)
    assert (drawn == drawn[..., :1]).all()
    assert set(np.unique(drawn)) <= {0, top // 2 + 1, top}
    for level, share in ((0, p / 2), (top, p / 2), (top // 2 + 1, 1 - p)):
        spread = sqrt(share * (1 - share) / (drawn.size / 3))
        assert abs((drawn == level).mean() - share) <= 4 * spread + 2**-15


def test_salt_and_pepper_cover_the_pixels_they_hit() -> None:
    stream = Stream(1)
    stream.seek(2, SaltPepper.number, SaltPepper.version)
    pixels, coverage = SaltPepper(p=0.3).render(stream, Shape(20, 30))
    assert (coverage == np.where(pixels[..., 0] == 128, 0, 255)).all()
