"""Blurred noise by its definition, and the exact arithmetic that it is made with."""

import math
import re
from math import exp, sqrt

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.errors import BadValue
from pixelgen.families import Shape
from pixelgen.families.blurred import Blobs, Smooth
from pixelgen.job import Job
from pixelgen.numeric import exact
from pixelgen.numeric.blur import KERNEL_SUM, BlurredImage, blur, blur_gain, fine_blur
from pixelgen.numeric.exact import Field
from pixelgen.numeric.line_blur import BORDERS, PERIODIC, SYMMETRIC, gaussian_kernel
from pixelgen.rng import Stream

every_depth = pytest.mark.parametrize("depth", [8, 16])


def noise(image: int, *shape: int) -> npt.NDArray[np.int8]:
    stream = Stream(17)
    stream.seek(image)
    return stream.integers(shape).view(np.int8)


def planes(blurred: BlurredImage) -> Field:
    """Return all channels of what was blurred, (channels, height, width)."""
    return np.stack([blurred.channel(channel, blurred) for channel in range(blurred.channels)])


@pytest.mark.parametrize("sigma", [0.3, 0.5, 2.0, 9.0, 40.0, 300.0])
@pytest.mark.parametrize(("height", "width"), [(200, 131), (66, 65), (3, 200), (1, 1), (2, 1)])
def test_a_blur_is_the_periodic_convolution_with_the_kernel(
    sigma: float, height: int, width: int
) -> None:
    field = noise(0, 2, height, width)
    down, across = (gaussian_kernel(side, sigma, KERNEL_SUM) for side in (height, width))
    wanted = np.zeros(field.shape)
    for d in range(height):
        wanted += down[d] * np.roll(field, d, axis=1)
    columns, wanted = wanted, np.zeros(field.shape)
    for d in range(width):
        wanted += across[d] * np.roll(columns, d, axis=2)

    assert (planes(blur(field, sigma, PERIODIC)) == wanted).all()


@pytest.mark.parametrize("sigma", [0.5, 2.0, 9.0, 40.0])
@pytest.mark.parametrize(("height", "width"), [(200, 131), (3, 200), (1, 1), (2, 1)])
def test_a_symmetric_border_continues_the_field_by_its_mirror_image(
    sigma: float, height: int, width: int
) -> None:
    field = noise(0, 2, height, width)
    twice = np.pad(field, ((0, 0), (0, height), (0, width)), "symmetric")

    blurred = planes(blur(field, sigma, SYMMETRIC))
    assert (blurred == planes(blur(twice, sigma, PERIODIC))[:, :height, :width]).all()
    assert blur_gain(height, width, sigma, SYMMETRIC) == blur_gain(
        2 * height, 2 * width, sigma, PERIODIC
    )


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("sigma", [0.5, 2.0, 10.0, 70.0])
@pytest.mark.parametrize(("height", "width"), [(200, 131), (40, 200)])
def test_a_fine_blur_is_the_convolution_to_six_digits_of_the_values(
    sigma: float, height: int, width: int, border: str
) -> None:
    field = noise(0, 2, height, width)
    sigmas = (sigma, sigma / 2)
    wanted = field * 256.0
    for axis, side, narrowed in ((1, height, sigma), (2, width, sigma / 2)):
        period = side if border == "periodic" else 2 * side
        gaps = np.arange(-16 * period, 16 * period)
        weights = np.bincount(gaps % period, np.exp(-(gaps**2) / (2 * narrowed**2)))
        margins = [(0, 0)] * 3
        margins[axis] = (0, period - side)
        spectrum = np.fft.fft(np.pad(wanted, margins, "symmetric"), axis=axis)
        kernel = np.fft.fft(weights / weights.sum()).reshape(-1, *(1,) * (2 - axis))
        wanted = np.fft.ifft(spectrum * kernel, axis=axis).real.take(range(side), axis=axis)

    blurred = planes(fine_blur(field, sigmas, border)) / (1 << 20)
    assert np.abs(blurred - wanted).max() < 0.02


