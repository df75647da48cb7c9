"""Spectra: the statistics of what is made of waves."""

import math
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Family, Shape, fingerprint, spectral
from pixelgen.families.gabor import Gabor
from pixelgen.families.image_model import SpectrumColor, SpectrumColorWavelet, WaveletMarginal
from pixelgen.families.phase_scramble import PhaseScramble
from pixelgen.families.spectral import Spectrum
from pixelgen.numeric import exact, fourier
from tests.support.fourier_errors import fourier_errors

Array: TypeAlias = npt.NDArray[Any]

SIZES = [(1, 1), (1, 50), (50, 1), (5, 7), (31, 36), (32, 20), (100, 64), (128, 40), (67, 90)]
GRAY = Shape(256, 256, 1, 16)


def planes(family: Family, images: int, shape: Shape = GRAY, seed: int = 5) -> Array:
    """Return the channels of images about their mean, in 1/255 of the range of levels."""
    drawn = np.stack([family.sample(seed, image, shape) for image in range(images)])
    return np.moveaxis(drawn, -1, 1) * (255 / shape.top) - 127.5


def power(fields: Array) -> Array:
    """Return the power of each frequency, mean over all but the last two axes."""
    spectra = np.abs(np.fft.fft2(fields)) ** 2
    mean: Array = spectra.mean(axis=tuple(range(fields.ndim - 2)))
    return mean


def radii(height: int, width: int) -> Array:
    """Return the length of each frequency, in cycles per pixel."""
    down: Array = np.fft.fftfreq(height)[:, None]
    across: Array = np.fft.fftfreq(width)
    return np.asarray(np.hypot(down, across))


def slope(powers: Array, cycles: Array) -> float:
    """Fit the exponent of power over frequency in rings about whole numbers of cycles, 4 … 64."""
    rings = np.rint(cycles).astype(int)
    means = [
        (cycles[rings == ring].mean(), powers[rings == ring].mean())
        for ring in range(4, 65)
        if (rings == ring).any()
    ]
    x, y = np.log(np.array(means)).T
    return float(np.polyfit(x, y, 1)[0])


@pytest.mark.parametrize("a", [0.0, 1.0, 2.0, 3.0])
def test_power_falls_with_frequency_as_told(a: float) -> None:
    measured = slope(power(planes(Spectrum(a), 40)), radii(256, 256) * 256)

    assert measured == pytest.approx(-a, abs=0.03)


@pytest.mark.parametrize("a", [1.0, 2.0])
@pytest.mark.parametrize(("height", "width"), [(128, 320), (250, 90)])
def test_power_falls_alike_on_frames_not_square(a: float, height: int, width: int) -> None:
    shape = Shape(height, width, 1, 16)
    measured = slope(power(planes(Spectrum(a), 60, shape)), radii(height, width) * 150)

    assert measured == pytest.approx(-a, abs=0.04)


def test_power_falls_alike_on_a_line() -> None:
    cycles = radii(1, 256) * 256
    measured = slope(power(planes(Spectrum(2.0), 400, Shape(1, 256, 3, 16))), cycles)

    assert measured == pytest.approx(-2, abs=0.04)


@pytest.mark.slow
def test_power_is_alike_along_axes_and_diagonals() -> None:
    flat = power(planes(Spectrum(), 80)) * radii(256, 256) ** 2
    angle = np.degrees(np.arctan2(*np.meshgrid(*[np.fft.fftfreq(256)] * 2))) % 90
    in_ring = np.abs(radii(256, 256) * 256 - 40) < 24
    on_axis, diagonal = (angle < 10) | (angle > 80), np.abs(angle - 45) < 10

    # 2 % are at least five standard deviations of the mean of 80·600/2 exponential variables.
    assert flat[in_ring & on_axis].mean() / flat[in_ring & diagonal].mean() == pytest.approx(
        1, abs=0.035
    )


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("a", [0.0, 1.0])
def test_levels_have_the_moments_told(a: float, depth: int) -> None:
    drawn = planes(Spectrum(a), 30, Shape(128, 160, 3, depth))

    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(36.4, abs=0.1)
    assert (np.abs(drawn) >= 127.4).mean() == pytest.approx(5e-4, abs=1e-4)


