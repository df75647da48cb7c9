"""Perlin, fbm and plasma: smooth fields against their definitions."""

import inspect
from math import cos, pi, sin, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape, gradient_noise
from pixelgen.families.gradient_noise import Fbm, Perlin
from pixelgen.families.plasma import Plasma, first_corner
from pixelgen.numeric import exact
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.rng import DATA, PARAMETERS, Stream

Floats = npt.NDArray[np.float64]
FRAMES = [Shape(20, 20), Shape(31, 70, 1), Shape(130, 9), Shape(5, 7, 1, 16), Shape(64, 48, 3, 16)]


def at(number: int, seed: int, image: int, purpose: int = DATA) -> Stream:
    stream = Stream(seed)
    stream.seek(image, number, 1, purpose)
    return stream


def perlin_field(stream: Stream, shape: Shape, res: int, res_across: int | None = None) -> Floats:
    """Return Perlin's field within −1 … 1, from the corners of each pixel's cell, in floats."""
    rows, columns = min(res, shape.height), min(res_across or res, shape.width)
    angles = stream.integers((rows + 1, columns + 1, shape.channels), 16) * (2 * pi / 65536)
    y = (np.arange(shape.height) + 0.5) * rows / shape.height
    x = (np.arange(shape.width) + 0.5) * columns / shape.width
    i, j = np.floor(y + 1e-9).astype(int), np.floor(x + 1e-9).astype(int)
    field = np.zeros(shape.levels)
    for down in (0, 1):
        for right in (0, 1):
            dy, dx = (y - i - down)[:, None, None], (x - j - right)[:, None]
            corner = angles[i + down][:, j + right]
            field += (
                fade(1 - abs(dy)) * fade(1 - abs(dx)) * (np.cos(corner) * dx + np.sin(corner) * dy)
            )
    return sqrt(2) * field


def fade(u: Floats) -> Floats:
    return u**3 * (6 * u**2 - 15 * u + 10)


def assert_near(pixels: npt.NDArray[Any], v: Floats, shape: Shape, steps: int = 1) -> None:
    """Compare with a field to within steps of 8 bits, or eight times finer of 16 bits."""
    wanted = np.clip(shape.top / 2 * (1 + v), 0, shape.top)
    assert abs(pixels - wanted).max() <= (steps if shape.depth == 8 else 32 * steps)


def levels(family: Perlin | Fbm, images: int, shape: Shape) -> npt.NDArray[Any]:
    return np.stack([family.sample(11, image, shape) for image in range(images)])


@pytest.mark.parametrize("shape", FRAMES, ids=str)
@pytest.mark.parametrize("res", [1, 8, 29])
def test_perlin_is_the_weighted_mean_of_the_planes_at_four_corners(shape: Shape, res: int) -> None:
    pixels = Perlin(res).sample(5, 6, shape)

    assert_near(pixels, perlin_field(at(11, 5, 6), shape, res), shape)


@pytest.mark.parametrize("depth", [8, 16])
def test_perlin_is_exactly_the_middle_at_lattice_points(depth: int) -> None:
    pixels = Perlin().sample(1, 2, Shape(20, 20, 3, depth))

    assert (pixels[2::5, 2::5] == 128 << depth - 8).all()
    assert not (pixels[::5, ::5] == 128 << depth - 8).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_perlin_levels_spread_as_theory_has_it(depth: int) -> None:
    drawn = levels(Perlin(), 60, Shape(96, 96, 3, depth)) / (1 if depth == 8 else 257)

    assert drawn.mean() == pytest.approx(127.5, abs=0.6)
    assert drawn.std() == pytest.approx(39.0, abs=0.6)


def test_perlin_has_at_most_one_cell_a_pixel() -> None:
    shape = Shape(9, 9)

    assert (Perlin(256).sample(1, 2, shape) == Perlin(9).sample(1, 2, shape)).all()
    assert Perlin(256).sample(1, 2, shape).std() > 20


@pytest.mark.parametrize("shape", FRAMES, ids=str)
def test_a_threshold_covers_where_a_field_of_its_own_exceeds_it(shape: Shape) -> None:
    family = Perlin(6, threshold=0.3)
    drawn = family.render(at(11, 5, 6), shape)
    assert isinstance(drawn, tuple)
    pixels, coverage = drawn
    v = perlin_field(at(11, 5, 6, DATA + 1), shape._replace(channels=1), 6)[..., 0]

    assert family.has_coverage
    assert (pixels == Perlin(6).sample(5, 6, shape)).all()
    assert coverage.shape == (shape.height, shape.width)
    assert coverage.dtype == np.uint8
    assert set(np.unique(coverage)) <= {0, 255}
    certain = abs(v - 0.3) > 1e-3
    assert (coverage[certain] == np.where(v > 0.3, 255, 0)[certain]).all()


