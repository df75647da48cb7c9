"""Gabor noise: the sum its definition names, and the statistics of it."""

from math import sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape, fingerprint, gabor
from pixelgen.families.gabor import Gabor
from pixelgen.rng import Stream

Array: TypeAlias = npt.NDArray[Any]


CO = Gabor(0.125, 8.0, 141.0, 1.375, direction="one", tone="gray", stretch=True)


def planes(family: Gabor, images: int, shape: Shape) -> Array:
    """Return the channels of images about their mean, in 1/255 of the range of levels."""
    drawn = np.stack([family.sample(6, image, shape) for image in range(images)])
    return np.moveaxis(drawn, -1, 1) * (255 / shape.top) - 127.5


def brute_force(family: Gabor, shape: Shape) -> Array:
    """Add up the kernels of image 0 in floats, one at a time."""
    stream = Stream(6)
    stream.seek(0, family.number, family.version)
    reach = int(family.cut * family.sigma)
    density = family.overlap / (np.pi * 2.45**2 * family.sigma**2)
    sides = shape.height + 2 * reach, shape.width + 2 * reach
    y, x = np.mgrid[: shape.height, : shape.width]
    sums = np.zeros((shape.channels, shape.height, shape.width))
    for plane in sums:
        drawn = stream.integers((4, round(density * sides[0] * sides[1])), 32) / 2**32
        for u, v, turn, weight in drawn.T:
            across = x - int(u * sides[1]) + reach
            down = y - int(v * sides[0]) + reach
            angle = np.pi * int(turn * 256) / 256
            along = across * np.cos(angle) + down * np.sin(angle)
            window = np.exp(-(across**2 + down**2) / (2 * family.sigma**2))
            window[(abs(across) > reach) | (abs(down) > reach)] = 0
            wave = np.cos(2 * np.pi * family.frequency * along)
            plane[:] = plane + (2 * weight - 1) * window * wave
    return sums * (42.5 / sqrt(density * energy(family) / 3))


def energy(family: Gabor) -> float:
    """Return the sum of a kernel's squares, the mean over directions."""
    reach = int(family.cut * family.sigma)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    window = np.exp(-(x**2 + y**2) / (2 * family.sigma**2))
    angles = np.pi * np.arange(256)[:, None, None] / 256
    waves = np.cos(2 * np.pi * family.frequency * (x * np.cos(angles) + y * np.sin(angles)))
    return float(((window * waves) ** 2).sum() / 256)


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        (Gabor(), Shape(150, 40, 3, 16)),
        (Gabor(frequency=0.25, sigma=3.0, overlap=2.0, cut=3.0), Shape(33, 140, 1, 16)),
        (Gabor(frequency=0.02, sigma=64.0), Shape(70, 90, 1, 16)),
        (Gabor(sigma=3.0, overlap=200.0), Shape(65, 64)),
    ],
    ids=str,
)
def test_an_image_is_the_sum_of_its_kernels(family: Gabor, shape: Shape) -> None:
    wanted = np.clip(brute_force(family, shape), -127.5, 127.5)
    off = np.abs(planes(family, 1, shape)[0] - wanted)

    # Tables are rounded to 1/4096, and levels of 8 bits.
    assert off.max() < (0.3 if shape.depth == 16 else 0.7)


def test_channels_are_independent() -> None:
    drawn = planes(Gabor(), 100, Shape(96, 96))[..., 8::40, 8::40]
    channels = drawn.swapaxes(0, 1).reshape(3, -1)
    correlations = np.corrcoef(channels)[np.triu_indices(3, 1)]

    assert np.abs(correlations).max() < 5 / sqrt(channels.shape[1])


def test_gray_noise_has_the_same_levels_in_all_channels() -> None:
    colored = Gabor(tone="gray").sample(6, 1, Shape(40, 50))

    assert (colored == Gabor(tone="gray").sample(6, 1, Shape(40, 50, 1))).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_stretched_noise_has_all_levels(depth: int) -> None:
    for family in (Gabor(stretch=True), CO):
        shape = Shape(60, 70, 3, depth)
        drawn = family.sample(6, 1, shape)
        assert (drawn.min(axis=(0, 1)) == 0).all()
        assert (drawn.max(axis=(0, 1)) == shape.top).all()


def test_all_channels_of_one_direction_have_the_same() -> None:
    for image in range(5):
        drawn = Gabor(direction="one").sample(6, image, Shape(128, 128)).astype(float)
        angles = []
        for channel in np.moveaxis(drawn, 2, 0):
            down, across = np.gradient(channel)
            tilt = 2 * (down * across).mean(), (across**2 - down**2).mean()
            angles.append(np.arctan2(*tilt))
        assert np.abs(np.exp(1j * np.array(angles)).mean()) > 0.99