@pytest.mark.parametrize("a", [2.0, 5.0, 7.0])
def test_steep_spectra_keep_their_scale(a: float) -> None:
    variance = (planes(Spectrum(a), 500, Shape(32, 32)) ** 2).mean(axis=(1, 2, 3))

    error = variance.std() / sqrt(len(variance))
    # Clipping the few highest takes a little off.
    assert abs(variance.mean() - 36.43**2) < 5 * error + 20


def test_every_pixel_has_the_same_variance() -> None:
    drawn = planes(Spectrum(2.0), 600, Shape(24, 16)).reshape(-1, 24, 16)
    variance = (drawn**2).mean(axis=0)

    assert np.abs(variance / variance.mean() - 1).max() < 5 * sqrt(2 / len(drawn))


def test_amplitudes_along_axes_follow_the_exponents() -> None:
    sx, sy = 0.8, 1.3
    powers = power(planes(Spectrum(sx=sx, sy=sy), 60))
    across, down = np.abs(np.fft.fftfreq(256)), np.abs(np.fft.fftfreq(256))[:, None]
    with np.errstate(divide="ignore"):
        flat = powers * (across**sx + down**sy) ** 2
    parts = [flat[0, 8:100], flat[8:100, 0], flat[8:100, 8:100], flat[-90:-8, 8:100]]
    means = [part.mean() for part in parts]

    assert means[0] / means[2] == pytest.approx(1, abs=5 / sqrt(60 * 92))
    assert means[1] / means[2] == pytest.approx(1, abs=5 / sqrt(60 * 92))
    assert means[3] / means[2] == pytest.approx(1, abs=0.02)


def test_one_exponent_serves_both_axes() -> None:
    shape = Shape(20, 30)
    both = Spectrum(sx=1.5, sy=1.5).sample(1, 2, shape)
    assert (Spectrum(sx=1.5).sample(1, 2, shape) == both).all()


def test_amplitudes_are_the_powers_rounded() -> None:
    for exponent in (0.0, 0.25, 0.5, 1.0, 1.75):
        values = np.concatenate([np.geomspace(1e-9, 1, 5000), [0.5, 0.25]])
        wanted = [math.pow(value, exponent) for value in values]
        assert np.abs(spectral._power(values, exponent) / wanted - 1).max() < 1e-7

    table = spectral.Amplitudes.of(6, 5, 7.0, 0.0, 0.0).table
    lengths = radii(6, 5)[:4, :3]
    lengths[0, 0] = np.inf
    assert np.abs(table - np.rint(2**20 * (lengths * 6) ** -3.5)).max() <= 1
    assert table.max() == 2**20


@pytest.mark.parametrize("chroma", [0.0, 0.4, 1.0])
def test_channels_correlate_as_chroma_says(chroma: float) -> None:
    drawn = planes(Spectrum(a=0.0, chroma=chroma), 30, Shape(128, 128))
    channels = drawn.swapaxes(0, 1).reshape(3, -1)
    correlations = np.corrcoef(channels)[np.triu_indices(3, 1)]
    theory = (1 - chroma**2) / (1 + 2 * chroma**2)

    assert np.abs(correlations - theory).max() < 5 / sqrt(channels.shape[1]) + 1e-3
    assert np.abs(channels.std(axis=1) - 36.4).max() < 0.2


def test_luminance_and_the_planes_of_colour_are_independent() -> None:
    drawn = planes(Spectrum(a=0.0, chroma=0.4), 30, Shape(128, 128)).swapaxes(0, 1).reshape(3, -1)
    axes: Array = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])
    opponents = axes @ drawn
    deviations = np.asarray(opponents.std(axis=1))
    correlations = np.corrcoef(opponents)[np.triu_indices(3, 1)]

    assert np.abs(correlations).max() < 5 / sqrt(drawn.shape[1]) + 1e-3
    assert np.abs(deviations[1:] / deviations[0] - 0.4).max() < 0.005


def test_without_chroma_all_channels_are_the_gray_image() -> None:
    coloured = Spectrum(chroma=0.0).sample(2, 3, Shape(40, 30))
    gray = Spectrum().sample(2, 3, Shape(40, 30, 1))

    assert (coloured == coloured[..., :1]).all()
    assert gray.std() > 20


