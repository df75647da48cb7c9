"""Stripes, gradients and checkerboards, by their definitions."""

from itertools import product

import numpy as np
import pytest

from pixelgen.families import Shape
from pixelgen.families.patterns import Checker, Gradient, Stripes
from pixelgen.image_types import Pixels
from pixelgen.rng import Stream

SIZES = [(60, 84), (7, 5), (1, 50), (50, 1), (1, 1)]
every_depth = pytest.mark.parametrize("depth", [8, 16])


def codes(pixels: Pixels) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Number the colours of an image."""
    flat = pixels.reshape(-1, pixels.shape[2])
    inverse = np.unique(flat, axis=0, return_inverse=True)[1]
    return np.asarray(inverse, np.int64).reshape(pixels.shape[:2])


@every_depth
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("n", [2, 3, 7, 20])
def test_stripes_are_as_wide_as_each_other_to_a_pixel(
    n: int, height: int, width: int, depth: int
) -> None:
    for direction in ("vertical", "horizontal"):
        pixels = Stripes(n, direction).sample(3, 1, Shape(height, width, 3, depth))
        along = codes(pixels if direction == "vertical" else pixels.swapaxes(0, 1))
        side = along.shape[1]
        assert (along == along[0]).all()
        places = np.arange(side) * n // side
        for stripe in set(places.tolist()):
            assert len(set(along[0][places == stripe].tolist())) == 1
        sizes = np.bincount(places, minlength=n)
        assert sizes.max() - sizes.min() <= 1


def test_stripes_run_either_way_about_as_often() -> None:
    vertical = sum(
        bool((pixels == pixels[0]).all())
        for pixels in (Stripes(5).sample(7, image, Shape(16, 16)) for image in range(400))
    )
    assert abs(vertical - 200) < 5 * 10


@every_depth
def test_primary_stripes_have_the_lowest_and_the_highest_level_alone(depth: int) -> None:
    drawn = np.stack(
        [Stripes(3, tone="primary").sample(1, i, Shape(4, 6, 3, depth))[0] for i in range(500)]
    )
    top = (1 << depth) - 1
    assert set(np.unique(drawn)) == {0, top}
    combinations = np.bincount((drawn[:, ::2].reshape(-1, 3) > 0) @ [4, 2, 1], minlength=8)
    assert abs(combinations - 1500 / 8).max() < 5 * np.sqrt(1500 / 8)


@every_depth
def test_a_line_of_a_gradient_goes_from_one_colour_to_the_other(depth: int) -> None:
    for image, channels in product(range(20), (1, 3)):
        pixels = Gradient("linear").sample(2, image, Shape(40, 33, channels, depth))
        for channel in range(channels):
            plane = pixels[..., channel].astype(int)
            for axis in (0, 1):  # never up and down along one axis
                steps = np.diff(plane, axis=axis)
                assert (steps >= 0).all() or (steps <= 0).all()
            corners = plane[[0, 0, -1, -1], [0, -1, 0, -1]]
            assert {plane.min(), plane.max()} <= set(corners.tolist())


@every_depth
def test_the_ends_of_a_gradient_are_the_colours_drawn_first(depth: int) -> None:
    for image, form in product(range(10), ("linear", "radial")):
        stream = Stream(2)
        stream.seek(image, Gradient.number, Gradient.version)
        ends = stream.integers((2, 3), depth)
        pixels = Gradient(form).sample(2, image, Shape(40, 33, 3, depth)).reshape(-1, 3)
        for end in ends:
            assert (pixels == end).all(axis=1).any()


def test_a_radial_gradient_grows_with_the_distance_from_where_it_starts() -> None:
    for image in range(20):
        stream = Stream(4)
        stream.seek(image, Gradient.number, Gradient.version)
        start = int(stream.integers((2, 1), 16)[0, 0])
        plane = Gradient("radial").sample(4, image, Shape(30, 50, 1, 16))[..., 0].astype(float)
        centre = np.argwhere(plane == start)[0]
        rows, columns = np.indices(plane.shape)
        order = np.hypot(rows - centre[0], columns - centre[1]).ravel().argsort(kind="stable")
        steps = np.diff(plane.ravel()[order])
        assert (steps >= 0).all() or (steps <= 0).all()


def test_gradients_take_every_direction_and_both_forms() -> None:
    drawn = [Gradient().sample(6, image, Shape(24, 24, 1)) for image in range(200)]
    linear = sum(
        bool((Gradient("linear").sample(6, image, Shape(24, 24, 1)) == pixels).all())
        for image, pixels in enumerate(drawn)
    )
    assert abs(linear - 100) < 5 * 7.1
    ends = [
        int(abs(int(p[0, -1, 0]) - int(p[0, 0, 0])) > abs(int(p[-1, 0, 0]) - int(p[0, 0, 0])))
        for p in drawn
    ]
    assert 50 < sum(ends) < 150


@every_depth
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("cell", [1, 4, 16, 64])
def test_a_checkerboard_alternates_every_cell(
    cell: int, height: int, width: int, depth: int
) -> None:
    pixels = Checker(cell).sample(3, 1, Shape(height, width, 3, depth))
    rows, columns = np.indices((height, width)) // cell
    odd = (rows + columns) % 2 == 1
    assert (pixels[~odd] == pixels[0, 0]).all()
    if odd.any():
        assert len(np.unique(pixels[odd], axis=0)) == 1
        assert (pixels[odd][0] != pixels[0, 0]).any()
