"""Blurred noise: smooth fields, and blobs cut out of them."""

import math
from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from pixelgen.errors import BadValue
from pixelgen.families.base import Family
from pixelgen.families.blur_sigma import (
    NARROWEST,
    WIDEST,
    check_sigma,
    scaled_sigma,
    side_parameter,
    widest_sigma,
)
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.blur import KERNEL_SUM, BlurredImage, blur, blur_gain, fine_blur, repeated
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.line_blur import BORDERS, PERIODIC
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream

_USUAL = 10.0  # pixels, of smooth noise whose sigma is not given


@dataclass(frozen=True)
class Smooth(Family):
    """Noise blurred by a Gaussian, brought to the full range of levels.

    ``sigma`` is in pixels. With ``side`` it is as much less as the frame's shorter side is less
    than ``side``, but at least 0.3. A blur of more than 0.4 of the shorter side leaves little but
    the mean: such a sigma is refused. By default it is 10, and at most 0.4 of each side. Beyond a
    ``border`` of the frame lies its other end, or its mirror image.

    ``scale`` says what is brought to the full range: ``global`` the whole image, ``channel`` each
    channel for itself. ``colorrange`` gives each channel the levels c + 2δ·(y − q)/(Q − q),
    clipped, with c uniform in 0 … 1, δ uniform in 0.1 … 0.3, and q, Q the 2.5 % and 97.5 %
    quantiles. ``contrast`` γ then maps a level v of 0 … 1 to 1/(1 + exp(−γ·(v − ½))).

    Source: Bitterwolf, Mueller and Hein, ICML 2023 (the scales; sigma 10 … 85); Hein,
    Andriushchenko and Bitterwolf, "Why ReLU Networks Yield High-Confidence Predictions Far Away
    From the Training Data", CVPR 2019 (sigma 1 … 2.5, a symmetric border). The sigmoid is that of
    Meinke and Hein, "Towards Neural Networks That Provably Know When They Don't Know", ICLR 2020
    (contrast 5 … 30), who apply it to blurred permutations of pixels, without the full range.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Smooth().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '5545fa680dd80598'
    """

    name = "smooth"
    number = 7
    version = 2
    texture = Texture.SMOOTH
    shape_parameters = ("sigma", "side")

    sigma: float = parameter(
        0.0, "standard deviation of the blur, in pixels; 0: 10, at most 0.4 of each side",
        low=0.0, high=WIDEST,
    )  # fmt: skip
    scale: str = parameter("global", "what is brought to full range",
                        choices=("global", "channel", "colorrange"))  # fmt: skip
    contrast: float = parameter(0.0, "steepness of a sigmoid over the levels; 0: none",
                             low=0.0, high=100.0)  # fmt: skip

    side: int = side_parameter()
    border: str = parameter(PERIODIC, "what lies beyond the border of the noise", choices=BORDERS)

    @property
    def memory(self) -> int:
        """Quantiles need a channel at once."""
        return 7 if self.scale == "colorrange" else 6

    def check_shape(self, shape: Shape) -> None:
        """Refuse a sigma that is too wide for a frame."""
        check_sigma(self.name, self.sigma, self.side, shape)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Blur noise about zero and stretch it."""
        blurred = fine_blur(_noise(stream, shape), self._sigmas(shape), self.border)
        if self.scale == "colorrange":
            pixels = _color_range(blurred, stream, shape)
        else:
            pixels = blurred.stretched(shape, by_channel=self.scale == "channel")
        return _sigmoid(self.contrast, shape.depth)[pixels] if self.contrast else pixels

    def _sigmas(self, shape: Shape) -> tuple[float, float]:
        """Return the sigmas down and across."""
        sigma = scaled_sigma(self.sigma or _USUAL, self.side, shape)
        if self.sigma:
            return sigma, sigma
        return min(sigma, widest_sigma(shape.height)), min(sigma, widest_sigma(shape.width))


def _noise(stream: Stream, shape: Shape) -> Table:
    """Draw levels less the middle one, as (channels, height, width) of int8 or int16."""
    noise = stream.integers((shape.channels, shape.height, shape.width), shape.depth)
    noise ^= 1 << (shape.depth - 1)
    return noise.view(f"<i{shape.depth // 8}")


def _color_range(blurred: BlurredImage, stream: Stream, shape: Shape) -> Pixels:
    """Bring each channel to a drawn part of the range of levels."""
    stream.purpose(PARAMETERS)
    *lows, width = (int(word) / 65536 for word in stream.integers(shape.channels + 1, 16))
    cut = shape.height * shape.width * 25 // 1000
    strips = blurred.for_several_uses()
    ends = [_ends(blurred.channel(channel, strips), cut) for channel in range(shape.channels)]
    leasts = [least for least, _ in ends]
    slopes = [2 * (0.1 + 0.2 * width) * shape.top / max(most - least, 1.0) for least, most in ends]
    pixels = np.empty((shape.height, shape.width * shape.channels), shape.dtype)
    for columns, strip in strips:
        levels = strip - repeated(leasts, columns)
        levels *= repeated(slopes, columns)
        levels += repeated([low * shape.top for low in lows], columns)
        np.rint(levels, out=levels)
        pixels[:, columns] = np.clip(levels, 0, shape.top, out=levels)
    return pixels.reshape(shape.levels)


def _ends(plane: Field, cut: int) -> tuple[float, float]:
    """Return the value that ``cut`` others are below, and that which as many are above."""
    ordered = plane.reshape(-1)
    last = len(ordered) - 1 - cut
    ordered.partition((cut, last))
    return float(ordered[cut]), float(ordered[last])


@lru_cache(maxsize=8)
def _sigmoid(contrast: float, depth: int) -> Pixels:
    """Tabulate the level that each level becomes."""
    top = (1 << depth) - 1
    levels = [round(top / (1 + math.exp(-contrast * (v / top - 0.5)))) for v in range(top + 1)]
    return np.array(levels, f"<u{depth // 8}")


@dataclass(frozen=True)
class Blobs(Family):
    """Soft blobs on a background, from blurred random bits.

    Each channel of each pixel is 1 with probability ``p``, else 0. The bits are blurred by a
    Gaussian; beyond a ``border`` of the frame lies its other end, or its mirror image. With
    ``channels=blurred`` the same Gaussian blurs along the channels too, the first and the last of
    which are repeated at both ends. The blurred field, as a level of its full range, is shown where
    it is at least ``threshold``. Elsewhere the background shows: black, or the color that is given.
    With ``side`` sigma is as much less as the frame's shorter side is less than ``side``, but at
    least 0.3.

    The wider the blur, the less the field departs from ``p``: above a sigma that depends on the
    frame, most have no blob. Such a sigma is refused; near it some channels are empty.

    Source: the blobs of Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier
    Exposure", ICLR 2019 (sigma 1.5 for CIFAR and SVHN, 2 for Tiny ImageNet; channels blurred,
    border symmetric); Bitterwolf, Mueller and Hein, ICML 2023 (channels independent).

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Blobs().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'fc2aa641b435ec41'
    """

    name = "blobs"
    number = 8
    texture = Texture.LEVELS  # most pixels are background; a filter would gain nothing
    has_coverage = True
    shape_parameters = ("sigma", "p", "threshold", "side")

    sigma: float = parameter(
        2.0, "standard deviation of the blur, in pixels", low=NARROWEST, high=WIDEST
    )
    p: float = parameter(0.7, "probability of a one", low=0.0, high=1.0)
    threshold: float = parameter(
        0.75, "lowest level of the blurred field that shows", low=0.0, high=1.0
    )
    channels: str = parameter("independent", "how the channels depend on each other",
                           choices=("independent", "blurred"))  # fmt: skip
    border: str = parameter(PERIODIC, "what lies beyond the border of the bits", choices=BORDERS)
    side: int = side_parameter()

    def check_shape(self, shape: Shape) -> None:
        """Refuse parameters that leave most channels without a blob."""
        if self._shows_blobs(self.sigma, shape):
            return
        tenths = range(math.ceil(10 * NARROWEST), round(10 * WIDEST))
        fits = bisect(tenths, False, key=lambda tenth: not self._shows_blobs(tenth / 10, shape))
        advice = (
            f"sigma must be at most {tenths[fits - 1] / 10}; choose a smaller sigma or a larger"
            " size"
            if fits
            else "no sigma shows any; choose a larger p or a smaller threshold"
        )
        raise BadValue(
            f"family {self.name!r}: images of {shape.width}x{shape.height} would be mostly without"
            f" blobs at sigma={self.sigma}, p={self.p} and threshold={self.threshold}: {advice}"
        )

    def _shows_blobs(self, sigma: float, shape: Shape) -> bool:
        """Return whether about half of the channels, or more, have a blob.

        An estimate: the field is normal, and alike over squares of 2√π·sigma pixels, each of which
        reaches the threshold in one of three places. It agrees with counts for sigma 1 … 6 in
        frames of 8 … 128 pixels.
        """
        if self.p >= self.threshold:
            return True
        reach = max(1.0, 2 * math.sqrt(math.pi) * scaled_sigma(sigma, self.side, shape))
        square = min(shape.height, reach) * min(shape.width, reach)
        if self.channels == "blurred" and shape.channels > 1:
            square *= 2
        deviation = math.sqrt(self.p * (1 - self.p) / square)
        if not deviation:
            return False
        hidden = NormalDist().cdf((self.threshold - self.p) / deviation)
        return math.pow(hidden, 3 * shape.height * shape.width / square) <= 0.5

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Blur ones and zeros and cut."""
        sigma = scaled_sigma(self.sigma, self.side, shape)
        full = blur_gain(shape.height, shape.width, sigma, self.border)
        pixels = np.empty((shape.height, shape.width * shape.channels), shape.dtype)
        mask = np.empty(pixels.shape, np.uint8)
        mix = _channel_mix(shape.channels, sigma) if self.channels == "blurred" else None
        for columns, strip in blur(self._bits(stream, shape), sigma, self.border):
            blurred = strip if mix is None else _mixed(strip, mix)
            shows = blurred >= math.ceil(full * self.threshold)
            # Below 2**33·2**17; no quotient is so near a whole number that floor could miss it.
            levels = blurred * (2 * shape.top)
            levels += full
            levels /= 2 * full
            levels *= shows
            pixels[:, columns] = np.floor(levels, out=levels)
            mask[:, columns] = np.negative(shows.view(np.uint8))
        return pixels.reshape(shape.levels), mask.reshape(shape.levels)

    def _bits(self, stream: Stream, shape: Shape) -> Table:
        """Draw a bit for each channel of each pixel, (channels, height, width)."""
        planes = (shape.channels, shape.height, shape.width)
        return stream.integers(planes, 16) < round(65536 * self.p)


def _mixed(blurred: Field, mix: Field) -> Field:
    """Blur along the channels, too, which follow one another."""
    mixed = exact.product(blurred.reshape(-1, len(mix)), mix.T)
    # Below 2**33·2**16; at most what it was again, once it is scaled back.
    mixed /= KERNEL_SUM
    return np.rint(mixed, out=mixed).reshape(blurred.shape)


@lru_cache(maxsize=8)
def _channel_mix(channels: int, sigma: float) -> Field:
    """Tabulate a blur along the channels, of which the ends are repeated; rows add up to 2**16."""
    reach = math.ceil(4 * sigma)
    taps = {d: math.exp(-d * d / (2 * sigma * sigma)) for d in range(-reach, reach + 1)}
    total = math.fsum(taps.values())
    mix = np.zeros((channels, channels))
    for channel, row in enumerate(mix):
        for source in range(channels):
            within = [taps[d] for d in taps if min(max(channel + d, 0), channels - 1) == source]
            row[source] = round(KERNEL_SUM * math.fsum(within) / total)
        row[channel] += KERNEL_SUM - row.sum()
    return mix
