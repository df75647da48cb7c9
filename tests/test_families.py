"""Families: the contract of each, and the statistics of its own definition."""

from collections import Counter
from itertools import pairwise
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen import parts
from pixelgen.families import Family, Shape, fingerprint
from pixelgen.families.point import Gaussian, Rademacher, Solid, Uniform
from pixelgen.stream import Stream

FAMILIES: list[type[Family]] = [
    part for part in parts.known("family").values() if issubclass(part, Family)
]
SHAPES = [Shape(1, 1), Shape(5, 7, 1), Shape(31, 17), Shape(31, 17, 1, 16), Shape(64, 48, 3, 16)]

GOLDEN = {
    "gaussian": [
        "3dd26e7b59de3868",
        "e36a7d4448b4e953",
        "56e30f36178ae166",
        "feef75792dbe4ca0",
        "933b1a0c03c6567b",
    ],
    "gaussian:mean=100,sigma=20": [
        "dac3c2370b78914a",
        "3014d2e725560098",
        "8cdc0237483da9f4",
        "d61fc8a56f479647",
        "ff5567670626fa1c",
    ],
    "rademacher": [
        "29a6a173e5511d49",
        "ae90e9a2173cab42",
        "541b0f1e9277458b",
        "849fd1c3465d6431",
        "493c4e695a9248da",
    ],
    "rademacher:p=0.1": [
        "709e80c88487a241",
        "db716662df32ffbc",
        "d994c0c41931d5c3",
        "f13ceac26e51104f",
        "2e324e90d298469a",
    ],
    "solid": [
        "1bd787892513a00f",
        "f75d97a107994d9b",
        "0b5cf0b60be0ed8b",
        "7f127e249ef89d58",
        "33f8d547cc59e68d",
    ],
    "solid:tone=gray": [
        "c4289629b08bc4d6",
        "f75d97a107994d9b",
        "4eff23f2e7169df4",
        "7f127e249ef89d58",
        "0a39e65d460c08d5",
    ],
    "uniform": [
        "93e435971e24ea54",
        "74e07b88f4c5c370",
        "621a5fc05e734b52",
        "8b60a8915ed43c9a",
        "4a02d004e89caa8b",
    ],
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_family_draws_the_shape_and_depth_asked_for(family: type[Family], shape: Shape) -> None:
    pixels = family().sample(3, 4, shape)

    assert pixels.shape == shape.levels
    assert pixels.dtype == shape.dtype
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


@pytest.mark.parametrize("spelling", GOLDEN)
def test_the_pixels_are_those_promised(spelling: str) -> None:
    family = parts.parse(Family, spelling)
    prints = [fingerprint(family.sample(2**100, 9, shape))[:16] for shape in SHAPES]

    assert prints == GOLDEN[spelling], f"changed pixels demand a new version: {prints}"


def test_the_pixels_of_every_family_are_promised() -> None:
    assert {spelling.partition(":")[0] for spelling in GOLDEN} == {f.name for f in FAMILIES}


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
