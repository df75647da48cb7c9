"""What people would write instead of the families of given spectra, with numpy's FFT.

Each reference draws one image, as those of :mod:`benchmarks.references`. The image models follow
"Learning to See by Looking at Noise" in as many rounds as pixelgen takes by default.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from benchmarks.references import RNG, Field, Pixels, clipped, colors, picture, stretched

Change: TypeAlias = Callable[[Field], Field]
"""Gives a plane a statistic."""

_AXES = (0, 1)
_ROUNDS = 10
_STD = 256 / math.sqrt(12)


@lru_cache
def amplitudes(side: int) -> Field:
    """Return 1/f of each coefficient of a real transform, scaled to levels of deviation 255/7."""
    across = np.fft.fftfreq(side)
    frequency = np.hypot(across, across[:, None])
    frequency[0, 0] = np.inf
    scaled: Field = 255 / 7 / np.sqrt(np.mean(frequency**-2.0)) / frequency
    return scaled[:, : side // 2 + 1, None]


def spectrum(side: int) -> Pixels:
    """Give white noise the power 1/f², and levels the deviation 255/7."""
    waves = np.fft.rfft2(RNG.normal(size=(side, side, 3)), axes=_AXES) * amplitudes(side)
    return clipped(127.5 + np.fft.irfft2(waves, (side, side), axes=_AXES))


def phase_scramble(side: int) -> Pixels:
    """Turn the phases of an image by those of white noise; clip at most 1 % of the levels."""
    image = picture(side)
    means = image.mean(axis=_AXES)
    white = np.fft.rfft2(RNG.normal(size=(side, side)))
    white /= np.abs(white)
    waves = np.fft.rfft2(image - means, axes=_AXES) * white[..., None]
    field = np.fft.irfft2(waves, (side, side), axes=_AXES)
    reach = np.abs(field) / np.maximum(np.where(field > 0, 255 - means, means), 0.5)
    within = reach.size - 1 - reach.size // 100
    field /= max(np.partition(reach, within, axis=None)[within], 1)
    return clipped(field + means + 0.5)


class Palette(NamedTuple):
    """A few colors in random shares, (places, channels) about their mean, and their axes."""

    colors: Field
    mean: Field
    axes: Field

    @classmethod
    def draw(cls, side: int) -> "Palette":
        """Blur stripes, and stretch them to the full range."""
        count = RNG.integers(3, 23)
        shares = RNG.random(count) + 0.001
        widths = np.maximum(np.rint(shares / shares.sum() * side).astype(int), 1)
        stripes = np.repeat(colors(int(count)).astype(np.float64), widths, axis=0)
        box = np.ones(RNG.integers(1, 11))
        box /= box.sum()
        blurred = np.stack([np.convolve(each, box, "same") for each in stripes.T], axis=1)
        levels = (blurred - blurred.min()) * (255 / np.ptp(blurred))
        mean = levels.mean(axis=0)
        _, axes = np.linalg.eigh(np.cov(levels.T))
        return cls(levels - mean, mean, axes)

    def pixels(self, planes: Sequence[Field]) -> Pixels:
        """Turn planes into channels, and stretch all levels to the full range."""
        return stretched(np.stack(planes, axis=-1) @ self.axes.T + self.mean)


def exponential(side: int) -> Change:
    """Return what gives a plane the amplitudes 1/(|f_x|^s + |f_y|^s), with s of 0.5 … 3.5."""
    slope = RNG.uniform(0.5, 3.5)
    across = np.abs(np.fft.fftfreq(side)) ** slope
    total = across[: side // 2 + 1] + across[:, None]
    total[0, 0] = np.inf
    amplitude = 1 / total

    def change(plane: Field) -> Field:
        waves = np.fft.rfft2(plane)
        waves *= amplitude / np.maximum(np.abs(waves), 1e-9)
        changed: Field = np.fft.irfft2(waves, (side, side))
        changed *= plane.std() / changed.std()
        return changed

    return change


def matched(field: Field, levels: Field) -> Field:
    """Give a field sorted levels, as many as it has places, in the order of its own."""
    out = np.empty(field.size)
    out[field.argsort(axis=None)] = levels
    return out.reshape(field.shape)


def quantiles(levels: Field, count: int) -> Field:
    """Return so many levels, from the smallest on, that are distributed as some others."""
    places: Field = np.interp(
        (np.arange(count) + 0.5) / count, (np.arange(levels.size) + 0.5) / levels.size, levels
    )
    return places


class Octave(NamedTuple):
    """Where an octave is in the spectrum, its side in pixels, and its filters."""

    places: tuple[Field, Field]
    side: int
    masks: tuple[Field, ...]


class Pyramid(NamedTuple):
    """The filters of a steerable pyramid: a band above all, octaves, and what is below them."""

    above: Field
    octaves: tuple[Octave, ...]
    below: Octave


@lru_cache
def pyramid(side: int) -> Pyramid:
    """Tabulate the filters of Portilla and Simoncelli, as cosines of the logarithm of radii."""
    count = max(side.bit_length() - 5, 1)
    octaves = []
    for octave in range(count):
        small = -(-side >> octave)
        places, radius, angle = _polar(side, small)
        ring = _low(radius * 2**octave) * _high(radius * 2 ** (octave + 1))
        masks = (
            -1j * math.sqrt(0.8) * ring * np.cos(angle - math.pi * turn / 4) ** 3
            for turn in range(4)
        )
        octaves.append(Octave(places, small, tuple(masks)))
    small = -(-side >> count)
    places, radius, _ = _polar(side, small)
    below = Octave(places, small, (_low(radius * 2**count) ** 2,))
    return Pyramid(_high(_polar(side, side)[1]), tuple(octaves), below)


def _polar(side: int, small: int) -> tuple[tuple[Field, Field], Field, Field]:
    """Return the rows and columns of the lowest frequencies, their radii (1 is Nyquist), angles."""
    down = np.rint(np.fft.fftfreq(small, 1 / small)).astype(int)[:, None]
    across = np.arange(small // 2 + 1)
    return (down % side, across), np.hypot(down, across) * 2 / side, np.arctan2(down, across)


def _high(radius: Field) -> Field:
    octave: Field = np.clip(np.log2(np.maximum(radius, 1e-9)), -1, 0)
    high: Field = np.cos(math.pi / 2 * octave)
    return high


def _low(radius: Field) -> Field:
    low: Field = np.sqrt(1 - _high(radius) ** 2)
    return low


def heavy_tails(side: int) -> Change:
    """Return what gives the bands of a plane densities of exp(−|x/4ᵏ|ʳ), r of 0.4 … 0.8."""
    above, octaves, below = pyramid(side)
    of_above = _tails(1.0, side * side)
    of_bands = [[_tails(4.0**2**number, each.side**2) for _ in each.masks]
                for number, each in enumerate(octaves)]  # fmt: skip

    def change(plane: Field) -> Field:
        waves = np.fft.rfft2(plane)
        band = np.fft.irfft2(waves * above, (side, side))
        total = np.fft.rfft2(matched(band, of_above)) * above
        for (places, small, masks), several in zip(octaves, of_bands, strict=True):
            for mask, levels in zip(masks, several, strict=True):
                band = np.fft.irfft2(waves[places] * mask, (small, small))
                total[places] += np.fft.rfft2(matched(band, levels)) * mask.conj()
        total[below.places] += waves[below.places] * below.masks[0]
        return np.fft.irfft2(total, (side, side))

    return change


def _tails(scale: float, count: int) -> Field:
    levels = np.linspace(-200, 200, 4096)
    sums = np.cumsum(np.exp(-(np.abs(levels / scale) ** RNG.uniform(0.4, 0.8))))
    tails: Field = np.interp((np.arange(count) + 0.5) / count, sums / sums[-1], levels)
    return tails


def with_palette(side: int) -> Pixels:
    """Give noise amplitudes, and the axes of a palette."""
    palette, change = Palette.draw(side), exponential(side)
    return palette.pixels([change(_noise(side)) for _ in range(3)])


def spectrum_color(side: int) -> Pixels:
    """Give noise amplitudes and the colors of a palette in turn."""
    amplitude = exponential(side)
    return _model(side, [[amplitude]] * 3)


def spectrum_color_wmm(side: int) -> Pixels:
    """Give noise amplitudes, bands with heavy tails, and the colors of a palette in turn."""
    amplitude = exponential(side)
    return _model(side, [[amplitude, heavy_tails(side)] for _ in range(3)])


def wmm(side: int) -> Pixels:
    """Give noise bands with heavy tails, and the axes of a palette."""
    planes = [_noise(side) for _ in range(3)]
    for plane in planes:
        change = heavy_tails(side)
        for _ in range(_ROUNDS):
            plane[:] = change(plane)
    return Palette.draw(side).pixels(planes)


def _model(side: int, changes_of_planes: Sequence[Sequence[Change]]) -> Pixels:
    palette, planes = Palette.draw(side), []
    for axis, changes in zip(palette.axes, changes_of_planes, strict=True):
        levels = quantiles(np.sort(palette.colors @ axis), side * side)
        plane = _noise(side)
        for _ in range(_ROUNDS):
            for change in changes:
                plane = change(plane)
            plane = matched(plane, levels)
        planes.append(plane)
    return palette.pixels(planes)


def _noise(side: int) -> Field:
    return RNG.uniform(-math.sqrt(3) * _STD, math.sqrt(3) * _STD, (side, side))
