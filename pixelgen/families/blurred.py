"""Blurred noise: smooth fields, and blobs cut out of them."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream

_NARROWEST = 0.3  # pixels; below, the blur leaves everything where it is
_WIDEST = 4096.0


@dataclass(frozen=True)
class Smooth(Family):
    """Noise blurred by a periodic Gaussian, brought to the full range of levels.

    ``scale`` says what is brought to the full range: ``global`` the whole image, ``channel`` each
    channel for itself. ``colorrange`` gives each channel the levels c + 2δ·(y − q)/(Q − q),
    clipped, with c uniform in 0 … 1, δ uniform in 0.1 … 0.3, and q, Q the 2.5 % and 97.5 %
    quantiles. ``contrast`` γ then maps a level v of 0 … 1 to 1/(1 + exp(−γ·(v − ½))).

    Source: Bitterwolf, Mueller and Hein, ICML 2023 (the scales; sigma 10 … 85); Hein,
    Andriushchenko and Bitterwolf, "Why ReLU Networks Yield High-Confidence Predictions Far Away
    From the Training Data", CVPR 2019 (sigma 1 … 2.5); Meinke and Hein, "Towards Neural Networks
    That Provably Know When They Don't Know", ICLR 2020 (contrast 5 … 30).

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Smooth().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'e4e98967fd027b29'
    """

    name = "smooth"
    number = 7
    texture = Texture.SMOOTH

    sigma: float = parameter(
        10.0, "standard deviation of the blur, in pixels", low=_NARROWEST, high=_WIDEST
    )
    scale: str = parameter("global", "what is brought to full range",
                        choices=("global", "channel", "colorrange"))  # fmt: skip
    contrast: float = parameter(0.0, "steepness of a sigmoid over the levels; 0: none",
                             low=0.0, high=100.0)  # fmt: skip

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Blur noise about zero and stretch it."""
        noise = stream.integers((shape.channels, shape.height, shape.width), shape.depth)
        # Half of 2**depth at most, grown 2**32-fold: below 2**47, as stretch wants at 16 bits
        # of the difference of two, once its 2**12 are shifted out.
        blurred = exact.blur(noise.astype(np.float64) - (1 << (shape.depth - 1)), self.sigma)
        if shape.depth == 16:
            blurred = np.rint(blurred / 4096)
        if self.scale == "colorrange":
            field = _color_range(blurred, stream, shape)
        else:
            axes = (1, 2) if self.scale == "channel" else None
            field = exact.stretch(blurred, shape.top, axes)
        pixels = exact.image(field, shape)
        return _sigmoid(self.contrast, shape.depth)[pixels] if self.contrast else pixels


def _color_range(field: Field, stream: Stream, shape: Shape) -> Field:
    """Bring each channel to a drawn part of the range of levels."""
    stream.purpose(PARAMETERS)
    *lows, width = (int(word) / 65536 for word in stream.integers(shape.channels + 1, 16))
    size = shape.height * shape.width
    cut = size * 25 // 1000
    scaled = np.empty_like(field)
    for channel, low in enumerate(lows):
        ordered = np.partition(field[channel], (cut, size - 1 - cut), axis=None)
        least, most = float(ordered[cut]), float(ordered[size - 1 - cut])
        slope = 2 * (0.1 + 0.2 * width) * shape.top / max(most - least, 1.0)
        scaled[channel] = np.rint((field[channel] - least) * slope + low * shape.top)
    return scaled


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
    periodic Gaussian. The blurred field, as a level of its full range, is shown where it is at
    least ``threshold``. Elsewhere the background shows: black, or the color that is given.

    Source: "blobs" of Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier
    Exposure", ICLR 2019; here each channel is independent.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Blobs().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'fc2aa641b435ec41'
    """

    name = "blobs"
    number = 8
    texture = Texture.LEVELS  # most pixels are background; a filter would gain nothing
    has_coverage = True

    sigma: float = parameter(
        2.0, "standard deviation of the blur, in pixels", low=_NARROWEST, high=_WIDEST
    )
    p: float = parameter(0.7, "probability of a one", low=0.0, high=1.0)
    threshold: float = parameter(
        0.75, "lowest level of the blurred field that shows", low=0.0, high=1.0
    )

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Blur ones and zeros and cut."""
        planes = (shape.channels, shape.height, shape.width)
        ones = stream.integers(planes, 16) < round(65536 * self.p)
        blurred = exact.blur(ones.astype(np.float64), self.sigma)
        full = exact.blur_gain(*shape[:2], self.sigma)
        shows = blurred >= math.ceil(full * self.threshold)
        levels = np.zeros(planes, shape.dtype)
        # Below 2**33·2**17; no quotient is so near a whole number that floor could miss it.
        levels[shows] = np.floor((blurred[shows] * (2 * shape.top) + full) / (2 * full))
        mask = np.negative(shows.view(np.uint8))
        return exact.last(levels), exact.last(mask)