@pytest.mark.parametrize("shape", [*FRAMES, Shape(1, 1), Shape(1, 90)], ids=str)
def test_a_drawn_mask_has_a_lattice_and_an_angle_of_its_own(shape: Shape) -> None:
    family = Perlin(6, threshold=0.3, mask="drawn")
    for image in range(4):
        drawn = family.render(at(11, 5, image), shape)
        assert isinstance(drawn, tuple)
        pixels, coverage = drawn
        assert (pixels == Perlin(6).sample(5, image, shape)).all()
        down, across, turn = (int(w) for w in at(11, 5, image, PARAMETERS).integers(3, 16))
        cells = (1 << (down * 6 >> 16), 1 << (across * 6 >> 16))
        gray = shape._replace(channels=1)
        v = perlin_field(at(11, 5, image, DATA + 1), gray, *cells)[..., 0]
        angle = ((turn >> 1) - 16384) * 2 * pi / 65536
        y, x = np.indices(v.shape) + 0.5 - np.array(v.shape).reshape(2, 1, 1) / 2
        row = cos(angle) * y - sin(angle) * x + shape.height / 2
        column = cos(angle) * x + sin(angle) * y + shape.width / 2
        clear = (abs(row - np.rint(row)) > 0.02) & (abs(column - np.rint(column)) > 0.02)
        i, j = np.floor(row).astype(int), np.floor(column).astype(int)
        inside = (i >= 0) & (i < shape.height) & (j >= 0) & (j < shape.width)
        wanted = np.where(inside, v.take(i.clip(0, shape.height - 1) * shape.width
                                         + j.clip(0, shape.width - 1)), -1)  # fmt: skip
        clear &= abs(wanted - 0.3) > 1e-3
        assert (coverage[clear] == np.where(wanted > 0.3, 255, 0)[clear]).all()
    assert -pi / 2 <= angle < pi / 2


def test_drawn_masks_have_every_lattice_and_angle() -> None:
    masks = []
    for image in range(40):
        drawn = Perlin(threshold=0.5, mask="drawn").render(at(11, 7, image), Shape(128, 128))
        assert isinstance(drawn, tuple)
        masks.append(drawn[1] > 0)
    shares = np.mean(masks, axis=(1, 2))
    assert 0.02 < shares.mean() < 0.09
    assert shares.std() > 0.015


def test_higher_thresholds_cover_less() -> None:
    covered = []
    for threshold in (0.01, 0.3, 0.5, 0.9):
        drawn = [Perlin(threshold=threshold).render(at(11, 3, i), Shape(96, 96)) for i in range(20)]
        covered.append(np.mean([coverage for _, coverage in drawn]) / 255)

    assert covered[0] == pytest.approx(0.486, abs=0.03)
    assert covered[1] == pytest.approx(0.18, abs=0.03)
    assert covered[2] == pytest.approx(0.05, abs=0.02)
    assert covered[3] < 1e-3
    assert not Perlin().has_coverage


@pytest.mark.parametrize("shape", FRAMES, ids=str)
@pytest.mark.parametrize("sine", [0.5, 4.0])
def test_a_sine_runs_so_many_periods_over_the_range(shape: Shape, sine: float) -> None:
    pixels = Perlin(4, sine=sine).sample(5, 6, shape)
    v = perlin_field(at(11, 5, 6), shape, 4)

    assert_near(pixels, np.sin(pi * sine * v), shape, steps=2)


def test_a_sine_of_many_periods_reaches_both_ends() -> None:
    drawn = levels(Perlin(sine=6.0), 2, Shape(128, 128))

    assert drawn.min() == 0
    assert drawn.max() == 255


@pytest.mark.parametrize("shape", FRAMES, ids=str)
def test_fbm_adds_octaves_of_half_the_weight_each(shape: Shape) -> None:
    pixels = Fbm(3, octaves=4).sample(5, 6, shape)
    octaves = [perlin_field(at(18, 5, 6, DATA + o), shape, 3 << o) / (1 << o) for o in range(4)]

    assert_near(pixels, np.sum(octaves, axis=0), shape)


def test_fbm_levels_spread_as_theory_has_it() -> None:
    drawn = levels(Fbm(), 100, Shape(128, 128))

    assert drawn.mean() == pytest.approx(127.5, abs=1.0)
    assert drawn.std() == pytest.approx(44.8, abs=1.0)
    for end in (0, 255):
        assert (drawn == end).mean() == pytest.approx(0.0008, abs=0.0006)


def test_one_octave_of_fbm_is_like_perlin() -> None:
    one, other = (levels(f, 60, Shape(96, 96)) for f in (Fbm(8, octaves=1), Perlin()))

    assert one.std() == pytest.approx(other.std(), abs=0.8)