@pytest.mark.parametrize("size", [16, 32, 64, 128, 224, 512])
@pytest.mark.parametrize("scale", ["global", "channel", "colorrange"])
@pytest.mark.parametrize("side", [0, 224])
def test_smooth_keeps_its_contrast_at_every_sigma_and_size(
    size: int, scale: str, side: int
) -> None:
    widest = max(size, side) * 2 / 5
    sigmas = [0.0, *(s for s in (0.3, 2.0, 10.0, 25.0, 60.0, 85.0) if s < widest), widest]
    drawn = np.stack([
        Smooth(sigma, scale, side=side).sample(2, image, Shape(size, size))
        for image, sigma in enumerate(sigmas)
    ])  # fmt: skip
    assert (np.ptp(drawn.astype(int), axis=(1, 2)) > 0).all()
    assert len({image.tobytes() for image in drawn}) == len(drawn)
    if scale == "channel":
        assert drawn.std(axis=(1, 2)).min() > 30


@pytest.mark.parametrize("size", [32, 256, 512])
def test_the_widest_blur_leaves_waves_and_no_plaid(size: int) -> None:
    levels = Smooth(size * 2 / 5, "channel").sample(1, 2, Shape(size, size)).astype(float)
    power = np.abs(np.fft.fft2(levels - levels.mean(axis=(0, 1)), axes=(0, 1))) ** 2
    waves = np.minimum(np.arange(size), size - np.arange(size))
    slow = (waves[:, None] <= 3) & (waves <= 3)
    assert power[~slow].sum() < 1e-4 * power.sum()


def test_sigma_shrinks_with_frames_below_its_side() -> None:
    small, large = Shape(112, 300), Shape(224, 300)
    halved = Smooth(20.0).sample(1, 2, small)
    assert (Smooth(40.0, side=224).sample(1, 2, small) == halved).all()
    assert (Smooth(40.0, side=224).sample(1, 2, large) == Smooth(40.0).sample(1, 2, large)).all()


def test_a_shrunken_sigma_is_at_least_the_narrowest() -> None:
    shape = Shape(20, 30)
    narrow = Smooth(0.3).sample(1, 2, shape)
    assert (Smooth(1.5, side=224).sample(1, 2, shape) == narrow).all()
    assert (Smooth(0.1, side=224).sample(1, 2, shape) != narrow).any()


@pytest.mark.parametrize(
    ("height", "width", "sigma"), [(300, 257, 10.0), (25, 25, 10.0), (20, 20, 8.0), (1, 1, 0.4)]
)
def test_without_a_sigma_the_blur_fits_the_frame(height: int, width: int, sigma: float) -> None:
    shape = Shape(height, width)
    assert (Smooth().sample(1, 2, shape) == Smooth(sigma).sample(1, 2, shape)).all()
    assert (Smooth().sample(1, 2, Shape(16, 300)).std(axis=(0, 1)) > 10).all()


@pytest.mark.parametrize("sigma", [1e-200, 0.05, 0.1])
def test_a_sigma_next_to_nothing_blurs_nothing(sigma: float) -> None:
    field = noise(0, 2, 9, 7)
    unchanged = planes(fine_blur(field, (sigma, sigma), PERIODIC))
    assert (unchanged == field * float(1 << 28)).all()


