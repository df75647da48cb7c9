"""Image models: palettes, pyramids and histograms, and the statistics that images are given."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen import registry
from pixelgen.families import Family, Shape, fingerprint, image_model
from pixelgen.families.dead_leaves import DeadLeaves
from pixelgen.families.image_model import SpectrumColor, SpectrumColorWavelet, WaveletMarginal
from pixelgen.families.palette import Palette, _principal_axes
from pixelgen.numeric import pyramid as pyramids
from pixelgen.numeric.fourier import Waves, backward, forward
from pixelgen.numeric.histograms import ENTRIES, give_histogram
from pixelgen.rng import Stream

Array: TypeAlias = npt.NDArray[Any]

MEMBERS = ["spectrum:sx=0.5,palette=true", "spectrum:sx=3.5,palette=true", "spectrum_color",
           "wmm:rounds=2", "spectrum_color_wmm:rounds=2",
           "dead_leaves:fill=spectrum_color_wmm"]  # fmt: skip


def bands_of(waves: Waves, octave: pyramids.Octave) -> Array:
    """Return the bands of an octave of a plane."""
    bands = np.empty((len(octave.filters), *octave.grid))
    for lobe, band in zip(octave.filters, bands, strict=True):
        backward(pyramids._turned(octave.of(waves), lobe), band)
    return bands


def palettes(count: int, shape: Shape) -> list[Palette]:
    stream = Stream(7)
    drawn = []
    for image in range(count):
        stream.seek(image, 1)
        drawn.append(Palette.draw(stream, shape))
    return drawn


@pytest.mark.parametrize("spelling", MEMBERS)
@pytest.mark.parametrize("side", [16, 32, 64, 128, 224])
def test_images_are_drawn_at_any_side(spelling: str, side: int) -> None:
    family = registry.parse(Family, spelling)
    images = [family.sample(2, image, Shape(side, side)) for image in range(2 if side > 64 else 6)]

    assert len({fingerprint(image) for image in images}) == len(images)
    for image in images:
        # The steepest spectrum at 16 pixels is a few waves, and a palette may have three colors.
        assert (image.std(axis=(0, 1)) > 2).all()
        assert (np.ptp(image, axis=(0, 1)) > 20).all()


@pytest.mark.slow
@pytest.mark.parametrize("spelling", MEMBERS)
def test_images_are_drawn_at_512_pixels(spelling: str) -> None:
    images = [registry.parse(Family, spelling).sample(2, n, Shape(512, 512)) for n in range(2)]

    assert fingerprint(images[0]) != fingerprint(images[1])
    assert all((image.std(axis=(0, 1)) > 2).all() for image in images)


@pytest.mark.parametrize("spelling", MEMBERS[:5])
@pytest.mark.parametrize(("channels", "depth"), [(1, 8), (3, 8), (3, 16)])
def test_all_levels_together_reach_both_ends(spelling: str, channels: int, depth: int) -> None:
    shape = Shape(48, 40, channels, depth)
    image = registry.parse(Family, spelling).sample(5, 6, shape)

    assert (image.min(), image.max()) == (0, shape.top)


def test_depths_show_the_same_image() -> None:
    for spelling in MEMBERS[:5]:
        family = registry.parse(Family, spelling)
        low, high = (family.sample(5, 6, Shape(48, 40, 3, depth)) for depth in (8, 16))
        assert np.abs(high / 257 - low).max() <= 0.51


def test_principal_axes_are_the_eigenvectors_strongest_first() -> None:
    rng = np.random.RandomState(1)
    for size in (1, 3, 3, 3):
        half = rng.normal(size=(size, size))
        covariances = half @ half.T * 1e12
        axes = np.array(_principal_axes(covariances.tolist()))
        turned = axes @ covariances @ axes.T
        values = np.diag(turned)
        assert np.abs(axes @ axes.T - np.eye(size)).max() < 1e-14
        assert np.abs(turned - np.diag(values)).max() < 1e-14 * values.max()
        assert (np.diff(values) <= 0).all()


def test_palettes_have_3_to_22_colours_over_the_full_range() -> None:
    drawn = palettes(400, Shape(1 << 20, 1))  # so high that nothing is blurred
    counts = [len(np.unique(palette.colors, axis=1).T) for palette in drawn]

    assert min(counts) == 3
    assert 20 <= max(counts) <= 22
    for palette in drawn:
        assert (palette.colors.min(), palette.colors.max()) == (0, 255)
        assert palette.mean == pytest.approx(palette.colors.mean(axis=1))


def test_the_blur_of_a_palette_is_1_to_10_pixels() -> None:
    widths = []
    for palette, plain in zip(
        palettes(60, Shape(128, 1)), palettes(60, Shape(1 << 20, 1)), strict=True
    ):
        # Each of the jumps of stripes becomes a slope as wide as the blur, if stripes are wider.
        steps = (np.diff(palette.colors, axis=1) != 0).any(axis=0).sum()
        jumps = (np.diff(plain.colors, axis=1) != 0).any(axis=0).sum()
        widths.append(steps / jumps * 128 / 4096)

    assert min(widths) < 1.1
    assert 5 < max(widths) <= 10


def test_histograms_of_planes_are_those_of_the_turned_colours() -> None:
    for palette in palettes(5, Shape(128, 128)):
        turned = np.array(palette.axes).T @ (palette.colors - palette.mean[:, None])
        for plane, wanted in enumerate(turned):
            table, std = palette.histogram(plane)
            assert np.abs(table[::4] - np.sort(wanted)).max() < 1e-9
            assert std == pytest.approx(wanted.std())


def test_turning_planes_back_gives_the_colours() -> None:
    shape = Shape(1, 4096)
    for palette in palettes(5, shape):
        planes = np.array(palette.axes).T @ (palette.colors - palette.mean[:, None])
        single = planes[:, None, :].astype(np.float32)
        assert np.abs(palette.pixels(single, shape)[0] - palette.colors.T).max() <= 0.51


def test_values_get_those_of_the_same_rank() -> None:
    field = np.random.RandomState(3).permutation(ENTRIES).reshape(128, 128).astype(float)
    table = np.sort(np.random.RandomState(4).normal(size=ENTRIES))
    replaced = field.copy()
    give_histogram(replaced, table)

    order = field.argsort(axis=None)
    assert (np.diff(replaced.ravel()[order]) >= 0).all()
    # Two neighbours share a bin.
    assert np.abs(replaced.ravel()[order] - table).max() <= np.diff(table).max()
    flat = np.ones((2, 3))
    give_histogram(flat, table)
    assert (flat == table[ENTRIES // 2]).all()


def test_few_values_keep_their_shares() -> None:
    table = np.repeat([-1.0, 0.0, 5.0], [ENTRIES // 2, ENTRIES // 4, ENTRIES // 4])
    replaced = np.random.RandomState(5).normal(size=(64, 64))
    give_histogram(replaced, table)

    for value, share in ((-1.0, 0.5), (0.0, 0.25), (5.0, 0.25)):
        assert (replaced == value).mean() == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (64, 64), (33, 50), (1, 40), (2, 1)])
def test_a_pyramid_adds_up_to_what_it_was_made_of(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pyramids, "give_histogram", lambda field, table: np.multiply(field, table, out=field)
    )
    waves = forward(np.random.RandomState(6).normal(size=(height, width)))
    found = pyramids.pyramid(height, width)
    scales = [math.sqrt(height * width / math.prod(octave.grid)) for octave in found.octaves]
    one = np.ones(())
    added = found.with_histograms(waves, [[one], *([one * scale] * 4 for scale in scales)])

    assert np.abs(added - waves).max() < 0.01 * np.abs(waves).max()


def test_bands_are_odd_lobes_of_four_orientations() -> None:
    side = 64
    octave = pyramids.pyramid(side, side).octaves[0]
    field = np.random.RandomState(8).normal(size=(side, side))
    bands = bands_of(forward(field.copy()), octave)
    across, down = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))
    length = np.hypot(across, down)
    length[0, 0] = 1e-9
    ring = np.cos(np.pi / 2 * np.clip(np.log2(length * 4), -1, 1)) * math.sqrt(0.8)
    for band, angle in zip(bands, (0, 90, 45, -45), strict=True):
        turn = math.radians(angle)
        lobe = ((across * math.cos(turn) + down * math.sin(turn)) / length) ** 3 * ring
        wanted = np.fft.ifft2(-1j * lobe * np.fft.fft2(field)).real
        assert np.abs(band + wanted).max() < 0.01 * np.abs(wanted).max()


@pytest.mark.parametrize("octave", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("r", [0.4, 0.8, 2.0])
def test_coefficients_are_the_quantiles_of_their_density(r: float, octave: int) -> None:
    table = image_model._quantiles(r, octave)
    x = np.linspace(-200, 200, 400_001)
    density = np.exp(-(np.abs(x / 4.0 ** min(2**octave, 100)) ** r))
    shares = np.cumsum(density) / density.sum()
    wanted = np.interp((np.arange(ENTRIES) + 0.5) / ENTRIES, shares, x)

    assert (table == -table[::-1]).all()
    assert np.abs(table).max() <= 200
    # The density is a histogram with steps of ½.
    assert np.abs(table - wanted).max() < 0.3 + 0.01 * np.abs(wanted).max()


def test_octaves_are_3_of_128_pixels_and_4_of_256() -> None:
    assert [pyramids.octave_count(side, side) for side in (1, 16, 64, 128, 255, 256, 512)] == [
        1, 1, 2, 3, 3, 4, 5
    ]  # fmt: skip


def test_rounds_bring_bands_close_to_their_histograms() -> None:
    def kurtosis(rounds: int) -> float:
        image = WaveletMarginal(0.4, rounds).sample(1, 2, Shape(128, 128, 1, 16)).astype(float)
        waves = forward(image[..., 0] - image.mean())
        bands = bands_of(waves, pyramids.pyramid(128, 128).octaves[0])
        return float((bands**4).mean() / (bands**2).mean() ** 2)

    table = image_model._quantiles(0.4, 0)
    wanted = float((table**4).mean() / (table**2).mean() ** 2)
    assert kurtosis(1) < kurtosis(10)
    assert kurtosis(10) > 0.5 * wanted


def test_slopes_are_drawn_unless_given() -> None:
    stream, shape = Stream(1), Shape(32, 32)

    def share_of_coarse(slope: float, image: int) -> float:
        stream.seek(image, 20)
        table = image_model._drawn_amplitudes(stream, shape, slope).table
        return float(table[0, 1] / table[0, 2])

    drawn = [math.log2(share_of_coarse(0.0, image)) for image in range(200)]
    given = [math.log2(share_of_coarse(2.0, image)) for image in range(50)]
    assert min(drawn) < 0.7
    assert max(drawn) > 3.3
    assert np.mean(given) == pytest.approx(2, abs=0.03)
    assert np.std(given) == pytest.approx(0.05, abs=0.02)


def test_the_least_exponents_are_drawn() -> None:
    for image in range(20):
        assert SpectrumColor(slope=1e-9, rounds=1).sample(1, image, Shape(16, 16)).any()


def test_plain_planes_show_the_colours_of_the_palette() -> None:
    shape = Shape(64, 64, 1)
    stream = Stream(9)
    stream.seek(1, SpectrumColor.number, SpectrumColor.version, 0)
    palette = Palette.draw(stream, shape)
    image = SpectrumColor().sample(9, 1, shape)

    shown = np.sort(image.ravel()).astype(float)
    wanted = np.sort(palette.colors[0])
    assert np.abs(shown - wanted).mean() < 1.5 or np.abs(shown[::-1] - 255 + wanted).mean() < 1.5


def test_leaves_show_three_textures_in_the_symmetries_of_colours() -> None:
    shape = Shape(40, 60)
    leaves = DeadLeaves(shape="square", fill="spectrum_color_wmm").sample(3, 4, shape)
    textures = []
    for number in range(3):
        stream = Stream(3)
        stream.seek(4 | number << 60, SpectrumColorWavelet.number, SpectrumColorWavelet.version)
        textures.append(SpectrumColorWavelet(rounds=2).render(stream, shape))
    both = np.concatenate([*textures, *(255 - texture for texture in textures)])
    colours = {tuple(sorted(pixel)) for pixel in both.reshape(-1, 3).tolist()}

    assert {tuple(sorted(pixel)) for pixel in leaves.reshape(-1, 3).tolist()} <= colours
    first = textures[0].reshape(-1, 3).tolist()
    shown = {tuple(pixel) for pixel in leaves.reshape(-1, 3).tolist()}
    assert not shown <= {tuple(pixel) for pixel in first}


def test_uncovered_pixels_of_textured_leaves_are_black() -> None:
    shape = Shape(50, 50)
    family = DeadLeaves(leaves=3, fill="spectrum_color_wmm")
    stream = Stream(1)
    stream.seek(0, family.number, family.version)
    pixels, coverage = family.render(stream, shape)

    assert not pixels[coverage == 0].any()
    assert pixels[coverage == 255].any()
