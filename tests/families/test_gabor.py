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


def planes(family: Gabor, images: int, shape: Shape) -> Array:
    """Return the channels of images about their mean, in 1/255 of the range of levels."""
    drawn = np.stack([family.sample(6, image, shape) for image in range(images)])
    return np.moveaxis(drawn, -1, 1) * (255 / shape.top) - 128


def brute_force(family: Gabor, shape: Shape) -> Array:
    """Add up the kernels of image 0 in floats, one at a time."""
    stream = Stream(6)
    stream.seek(0, family.number, family.version)
    drawn = stream.integers((shape.channels, 4, family.kernels), 16) / 65536
    y, x = np.mgrid[: shape.height, : shape.width] + 0.5
    margin = 4 * family.sigma
    sums = np.zeros((shape.channels, shape.height, shape.width))
    for channel, kernels in enumerate(drawn):
        for u, v, turn, phase in kernels.T:
            across = x - (np.floor(u * (shape.width + 2 * margin) * 16) / 16 - margin)
            down = y - (np.floor(v * (shape.height + 2 * margin) * 16) / 16 - margin)
            along = across * np.cos(2 * np.pi * turn) + down * np.sin(2 * np.pi * turn)
            window = np.exp(-(across**2 + down**2) / (2 * family.sigma**2))
            sums[channel] += window * np.cos(2 * np.pi * (family.frequency * along + phase))
    area = (shape.height + 2 * margin) * (shape.width + 2 * margin)
    return sums * (36 / sqrt(family.kernels * np.pi * family.sigma**2 / (2 * area)))


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        (Gabor(), Shape(150, 40, 3, 16)),
        (Gabor(frequency=0.25, sigma=3.0, kernels=60), Shape(33, 140, 1, 16)),
        (Gabor(frequency=0.02, sigma=64.0, kernels=40), Shape(70, 90, 1, 16)),
        (Gabor(), Shape(64, 64)),
    ],
    ids=str,
)
def test_an_image_is_the_sum_of_its_kernels(family: Gabor, shape: Shape) -> None:
    wanted = np.clip(brute_force(family, shape), -128, 127)
    off = np.abs(planes(family, 1, shape)[0] - wanted)

    # Kernels are cut where they are at 1/3000, and levels of 8 bits rounded.
    assert off.max() < (0.3 if shape.depth == 16 else 0.7)


def test_channels_are_independent() -> None:
    drawn = planes(Gabor(), 100, Shape(96, 96))[..., 8::40, 8::40]
    channels = drawn.swapaxes(0, 1).reshape(3, -1)
    correlations = np.corrcoef(channels)[np.triu_indices(3, 1)]

    assert np.abs(correlations).max() < 5 / sqrt(channels.shape[1])


@pytest.mark.parametrize(("frequency", "sigma"), [(0.06, 12.0), (0.2, 8.0), (0.1, 24.0)])
def test_power_lies_on_a_ring_at_the_frequency(frequency: float, sigma: float) -> None:
    drawn = planes(Gabor(frequency, sigma), 12, Shape(256, 256, 1, 16))[:, 0]
    taper = np.outer(np.hanning(256), np.hanning(256))
    powers = (np.abs(np.fft.fft2(drawn * taper)) ** 2).mean(axis=0)
    lengths = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    # The power of a window falls off as a Gaussian, the taper's as one of 1/256 or so.
    width = sqrt((1 / (2 * np.pi * sigma * sqrt(2))) ** 2 + (1 / 256) ** 2)
    inside = np.abs(lengths - frequency) < 3 * width

    assert powers[inside].sum() / powers.sum() > 0.97
    assert (powers * lengths).sum() / powers.sum() == pytest.approx(frequency, rel=0.05)


def test_all_directions_are_alike() -> None:
    drawn = planes(Gabor(kernels=1024), 80, Shape(128, 128, 1, 16))[:, 0]
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
    "family", [Gabor(), Gabor(kernels=2048), Gabor(0.2, 4.0, 2048), Gabor(0.06, 40.0)], ids=str
)
def test_levels_have_the_moments_told(family: Gabor, depth: int) -> None:
    images = 40 if family.kernels < 2048 else 16  # an image of many kernels takes a second
    drawn = planes(family, images, Shape(96, 128, 3, depth))
    means = drawn.mean(axis=(2, 3)).ravel()
    squares = (drawn**2).mean(axis=(2, 3)).ravel()

    assert abs(means.mean()) < 5 * means.std() / sqrt(means.size) + 0.01
    # Clipping takes a little off.
    assert abs(squares.mean() / 36**2 - 1) < 0.01 + 5 * squares.std() / 36**2 / sqrt(squares.size)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (5, 7), (65, 64), (129, 3)])
def test_any_size_is_drawn_whatever_the_blocks(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for shape in (Shape(*size), Shape(*size, 1, 16)):
        prints = set()
        for block in (64, 7, 1000):
            monkeypatch.setattr(gabor, "_BLOCK", block)
            pixels = Gabor().sample(1, 2, shape)
            assert pixels.flags.c_contiguous
            prints.add(fingerprint(pixels))
        assert len(prints) == 1


def test_a_frame_that_no_kernel_touches_is_gray() -> None:
    pixels = Gabor(sigma=1.0, kernels=1).sample(1, 2, Shape(200, 200))

    assert (pixels == 128).mean() > 0.98
    assert (pixels != 128).any()
