"""Blurs along lines: by products and by Fourier transforms they give the same integers."""

import math
from inspect import unwrap

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.numeric import line_blur as module
from pixelgen.numeric.line_blur import (
    BORDERS,
    PERIODIC,
    BandBlur,
    FourierBlur,
    LineBlur,
    Precision,
    gaussian_kernel,
)
from pixelgen.rng import Stream

BITS = Precision(1 << 16, 1)
FINE = Precision(1 << 24, 128, 1 / 16)
FINE_16 = Precision(1 << 24, 1 << 15, 1 / 4096)
SECOND = Precision(1 << 24, 1 << 28, 1 / 65536)


def integers(precision: Precision, *shape: int) -> npt.NDArray[np.int64]:
    """Draw integers up to the largest of a precision; half of the lines are the largest only."""
    drawn: npt.NDArray[np.int64] = Stream(3).integers(shape, 32) % (2 * precision.largest + 1)
    drawn = drawn.astype(np.int64) - precision.largest
    drawn[::2] = precision.largest
    return drawn


def chosen(
    size: int, sigma: float, border: str, precision: Precision, cost: float = 20.0
) -> LineBlur:
    """Choose a blur anew, where a transform costs as given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TRANSFORM_COST", cost)
        blur: LineBlur = unwrap(module.line_blur)(size, sigma, border, precision)
    return blur


@pytest.mark.parametrize("precision", [BITS, FINE, FINE_16, SECOND])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", [1, 2, 7, 97, 250, 701])
@pytest.mark.parametrize("sigma", [0.3, 1.5, 9.0, 40.0, 300.0])
def test_products_and_transforms_give_the_same_integers(
    size: int, sigma: float, border: str, precision: Precision
) -> None:
    by_products = chosen(size, sigma, border, precision, math.inf)
    by_transforms = chosen(size, sigma, border, precision, 0.0)
    lines = integers(precision, 5, size)
    blurred = by_products.apply(lines)
    assert isinstance(by_products, BandBlur)
    assert isinstance(by_transforms, FourierBlur) or size == 1 or sigma < 1
    assert blurred.shape == (size, 5)
    assert (by_transforms.apply(lines) == blurred).all()


@pytest.mark.parametrize("border", BORDERS)
def test_a_blur_is_the_convolution_with_its_kernel_scaled_and_rounded(border: str) -> None:
    lines = integers(SECOND, 3, 60)
    kernel = gaussian_kernel(60 if border == PERIODIC else 120, 4.0, SECOND.total).astype(np.int64)
    ring = lines if border == PERIODIC else np.concatenate([lines, lines[:, ::-1]], axis=1)
    sums = sum(tap * np.roll(ring, step, axis=1) for step, tap in enumerate(kernel))[:, :60]
    assert np.abs(sums).max() < 1 << 53
    wanted = np.rint(sums / 65536).T
    for cost in (0.0, math.inf):
        assert (chosen(60, 4.0, border, SECOND, cost).apply(lines) == wanted).all()


@pytest.mark.parametrize("size", [30, 640])
def test_an_error_that_could_matter_is_not_accepted(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOLERANCE", 0.0)
    assert isinstance(chosen(size, size / 5, PERIODIC, FINE, 0.0), BandBlur)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_places_that_are_doubtful_are_computed_again(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a third of a unit of the result is added to sums, and the bound says so."""
    size, lines = 250, integers(SECOND, 40, 250)
    wanted = chosen(size, 9.0, PERIODIC, SECOND, math.inf).apply(lines)
    blur = chosen(size, 9.0, PERIODIC, SECOND, 0.0)
    transform = np.fft.irfft
    noise = (Stream(5).integers((40, size), 16) / 65535 - 0.5) * (2 / 3 * share * 65536)

    def noisy(spectrum: npt.NDArray[np.complex128], length: int) -> npt.NDArray[np.float64]:
        return transform(spectrum, length) + noise

    monkeypatch.setattr(np.fft, "irfft", noisy)
    assert (blur.apply(lines) != wanted).any()
    monkeypatch.setattr(module, "_largest_error", lambda *_: share * 65536 / 3)
    monkeypatch.setattr(module, "_GATHERED", 1000)
    assert (blur.apply(lines) == wanted).all()


@pytest.mark.parametrize("size", [32, 243, 625, 640, 686, 1024])
def test_a_sum_by_transforms_is_off_by_less_than_its_bound(size: int) -> None:
    """By far: a bound that is missed narrowly here would be missed elsewhere."""
    lines = integers(Precision(1 << 24, 1 << 24), 20, size)[1::2].astype(np.float64)
    for sigma in (1.0, 15.0, 90.0):
        kernel = gaussian_kernel(size, sigma, 1 << 24)
        steps = np.arange(size)[:, None] - np.arange(size)
        exact = np.einsum("lp,pq->lq", lines, kernel[-steps % size])
        sums = np.fft.irfft(np.fft.rfft(lines) * np.fft.rfft(kernel), size)
        norm = math.sqrt((lines**2).sum(axis=1).max())
        bound = module._largest_error(norm, kernel, size)
        assert np.abs(sums - exact).max() < bound / 20


def test_what_is_chosen_depends_on_the_reach_and_the_size() -> None:
    assert isinstance(chosen(640, 2.0, PERIODIC, FINE), BandBlur)
    assert isinstance(chosen(640, 40.0, PERIODIC, FINE), FourierBlur)
    assert isinstance(chosen(32, 8.0, PERIODIC, FINE), BandBlur)


def test_bits_are_multiplied_in_single_precision() -> None:
    bits, fine = (chosen(640, 2.0, PERIODIC, precision) for precision in (BITS, FINE))
    assert isinstance(bits, BandBlur)
    assert isinstance(fine, BandBlur)
    assert bits.matrix.dtype.char + fine.matrix.dtype.char == "fd"


@pytest.mark.parametrize("size", [1, 2, 5, 64, 101])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.7, 12.5, 90.0])
def test_a_kernel_has_every_term_of_its_sums(size: int, sigma: float) -> None:
    narrowed = max(sigma, 0.1)
    turns = math.ceil(9 * narrowed / size)

    def weight(d: int) -> float:
        distances = [d + k * size for k in range(-turns, turns + 1)]
        return math.fsum(math.exp(-(x**2) / (2 * narrowed * narrowed)) for x in distances)

    weights = [weight(d) for d in range(size)]
    whole = math.fsum(weights)
    wanted = [round((1 << 24) * weight / whole) for weight in weights]
    assert gaussian_kernel(size, sigma, 1 << 24).tolist() == wanted
