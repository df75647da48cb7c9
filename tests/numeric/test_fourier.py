"""The rounded Fourier transform: what it returns, on whatever processor."""

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.numeric import fourier
from pixelgen.numeric.fourier import backward, forward, synthesize
from tests.support.fourier_errors import fourier_errors

Array: TypeAlias = npt.NDArray[Any]

SIZES = [(1, 1), (1, 2), (2, 1), (1, 50), (50, 1), (5, 7), (31, 36), (32, 20), (13, 26), (67, 90)]
LARGE = [(224, 224), (256, 250), (257, 64), (121, 343)]


def noise(height: int, width: int) -> Array:
    return np.random.RandomState(height * width).normal(size=(height, width))


def plane_of(waves: Array, width: int) -> Array:
    plane = np.empty((len(waves), width))
    backward(waves.copy(), plane)
    return plane


@pytest.mark.parametrize(("height", "width"), SIZES + LARGE)
def test_waves_are_orthonormal_and_undone(height: int, width: int) -> None:
    plane = noise(height, width)
    waves = forward(plane.copy())

    wanted = np.fft.rfft2(plane) / math.sqrt(plane.size)
    assert np.abs(waves - wanted).max() < 1e-3 * max(1, np.abs(wanted).max())
    assert np.abs(plane_of(waves, width) - plane).max() < 1e-3 * np.abs(plane).max()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_numbers_of_any_magnitude_are_transformed(scale: float) -> None:
    plane = noise(48, 30)
    assert np.abs(plane_of(forward(plane * scale), 30) / scale - plane).max() < 1e-3
    assert not forward(np.zeros((3, 5))).any()
    assert not plane_of(np.zeros((3, 3), complex), 5).any()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_values_near_an_edge_are_those_of_whole_numbers(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = noise(height, width)
    waves = forward(plane.copy())
    back = plane_of(waves, width)
    monkeypatch.setattr(fourier, "_error", lambda *_: 0.5)  # all are near

    assert (forward(plane.copy()) == waves).all()
    assert (plane_of(waves, width) == back).all()


@pytest.mark.parametrize(("height", "width"), [(224, 224), (121, 343), (61, 64)])
def test_a_transform_may_be_off_by_its_bound(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = noise(height, width)
    waves = forward(plane.copy())
    back = plane_of(waves, width)
    near = fourier_errors(monkeypatch, 1e-3)

    assert (forward(plane.copy()) == waves).all()
    assert (plane_of(waves, width) == back).all()
    assert sum(near) > 5


@pytest.mark.parametrize(("height", "width"), [(64, 64), (225, 77), (256, 243), (61, 67), (53, 1)])
def test_the_bound_holds_with_room_to_spare(height: int, width: int) -> None:
    whole = np.rint(noise(height, width) * 2**17)
    rng = np.random.RandomState(3)
    places = [(rng.randint(height), rng.randint(width // 2 + 1)) for _ in range(20)]
    waves = np.fft.rfft2(whole)
    norm = math.sqrt((whole**2).sum())
    bound = fourier._error(height, width, norm, 0.0)
    for place, (real, imaginary) in zip(
        places, fourier._exact_sums(whole, width, places), strict=True
    ):
        found = complex(waves[place])
        assert abs(Fraction(found.real) - Fraction(real, 2**128)) < bound / 20
        assert abs(Fraction(found.imag) + Fraction(imaginary, 2**128)) < bound / 20


@pytest.mark.parametrize("width", [8, 9])
def test_rows_are_the_sum_of_the_waves(width: int) -> None:
    rng = np.random.RandomState(1)
    parts = rng.randint(-1000, 1000, (6, width // 2 + 1, 2)).astype(float)
    waves = parts.view(np.complex128)[..., 0]
    angles = 2j * np.pi
    twice = [1 if v == 0 or 2 * v == width else 2 for v in range(waves.shape[1])]
    wanted = [
        [sum(twice[v] * (waves[u, v] * np.exp(angles * (u * y / 6 + v * x / width))).real
             for u in range(6) for v in range(waves.shape[1])) for x in range(width)]
        for y in range(6)
    ]  # fmt: skip

    rows = [values for _, values in synthesize(waves.copy(), width, 0.3, 7.5)]
    assert (np.concatenate(rows) == np.rint(np.array(wanted) * 0.3 + 7.5)).all()


def test_halves_are_rounded_up() -> None:
    for offset, wanted in ((-0.5, 0), (0.5, 1), (127.5, 128)):
        ((_, rows),) = synthesize(np.zeros((4, 3), complex), 4, 1.0, offset)
        assert (rows == wanted).all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 360, 1024])
def test_cosines_and_sines_are_right_to_64_bits(size: int) -> None:
    for k, (cosine, sine) in enumerate(fourier._circle(size).tolist()):
        x, y = (sum(Fraction(limb) * 2 ** (16 * n) for n, limb in enumerate(limbs)) / 2**64
                for limbs in (cosine, sine))  # fmt: skip
        assert abs(x * x + y * y - 1) < Fraction(1, 2**62)
        assert float(x) == pytest.approx(math.cos(math.tau * k / size), abs=1e-15)
        assert float(y) == pytest.approx(math.sin(math.tau * k / size), abs=1e-15)


def test_energies_are_exact() -> None:
    whole = np.random.RandomState(1).randint(-(2**20) + 1, 2**20, (301, 67)).astype(float)
    assert fourier._energy(whole) == sum(int(n) ** 2 for n in whole.ravel().tolist())