TOO_WIDE = [
    # What is drawn, the sizes, and the sigma and the bound of the message.
    ("smooth:sigma=6.5", "16", "sigma=6.5 16x16 6.4"),
    ("smooth:sigma=10", "300x20", "sigma=10.0 300x20 at most 8,"),
    ("smooth:sigma=1..64", "128", "sigma=64.0 128x128 51.2"),
    ("smooth:sigma=10|85|15", "212", "sigma=85.0 84.8"),
    ("smooth:sigma=13", "32..96", "sigma=13.0 32x32 12.8"),
    ("smooth:sigma=13", "64x48|16x300", "sigma=13.0 16x300 6.4"),
    ("smooth:sigma=90,side=224", "16", "sigma=90.0 side=224 89.6"),
    ("smooth:sigma=20,side=32|224", "16", "sigma=20.0 side=32 12.8"),
    ("pixel_shuffle:sigma=2..8", "16", "sigma=8.0 16x16 6.4"),
    ("blobs:sigma=1.5..4", "16", "sigma=4.0 16x16 at most 3.1"),
    ("blobs:sigma=20", "224", "sigma=20.0 224x224 at most 7.1"),
    ("blobs:p=0..1", "64", "p=0.0 no sigma larger p smaller threshold"),
]


@pytest.mark.parametrize(("spelling", "size", "words"), TOO_WIDE)
def test_a_blur_that_is_too_wide_for_a_frame_is_refused(
    spelling: str, size: str, words: str
) -> None:
    with pytest.raises(BadValue) as caught:
        Job(size=size, family=["uniform", spelling])
    for word in words.split():
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("spelling", "size"),
    [("smooth:sigma=6.4", "16"), ("smooth:sigma=84.8", "212"), ("smooth:sigma=89.6,side=224", "16"),
     ("smooth:sigma=1..12.8", "32..96"), ("pixel_shuffle:sigma=6.4", "16"),
     ("smooth", "1"), ("blobs", "1"), ("blobs:sigma=3.1", "16"), ("blobs:sigma=4096,p=0.8", "8")],
)  # fmt: skip
def test_a_blur_within_its_bound_is_accepted(spelling: str, size: str) -> None:
    Job(size=size, family=spelling)


def test_a_sample_is_refused_as_a_job_is() -> None:
    with pytest.raises(BadValue, match=r"sigma=7.0 .* 6.4"):
        Smooth(7.0).sample(1, 2, Shape(16, 16))


@pytest.mark.parametrize("channels", ["independent", "blurred"])
@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_blobs_that_are_refused_would_mostly_be_empty(size: int, channels: str) -> None:
    """And at half of the bound hardly any channel is."""
    shape = Shape(size, size)
    with pytest.raises(BadValue) as caught:
        Blobs(4096.0, channels=channels).check_shape(shape)
    found = re.search(r"at most ([0-9.]+);", str(caught.value))
    assert found
    bound = float(found[1])

    def empty(sigma: float) -> float:
        family, stream = Blobs(sigma, channels=channels), Stream(5)
        shown = []
        for image in range(40):
            stream.seek(image, family.number, family.version)
            pixels, _ = family.render(stream, shape)
            shown.append((pixels > 0).any(axis=(0, 1)))
        return 1 - float(np.mean(shown))

    assert empty(bound / 2) < 0.1
    assert empty(2 * bound) > 0.5


@pytest.mark.parametrize("sigma", [1.0, 10.0, 60.0])
def test_a_kernel_is_a_gaussian_wound_round_the_torus(sigma: float) -> None:
    taps = gaussian_kernel(256, sigma, KERNEL_SUM)
    wound = [
        sum(exp(-((d + 256 * k) ** 2) / (2 * sigma**2)) for k in range(-9, 10)) for d in range(256)
    ]
    assert np.abs(taps - 65536 * np.array(wound) / sum(wound)).max() <= 0.5 + 1e-6
    assert (taps[1:] == taps[:0:-1]).all()


@every_depth
@pytest.mark.parametrize("channels", [1, 3])
def test_smooth_levels_reach_both_ends_exactly(channels: int, depth: int) -> None:
    shape, top = Shape(48, 40, channels, depth), (1 << depth) - 1
    for image in range(5):
        whole = Smooth(3.0).sample(1, image, shape)
        assert (whole.min(), whole.max()) == (0, top)
        each = Smooth(3.0, "channel").sample(1, image, shape)
        assert (each.min(axis=(0, 1)) == 0).all()
        assert (each.max(axis=(0, 1)) == top).all()


