"""Facades against their definition, pixel by pixel in plain Python, and what is drawn for each."""

from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np
import pytest

from pixelgen.families import Shape
from pixelgen.families.facade import Facade
from pixelgen.rng import DATA, PARAMETERS, Stream

SEED = 5
ONE = 65536


class Drawn(NamedTuple):
    """The parameters of an image, in pixels."""

    slant: Fraction
    eye: Fraction
    period: Fraction
    storey: Fraction
    wide: Fraction
    high: Fraction
    left: Fraction
    above: Fraction


def sixteenths(value: Fraction | int) -> Fraction:
    return Fraction(floor(value * 16), 16)


def stream(image: int, purpose: int) -> Stream:
    found = Stream(SEED)
    found.seek(image, Facade.number, Facade.version, purpose)
    return found


def parameters(image: int, shape: Shape) -> tuple[Drawn, list[list[int]]]:
    words = stream(image, PARAMETERS)
    colors = words.integers((3, shape.channels), shape.depth).tolist()
    u = [Fraction(word, ONE) for word in words.integers(8, 16).tolist()]
    number = 3 + floor(22 * u[2])
    period = max(Fraction(4), sixteenths(Fraction(min(shape.height, shape.width), number)))
    storey = max(Fraction(4), sixteenths(period * (3 + 3 * u[3]) / 4))
    return Drawn(
        2 * u[0] - 1 + Fraction(1, ONE),
        sixteenths(shape.height * u[1]),
        period,
        storey,
        sixteenths(period * (3 + 4 * u[4]) / 10),
        sixteenths(storey * (3 + 4 * u[5]) / 10),
        sixteenths(period * u[6]),
        sixteenths(storey * u[7]),
    ), colors


def column(drawn: Drawn, x: int, is_odd: bool) -> int | None:
    """Return the column of the window at a column of pixels, or None between windows."""
    u = x + Fraction(1, 2) + drawn.left + (sixteenths(drawn.period / 2) if is_odd else 0)
    return floor(u / drawn.period) if u % drawn.period < drawn.wide else None


def row(drawn: Drawn, width: int, x: int, y: int) -> tuple[int, bool]:
    """Return the row of windows at a pixel, and whether the pixel is as high as they are."""
    right, down = x + Fraction(1, 2), y + Fraction(1, 2)
    factor = 1 + Fraction(floor(drawn.slant * (right - Fraction(width, 2)) / width * ONE), ONE)
    v = sixteenths((down - drawn.eye) * factor) + drawn.above
    return floor(v / drawn.storey), v % drawn.storey < drawn.high


@pytest.mark.parametrize("shape", [Shape(40, 61), Shape(61, 23, 1, 16), Shape(64, 64)], ids=str)
@pytest.mark.parametrize("image", [0, 1, 6])
def test_windows_follow_their_definition_to_the_pixel(image: int, shape: Shape) -> None:
    drawn, (wall, *lights) = parameters(image, shape)
    height, width = shape.levels[:2]
    found = {(y, x): row(drawn, width, x, y) for y in range(height) for x in range(width)}
    first, last = (most(number for number, _ in found.values()) for most in (min, max))
    across = [[column(drawn, x, is_odd) for x in range(width)] for is_odd in (False, True)]
    columns = 1 + max(each or 0 for line in across for each in line)
    lit, shade = stream(image, DATA).integers((2, (last - first + 1) * columns), 16).tolist()
    pixels = Facade().sample(SEED, image, shape)
    for (y, x), (number, is_open) in found.items():
        at = across[number % 2][x]
        level = wall
        if is_open and at is not None:
            cell = (number - first) * columns + at
            color = lights[lit[cell] < ONE // 10 + 1]
            level = [channel * (ONE + shade[cell]) >> 17 for channel in color]
        assert pixels[y, x].tolist() == level


def test_facades_differ_in_slant_and_period() -> None:
    drawn = [parameters(image, Shape(256, 256))[0] for image in range(300)]

    assert {each.period for each in drawn} == {
        sixteenths(Fraction(256, number)) for number in range(3, 25)
    }
    assert abs(sum(each.slant for each in drawn)) < 4 * (300 / 3) ** 0.5
    assert min(each.slant for each in drawn) < -0.9
    assert max(each.slant for each in drawn) > 0.9
    for part, whole in (("wide", "period"), ("high", "storey")):
        shares = [float(getattr(each, part) / getattr(each, whole)) for each in drawn]
        assert 0.27 < min(shares) < 0.32
        assert 0.68 < max(shares) <= 0.7


def test_a_facade_is_a_wall_with_windows_in_it() -> None:
    shape = Shape(128, 128)
    shares = []
    for image in range(60):
        _, (wall, _, _) = parameters(image, shape)
        shares.append(float((Facade().sample(SEED, image, shape) != wall).any(-1).mean()))

    assert 0.08 < min(shares) < max(shares) < 0.5
    # The means of A/P and of B/Q are a half each.
    assert abs(np.mean(shares) - 0.25) < 4 * np.std(shares) / 60**0.5