@pytest.mark.parametrize(("frequency", "sigma"), [(0.06, 12.0), (0.2, 8.0), (0.1, 24.0)])
def test_power_lies_on_a_ring_at_the_frequency(frequency: float, sigma: float) -> None:
    drawn = planes(Gabor(frequency, sigma), 12, Shape(256, 256, 1, 16))[:, 0]
    taper = np.outer(np.hanning(256), np.hanning(256))
    powers = (np.abs(np.fft.fft2(drawn * taper)) ** 2).mean(axis=0)
    lengths = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    # The power of a window falls off as a Gaussian, the taper's as one of 1/256 or so.
    width = sqrt((1 / (2 * np.pi * sigma * sqrt(2))) ** 2 + (1 / 256) ** 2)
    inside = np.abs(lengths - frequency) < 3 * width

    # Windows are cut, which spreads a little.
    assert powers[inside].sum() / powers.sum() > 0.95
    assert (powers * lengths).sum() / powers.sum() == pytest.approx(frequency, rel=0.05)


def test_all_directions_are_alike() -> None:
    drawn = planes(Gabor(), 80, Shape(128, 128, 1, 16))[:, 0]
    powers = np.abs(np.fft.fft2(drawn * np.outer(np.hanning(128), np.hanning(128)))) ** 2
    y, x = np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128), indexing="ij")
    sectors = (np.degrees(np.arctan2(y, x)) % 180 // 45).astype(int)
    shares = np.stack([powers[:, sectors == sector].sum(axis=1) for sector in range(4)])
    shares /= shares.sum(axis=0)
    errors = shares.std(axis=1) / sqrt(80)

    assert (np.abs(shares.mean(axis=1) - 0.25) < 5 * errors).all()


def test_borders_have_the_variance_of_the_centre() -> None:
    squares = planes(Gabor(), 500, Shape(96, 96, 1, 16))[:, 0] ** 2
    border = np.ones((96, 96), bool)
    border[8:-8, 8:-8] = False
    centre = np.zeros((96, 96), bool)
    centre[32:64, 32:64] = True
    corners = squares[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)

    middle = squares[:, centre].mean(axis=1)
    for edge in (squares[:, border].mean(axis=1), corners):
        difference = edge - middle
        assert abs(difference.mean()) < 4 * difference.std() / sqrt(len(difference))


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    "family", [Gabor(), Gabor(overlap=5.0), Gabor(0.2, 4.0, cut=3.0), Gabor(0.06, 40.0)], ids=str
)
def test_levels_have_the_moments_told(family: Gabor, depth: int) -> None:
    drawn = planes(family, 40, Shape(96, 128, 3, depth))
    means = drawn.mean(axis=(2, 3)).ravel()
    squares = (drawn**2).mean(axis=(2, 3)).ravel()

    assert abs(means.mean()) < 5 * means.std() / sqrt(means.size) + 0.01
    # Clipping takes a little off.
    off = squares.mean() / 42.5**2 - 1
    assert abs(off) < 0.015 + 5 * squares.std() / 42.5**2 / sqrt(squares.size)


@pytest.mark.parametrize("family", [Gabor(), CO, Gabor(overlap=1.0)], ids=str)
@pytest.mark.parametrize("side", [16, 32, 64, 128, 224, 512])
def test_no_image_is_flat_and_no_two_are_equal(family: Gabor, side: int) -> None:
    images = [family.sample(8, image, Shape(side, side)) for image in range(6)]

    assert len({fingerprint(pixels) for pixels in images}) == 6
    assert all(np.ptp(pixels, axis=(0, 1)).min() > 0 for pixels in images)


def test_kernels_are_as_dense_in_a_large_frame() -> None:
    for side in (64, 1000):
        drawn = Gabor().sample(6, 0, Shape(side, side, 1))[..., 0]
        tiles = drawn[: side // 32 * 32, : side // 32 * 32].reshape(side // 32, 32, side // 32, 32)
        assert tiles.std(axis=(1, 3)).min() > 10


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (5, 7), (65, 64), (129, 3)])
def test_any_size_is_drawn_whatever_the_tiles(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for shape in (Shape(*size), Shape(*size, 1, 16)):
        prints = set()
        for tile, most in ((32, 4096), (7, 5), (100, 1000)):
            monkeypatch.setattr(gabor, "_TILE", tile)
            monkeypatch.setattr(gabor, "_MOST_AT_ONCE", most)
            gabor._waves.cache_clear()
            pixels = Gabor().sample(1, 2, shape)
            assert pixels.flags.c_contiguous
            prints.add(fingerprint(pixels))
        assert len(prints) == 1
    gabor._waves.cache_clear()
