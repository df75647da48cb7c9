"""Voronoi: cells and distances against those of all points."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape, voronoi
from pixelgen.families.voronoi import Voronoi
from pixelgen.numeric import lookup
from pixelgen.rng import Stream

Ints = npt.NDArray[Any]


def at(image: int) -> Stream:
    stream = Stream(5)
    stream.seek(image, Voronoi.number)
    return stream


def squared_distances(grid: Any, points: Ints, size: tuple[int, int]) -> Ints:
    """Measure from every pixel to every point, (height, width, points)."""
    y, x = (16 * np.arange(pixels, dtype=np.int64) + 8 for pixels in size)
    down = points[0].ravel() - y[:, None, None]
    right = points[1].ravel() - x[:, None]
    squares: Ints = down * down + right * right
    return squares


GRIDS = [
    (64, 64, 16), (31, 17, 16), (1, 50, 16), (50, 1, 7), (5, 7, 256), (100, 130, 1), (33, 90, 24),
    (120, 120, 9), (40, 40, 40), (1, 1, 5), (23, 37, 5), (9, 128, 16), (150, 97, 2),
]  # fmt: skip


@pytest.mark.parametrize(("height", "width", "cells"), GRIDS)
def test_voronoi_finds_the_nearest_of_all_points(height: int, width: int, cells: int) -> None:
    grid = voronoi._grid(height, width, cells)
    for image in range(4):
        points = voronoi._points(at(image), grid)
        squares = squared_distances(grid, points, (height, width))
        assert (voronoi._nearest(grid, points) == squares.argmin(axis=-1)).all()
        two = np.sqrt(np.sort(squares)[..., :2])
        for rows, first, second in voronoi._distances(grid, points):
            assert (first == two[rows, :, 0]).all()
            assert (second == two[rows, :, 1]).all()


def test_of_points_equally_near_the_first_in_raster_order_wins() -> None:
    grid = voronoi._grid(8, 8, 4)
    points = np.zeros((2, grid.rows, grid.columns), np.int64)
    points[0] = (np.arange(grid.rows) * 32 - 56)[:, None]
    points[1] = np.arange(grid.columns) * 32 - 56
    squares = squared_distances(grid, points, (8, 8))

    assert ((squares == squares.min(axis=-1, keepdims=True)).sum(axis=-1) > 1).any()
    assert (voronoi._nearest(grid, points) == squares.argmin(axis=-1)).all()


def test_points_lie_in_their_own_grid_cells_anywhere_as_likely() -> None:
    grid = voronoi._grid(100, 100, 7)
    places = []
    for image in range(200):
        y = (voronoi._points(at(image), grid)[0] + 0.5) / grid.side
        places.append(y - (np.arange(grid.rows) - 2)[:, None])
    place = np.concatenate(places)

    assert place.min() > -1 / grid.side
    assert place.max() < 1 + 1 / grid.side
    counts = np.histogram(place, bins=10, range=(0, 1))[0]
    assert abs(counts - place.size / 10).max() < 5 * np.sqrt(0.09 * place.size)


@pytest.mark.parametrize("output", ["color", "f1", "f2-f1"])
def test_voronoi_hangs_on_no_band_of_rows(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(61, 83)
    pixels = Voronoi(9, output).sample(1, 2, shape)
    monkeypatch.setattr(lookup, "PIECE", 500)

    assert (Voronoi(9, output).sample(1, 2, shape) == pixels).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_cells_have_colours_as_likely_as_any(depth: int) -> None:
    family, shape = Voronoi(8), Shape(64, 64, 3, depth)
    colors = np.concatenate(
        [np.unique(family.sample(1, i, shape).reshape(-1, 3), axis=0) for i in range(60)]
    )
    counts = np.histogram(colors, bins=8, range=(0, 1 << depth))[0]

    assert len(colors) > 60 * 64
    assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


@pytest.mark.parametrize("depth", [8, 16])
def test_distances_are_shown_in_sides_of_a_grid_cell(depth: int) -> None:
    shape = Shape(90, 60, 3, depth)
    stream = at(6)
    grid = voronoi._grid(90, 60, 7)
    f1, f2 = (Voronoi(7, output).sample(5, 6, shape) for output in ("f1", "f2-f1"))
    for channel in range(3):
        squares = squared_distances(grid, voronoi._points(stream, grid), (90, 60))
        first, second = np.moveaxis(np.sqrt(np.sort(squares)[..., :2]), -1, 0)
        for pixels, shown in ((f1, first), (f2, second - first)):
            wanted = np.minimum(shown / grid.side * shape.top, shape.top)
            assert abs(pixels[..., channel] - wanted).max() <= 0.5001


def test_few_pixels_of_a_worley_texture_are_clipped() -> None:
    for output in ("f1", "f2-f1"):
        clipped = [Voronoi(output=output).sample(1, i, Shape(96, 96)) == 255 for i in range(5)]
        assert np.mean(clipped) < 0.02