def test_channels_are_independent() -> None:
    drawn = planes(Spectrum(), 60, Shape(64, 64))
    spectra = np.fft.fft2(drawn)[..., 4:28, 4:28] * (radii(64, 64)[4:28, 4:28] * 64)
    channels = np.stack([spectra.real, spectra.imag]).swapaxes(0, 2).reshape(3, -1)
    correlations = np.corrcoef(channels)[np.triu_indices(3, 1)]

    assert np.abs(correlations).max() < 5 / sqrt(channels.shape[1])


FAMILIES = [Spectrum(), Spectrum(chroma=0.4), Spectrum(palette=True), SpectrumColor(rounds=2),
            WaveletMarginal(rounds=2), SpectrumColorWavelet(rounds=2), PhaseScramble()]  # fmt: skip


@pytest.mark.parametrize("family", [*FAMILIES, Gabor()], ids=str)
def test_products_of_whole_numbers_draw_the_same(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [Shape(96, 72), Shape(31, 50, 3, 16)]
    by_floats = [fingerprint(family.sample(1, 2, shape)) for shape in shapes]
    monkeypatch.setattr(exact, "blas_is_exact", lambda *_: False)

    assert [fingerprint(family.sample(1, 2, shape)) for shape in shapes] == by_floats


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_transform_that_is_off_by_as_much_as_it_may_be_draws_the_same(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [Shape(48, 40), Shape(31, 21, 3, 16)]
    by_floats = [fingerprint(family.sample(1, 2, shape)) for shape in shapes]
    errors = fourier_errors(monkeypatch)

    assert [fingerprint(family.sample(1, 2, shape)) for shape in shapes] == by_floats
    assert errors


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES[:-1], ids=str)
def test_any_size_is_drawn(family: Family, size: tuple[int, int], depth: int) -> None:
    for channels in (1, 3):
        pixels = family.sample(1, 2, Shape(*size, channels, depth))
        assert pixels.flags.c_contiguous
        assert size == (1, 1) or pixels.min() < 2 ** (depth - 1) < pixels.max()


@pytest.mark.parametrize(("height", "width"), [(30, 33), (16, 16), (1, 8)])
def test_waves_get_amplitudes_and_keep_their_phases(height: int, width: int) -> None:
    field = np.random.RandomState(2).normal(size=(height, width))
    amplitudes = spectral.Amplitudes.of(height, width, 1.5, 0.0, 0.0)
    waves = fourier.forward(field.copy())
    amplitudes.give_to(waves, 20.0)
    plane = np.empty((height, width))
    fourier.backward(waves, plane)
    before, after = np.fft.fft2(field), np.fft.fft2(plane)
    wanted = radii(height, width)
    wanted[0, 0] = np.inf
    wanted **= -0.75
    drawn = wanted > 0

    assert np.abs(np.abs(after) / np.abs(after).max() - wanted / wanted.max()).max() < 1e-3
    assert np.abs(np.angle(after / before)[drawn]).max() < 0.01
    assert plane.std() == pytest.approx(20, rel=1e-3)


def test_a_palette_gives_spectra_their_exact_amplitudes_and_the_full_range() -> None:
    shape = Shape(64, 64, 1, 16)
    for image in range(3):
        drawn = Spectrum(sx=1.0, palette=True).sample(3, image, shape)
        assert (drawn.min(), drawn.max()) == (0, shape.top)
        across = np.abs(np.fft.fftfreq(64))
        found = np.abs(np.fft.fft2(drawn[..., 0].astype(float))) * np.add.outer(across, across)
        kept = np.delete(found.ravel(), 0)
        # The exponents are moved apart a little; a normal coefficient would vary by 0.52.
        assert kept.std() < 0.2 * kept.mean()


def test_a_palette_gives_images_a_tint_of_their_own() -> None:
    family = Spectrum(sx=1.0, palette=True)
    means = np.array([family.sample(4, n, Shape(32, 32)).mean(axis=(0, 1)) for n in range(40)])

    assert np.ptp(means, axis=1).mean() > 50
    assert means.mean(axis=1).std() > 6