@pytest.mark.parametrize("spelling", [Fbm(), Fbm(2, octaves=10), Perlin(256), Perlin(3)], ids=str)
def test_every_way_to_the_sums_gives_the_same_pixels(
    spelling: Perlin | Fbm, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = Shape(150, 90, 3, 16)
    pixels = spelling.sample(1, 2, shape)
    monkeypatch.setattr(exact, "blas_is_exact", lambda *_: False)
    monkeypatch.setattr(gradient_noise, "_BAND", 37)
    empty = cached_tables(inspect.unwrap(gradient_noise._bands))
    monkeypatch.setattr(gradient_noise, "_bands", empty)

    assert (spelling.sample(1, 2, shape) == pixels).all()


def torus(stream: Stream, side: int, channels: int, h: float) -> npt.NDArray[Any]:
    """Return the heights of a whole torus, (row, channel, column)."""
    parts = list(first_corner(stream, Shape(side, side, channels), h))
    return np.concatenate(parts, axis=1)


def displaced(stream: Stream, side: int, channels: int, h: float) -> npt.NDArray[Any]:
    """Draw a torus point by point."""
    heights = np.zeros((1, channels, 1), int)
    for level in range(side.bit_length() - 1):
        n = 1 << level
        words = stream.integers((3, n, channels, n), 16).astype(int)
        words -= (words >> 15) << 16
        noise = words * round(65536 * 2 ** (-level * h)) // 256
        new = np.zeros((2 * n, channels, 2 * n), int)
        new[::2, :, ::2] = heights
        points = [(y, x) for y in range(1, 2 * n, 2) for x in range(1, 2 * n, 2)]
        for y, x in points:
            corners = [
                new[(y + a) % (2 * n), :, (x + b) % (2 * n)] for a in (-1, 1) for b in (-1, 1)
            ]
            new[y, :, x] = sum(corners) // 4 + noise[0, y // 2, :, x // 2]
        centers = new.copy()
        for which, (down, right) in ((1, (-1, 0)), (2, (0, -1))):
            for y, x in ((y + down, x + right) for y, x in points):
                ends = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
                mean = sum(centers[a % (2 * n), :, b % (2 * n)] for a, b in ends) // 4
                new[y, :, x] = mean + noise[which, y // 2, :, x // 2]
        heights = new
    return heights


@pytest.mark.parametrize("h", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_plasma_displaces_the_middles_of_a_torus(h: float, channels: int) -> None:
    wanted = displaced(at(15, 5, 6), 32, channels, h)

    assert (torus(at(15, 5, 6), 32, channels, h) == wanted).all()


@pytest.mark.parametrize("h", [0.5, 1.0])
def test_the_plasma_of_a_whole_torus_tiles_without_a_seam(h: float) -> None:
    tiles = np.stack([torus(at(15, 5, image), 64, 3, h) for image in range(200)]).astype(float)
    for axis in (1, 3):
        steps = abs(tiles - np.roll(tiles, 1, axis))
        # The seam lies on points drawn first: compare with the line opposite, drawn like them.
        seam, across = (steps.take(k, axis).mean(axis=(1, 2)) for k in (0, 32))
        z = (seam - across).mean() / ((seam - across).std() / sqrt(len(tiles)))
        assert abs(z) < 4.5
        assert seam.mean() / across.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("size", [(64, 64), (40, 100), (3, 2)])
def test_each_channel_of_plasma_spans_all_levels(size: tuple[int, int], depth: int) -> None:
    for image in range(5):
        pixels = Plasma().sample(1, image, Shape(*size, 3, depth))
        assert (pixels.min(axis=(0, 1)) == 0).all()
        assert (pixels.max(axis=(0, 1)) == (1 << depth) - 1).all()


def slope(pixels: npt.NDArray[Any]) -> float:
    """Fit the power spectrum under a Hann window, over whole radii of 4 … 64."""
    size = len(pixels)
    window, radii = np.hanning(size), np.fft.fftfreq(size) * size
    power = np.abs(np.fft.fft2((pixels - pixels.mean()) * np.outer(window, window))) ** 2
    radius = np.hypot(radii[:, None], radii).astype(int).ravel()
    mean = np.bincount(radius, power.ravel()) / np.bincount(radius)
    return float(np.polyfit(np.log(np.arange(4, 65)), np.log(mean[4:65]), 1)[0])


@pytest.mark.parametrize(("h", "wanted"), [(0.0, -1.91), (0.5, -2.79), (1.0, -3.72)])
def test_the_spectrum_of_plasma_falls_as_its_smoothness_has_it(h: float, wanted: float) -> None:
    shape = Shape(256, 256, 1)
    slopes = [slope(Plasma(h).sample(3, image, shape)[..., 0]) for image in range(24)]

    assert np.mean(slopes) == pytest.approx(wanted, abs=0.08)


def test_a_frame_shows_the_first_corner_of_the_plasma_of_the_least_torus() -> None:
    heights = torus(at(15, 5, 6), 64, 1, 1.0)[:40, 0, :50].astype(float)
    span = heights.max() - heights.min()
    pixels = Plasma().sample(5, 6, Shape(40, 50, 1))[..., 0]

    assert abs(pixels - (heights - heights.min()) * 255 / span).max() <= 0.5