def test_smooth_is_alike_at_both_depths() -> None:
    """Depths draw other words, but the same distribution."""
    means = [
        np.mean([Smooth(4.0).sample(1, i, Shape(64, 64, 3, depth)).std() for i in range(30)])
        for depth in (8, 16)
    ]
    assert means[0] == pytest.approx(means[1] / 257, rel=0.05)


@pytest.mark.parametrize(("sigma", "lags"), [(2.5, (1, 3, 6)), (10.0, (5, 10, 20))])
def test_smooth_is_correlated_as_its_sigma_says(sigma: float, lags: tuple[int, ...]) -> None:
    """exp(−d²/4σ²), pooled without taking each image's mean off."""
    fields = [planes(blur(noise(image, 3, 256, 256), sigma, PERIODIC)) for image in range(60)]
    power = sum(float((field**2).sum()) for field in fields)
    for lag in lags:
        for axis in (1, 2):
            shifted = sum(float((f * np.roll(f, lag, axis)).sum()) for f in fields)
            effective = 60 * 3 * 256 * 256 / (8 * np.pi * sigma**2)
            wanted = exp(-(lag**2) / (4 * sigma**2))
            assert abs(shifted / power - wanted) < 5 / sqrt(effective)


@every_depth
def test_a_colour_range_is_a_part_of_the_levels(depth: int) -> None:
    top = (1 << depth) - 1
    spans, lows = [], []
    for image in range(200):
        pixels = Smooth(6.0, "colorrange").sample(5, image, Shape(40, 40, 1, depth))
        low, high = np.quantile(pixels, [0.025, 0.975]) / top
        lows.append(low)
        if high < 1:
            spans.append(high - low)
    assert min(spans) > 0.19
    assert max(spans) < 0.61
    assert np.mean(lows) == pytest.approx(0.5, abs=5 * 0.29 / sqrt(200))


@every_depth
def test_contrast_takes_levels_through_a_sigmoid(depth: int) -> None:
    shape, top = Shape(32, 32, 3, depth), (1 << depth) - 1
    plain = Smooth(4.0).sample(1, 2, shape) / top
    steep = Smooth(4.0, contrast=10.0).sample(1, 2, shape)
    assert np.abs(steep - top / (1 + np.exp(-10 * (plain - 0.5)))).max() <= 0.51


@pytest.mark.parametrize(
    ("sigma", "zeros"), [(1.5, 0.707), (2.0, 0.775), (2.5, 0.832), (3.0, 0.878), (4.0, 0.942)]
)
def test_blobs_leave_as_much_background_as_their_sigma_says(sigma: float, zeros: float) -> None:
    drawn = np.stack([Blobs(sigma).sample(9, image, Shape(128, 128)) for image in range(60)])
    # 0.0055 at 256², one image; the reference figures have three digits.
    assert abs((drawn == 0).mean() - zeros) < 0.0005 + 5 * 0.011 / sqrt(60)


@every_depth
def test_blobs_show_what_is_above_the_threshold_as_its_level(depth: int) -> None:
    stream = Stream(3)
    stream.seek(4, Blobs.number, Blobs.version)
    pixels, coverage = Blobs().render(stream, Shape(50, 70, 3, depth))
    top = (1 << depth) - 1
    stream.seek(4, Blobs.number, Blobs.version)
    ones = stream.integers((3, 50, 70), 16) < round(0.7 * 65536)
    field = np.moveaxis(planes(blur(ones, 2.0, PERIODIC)), 0, -1)
    full = math.prod(float(gaussian_kernel(side, 2.0, KERNEL_SUM).sum()) for side in (50, 70))
    shows = field >= 0.75 * full
    assert (coverage == 255 * shows).all()
    assert (pixels[~shows] == 0).all()
    assert np.abs(pixels[shows] - top * field[shows] / full).max() <= 0.5 + 1e-6


