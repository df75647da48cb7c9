"""Fractal and voronoi: shapes against their definitions."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape, fractal, voronoi
from pixelgen.families.fractal import (
    UNIT,
    Fractal,
    System,
    chaos_game,
    draw_system,
    fit,
    fixed_point,
)
from pixelgen.families.voronoi import Voronoi
from pixelgen.rng import DATA, PARAMETERS, Stream

Ints = npt.NDArray[Any]


def at(number: int, seed: int, image: int, purpose: int = DATA) -> Stream:
    stream = Stream(seed)
    stream.seek(image, number, 1, purpose)
    return stream


def system_of(image: int, maps: int = 0, seed: int = 11) -> System:
    return draw_system(at(22, seed, image, PARAMETERS), maps)


def drawn(image: int, shape: Shape, family: Fractal | None = None) -> tuple[Ints, Ints]:
    return (family or Fractal()).render(at(22, 11, image), shape)


def test_every_map_of_a_fractal_is_a_contraction() -> None:
    for image in range(300):
        a, b, c, d = system_of(image).entries[:4] / UNIT
        matrices = np.moveaxis(np.array([[a, b], [c, d]]), 2, 0)
        longest, shortest = np.linalg.svd(matrices, compute_uv=False).T
        assert longest.max() < 0.951
        assert (shortest > 0.2 * longest).all()
        total = float((longest + 2 * shortest).sum())
        assert total < (6 + a.size) / 2 + 0.01
        assert total > (5 + a.size) / 2 - 0.01 or shortest.max() > 0.949


def test_the_numbers_of_maps_are_equally_likely_unless_told() -> None:
    counts = np.bincount([system_of(image).entries.shape[1] for image in range(1200)], minlength=8)

    assert counts[:2].tolist() == [0, 0]
    assert counts[2:].sum() == 1200
    assert abs(counts[2:] - 200).max() < 5 * 12.9
    assert all(system_of(image, 3).entries.shape == (6, 3) for image in range(20))


def test_larger_maps_are_chosen_more_often_and_none_never() -> None:
    for image in range(50):
        system = system_of(image)
        a, b, c, d = system.entries[:4] / UNIT
        areas = abs(a * d - b * c) + 1 / 64
        counts = np.bincount(system.chances, minlength=a.size)
        assert counts.sum() == 65536
        assert abs(counts - 65536 * areas / areas.sum()).max() < 60


def test_the_game_starts_at_a_point_of_the_attractor() -> None:
    for image in range(50):
        a, b, c, d, e, f = (int(entry) for entry in system_of(image).entries[:, 0])
        x, y = fixed_point(system_of(image).entries[:, 0])
        assert abs((a * x + b * y + e) / UNIT - x) <= 2
        assert abs((c * x + d * y + f) / UNIT - y) <= 2


def grown(mask: Ints) -> Ints:
    """Return the pixels on or next to those of a mask, in a frame 100 pixels wider all around."""
    steps = (-1, 0, 1)
    wide = np.pad(mask, 100)
    moved: Ints = np.stack([np.roll(wide, (y, x), (0, 1)) for y in steps for x in steps])
    near: Ints = np.logical_or.reduce(moved)
    return near


def test_the_attractor_is_what_its_maps_make_of_it() -> None:
    shape, strange = Shape(48, 48), []
    for image in range(20):
        system, other = system_of(image), system_of(image + 20)
        _, x, y = next(chaos_game(at(22, 11, image), system, 48 * 48 * 64))
        frame = fit(x, y, shape)
        _, coverage = drawn(image, shape, Fractal(points=64.0))
        near = grown(coverage > 0)
        rows, columns = np.nonzero(coverage)
        x = frame.left + columns * frame.side + frame.side // 2
        y = frame.top + rows * frame.side + frame.side // 2
        shares = []
        for a, b, c, d, e, f in (system.entries[:, :, None], other.entries[:, :, None]):
            column = ((a * x + b * y + e >> 16) - frame.left) // frame.side
            row = ((c * x + d * y + f >> 16) - frame.top) // frame.side
            shares.append(
                near[np.clip(row, -99, 146) + 100, np.clip(column, -99, 146) + 100].mean()
            )
        assert shares[0] > 0.98
        strange.append(shares[1])
    assert np.mean(strange) < 0.8


def test_points_just_fit_the_frame_at_one_scale() -> None:
    for size in ((64, 64), (40, 100), (100, 40)):
        for image in range(20):
            _, coverage = drawn(image, Shape(*size))
            rows, columns = np.nonzero(coverage)
            spare = [size[0] - 1 - np.ptp(rows), size[1] - 1 - np.ptp(columns)]
            assert min(spare) <= 1
            assert abs(rows.min() + rows.max() - size[0] + 1) <= 2
            assert abs(columns.min() + columns.max() - size[1] + 1) <= 2


def test_no_fractal_is_nearly_empty_or_full() -> None:
    shares = [(drawn(image, Shape(128, 128))[1] > 0).mean() for image in range(100)]

    assert min(shares) > 0.008
    assert max(shares) < 0.8
    assert 0.1 < np.mean(shares) < 0.25


@pytest.mark.parametrize(("channels", "depth"), [(1, 8), (3, 8), (1, 16), (3, 16)])
def test_covered_pixels_have_the_colours_of_their_maps(channels: int, depth: int) -> None:
    for image in range(10):
        pixels, coverage = drawn(image, Shape(50, 70, channels, depth), Fractal(maps=4))
        assert coverage.dtype == np.uint8
        assert set(np.unique(coverage)) == {0, 255}
        assert not pixels[coverage == 0].any()
        colors = np.unique(pixels[coverage > 0], axis=0)
        assert 2 <= len(colors) <= 4
        assert depth == 8 or colors.max() > 255


def test_the_last_point_in_a_pixel_gives_the_colour() -> None:
    system, shape = system_of(3), Shape(16, 16, 1)
    ((maps, x, y),) = chaos_game(at(22, 11, 3), system, 384)
    _, pixels = fit(x, y, shape).place(x, y)
    last = dict(zip(pixels.tolist(), maps.tolist(), strict=True))
    levels = drawn(3, shape)[0].ravel()
    colors = {(last[pixel], int(levels[pixel])) for pixel in last}

    assert len(colors) == len({number for number, _ in colors})


def test_the_orbit_hangs_on_no_block_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    system = system_of(5)
    ((maps, x, y),) = chaos_game(at(22, 11, 5), system, 100_000)
    monkeypatch.setattr(fractal, "_BLOCK", 7)
    blocks = list(chaos_game(at(22, 11, 5), system, 100_000))

    assert len(blocks) == 7
    for whole, cut in zip((maps, x, y), zip(*blocks, strict=True), strict=True):
        assert (np.concatenate(cut) == whole).all()


def test_more_points_only_add_to_the_covered_pixels() -> None:
    shape = Shape(300, 300)
    coverages = [drawn(2, shape, Fractal(points=points))[1] for points in (0.2, 1.5, 3.0)]

    assert (coverages[2] >= coverages[1]).all()
    assert [(coverage > 0).sum() for coverage in coverages] == sorted(
        (coverage > 0).sum() for coverage in coverages
    )


def squared_distances(grid: Any, points: Ints, size: tuple[int, int]) -> Ints:
    """Measure from every pixel to every point, (height, width, points)."""
    y, x = (16 * np.arange(pixels, dtype=np.int64) + 8 for pixels in size)
    down = points[0].ravel() - y[:, None, None]
    right = points[1].ravel() - x[:, None]
    squares: Ints = down * down + right * right
    return squares


GRIDS = [
    (64, 64, 16), (31, 17, 16), (1, 50, 16), (50, 1, 7), (5, 7, 256), (100, 130, 1), (33, 90, 24),
    (120, 120, 9), (40, 40, 40), (1, 1, 5), (23, 37, 5),
]  # fmt: skip


@pytest.mark.parametrize(("height", "width", "cells"), GRIDS)
def test_voronoi_finds_the_nearest_of_all_points(height: int, width: int, cells: int) -> None:
    grid = voronoi._grid(height, width, cells)
    for image in range(4):
        points = voronoi._points(at(14, 5, image), grid)
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
        y = (voronoi._points(at(14, 5, image), grid)[0] + 0.5) / grid.side
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
    monkeypatch.setattr(voronoi, "_BATCH", 500)

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
    stream = at(14, 5, 6)
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