def test_the_channels_of_blobs_are_independent() -> None:
    drawn = np.stack([Blobs().sample(9, image, Shape(128, 128)) for image in range(20)]) > 0
    for one, other in ((0, 1), (1, 2), (0, 2)):
        both = (drawn[..., one] & drawn[..., other]).mean()
        alone = drawn[..., one].mean() * drawn[..., other].mean()
        assert both == pytest.approx(alone, rel=0.1)


@every_depth
def test_the_blurred_channels_of_blobs_are_those_of_a_blur_along_three_places(depth: int) -> None:
    stream = Stream(3)
    stream.seek(4, Blobs.number, Blobs.version)
    family = Blobs(1.5, channels="blurred", border="symmetric")
    pixels, _ = family.render(stream, Shape(30, 40, 3, depth))
    stream.seek(4, Blobs.number, Blobs.version)
    ones = stream.integers((3, 30, 40), 16) < round(0.7 * 65536)
    field = planes(blur(ones, 1.5, "symmetric")) / blur_gain(30, 40, 1.5, "symmetric")
    taps = np.array([exp(-(d**2) / 4.5) for d in range(-6, 7)])
    places = np.clip(np.arange(3)[:, None] + np.arange(-6, 7), 0, 2)
    mixed = np.einsum("ct,cthw->hwc", np.broadcast_to(taps / taps.sum(), (3, 13)), field[places])
    top, shows = (1 << depth) - 1, mixed >= 0.75
    clear = np.abs(mixed - 0.75) > 1e-4
    assert ((pixels > 0) == shows)[clear].all()
    assert np.abs(pixels - top * mixed)[shows & clear].max() <= 0.5 + top * 3e-5


def test_one_channel_of_blobs_has_no_others_to_be_blurred_with() -> None:
    shape = Shape(20, 30, 1)
    alone = Blobs(channels="blurred").sample(1, 2, shape)
    assert (alone == Blobs().sample(1, 2, shape)).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", [3, 64, 300])
def test_a_product_is_exact_also_where_the_library_is_not(
    size: int, kind: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = noise(0, size, size).astype(kind), noise(1, 3, size, 5).astype(kind)
    wanted = np.einsum("ij,cjk->cik", left.astype(int), right.astype(int))
    assert exact.blas_is_exact(left.dtype.char)
    assert (exact.product(left, right) == wanted).all()

    multiply = np.matmul

    def broken(a: Field, b: Field, out: Field | None = None) -> Field:
        """Multiply as OpenBLAS 0.3.20's kernel for Cooper Lake does: wrongly from 256 rows on."""
        product: Field = multiply(a, b, out=out)
        if a.shape[-1] >= 256:
            product[..., ::2, :] += 1
        return product

    monkeypatch.setattr(np, "matmul", broken)
    exact.blas_is_exact.cache_clear()
    assert not exact.blas_is_exact(left.dtype.char)
    assert (exact.product(left, right) == wanted).all()
    given = np.empty(wanted.shape, kind)
    exact.product(left, right, out=given)
    assert (given == wanted).all()
    exact.blas_is_exact.cache_clear()


def test_tables_are_what_their_formulas_say() -> None:
    cosines, sines = exact.turns()
    assert cosines[[0, 16384, 32768]].tolist() == [4096, 0, -4096]
    assert (
        np.abs(cosines.astype(float) ** 2 + sines.astype(float) ** 2 - 4096**2) < 4096 * 2
    ).all()
    normals = exact.normals()
    assert (int(normals.min()), int(normals.max())) == (-17715, 17715)
    assert normals.astype(float).std() / 4096 == pytest.approx(1, abs=1e-4)


def test_a_flat_field_stretches_to_nothing() -> None:
    assert not exact.stretch(np.full((3, 2, 2), 7.0), 255).any()
