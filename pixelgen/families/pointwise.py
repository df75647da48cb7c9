"""Pointwise families: every pixel is drawn independently, or all pixels are one color."""

from dataclasses import dataclass

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric.lookup import look_up
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.registry import parameter
from pixelgen.rng import Stream


@dataclass(frozen=True)
class Uniform(Family):
    """Random pixels: every level of 0 … 255 (or 65535) equally likely.

    Levels are independent: they are the bytes of the random stream.

    Source: "uniform noise" of Liang, Li and Srikant, "Enhancing the Reliability of
    Out-of-distribution Image Detection in Neural Networks" (ODIN), ICLR 2018; here both end levels
    have full weight.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Uniform().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '8f59ec222cbc4854'
    """

    name = "uniform"
    number = 1

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Take the stream's integers as levels."""
        return stream.integers(shape.levels, shape.depth)


@dataclass(frozen=True)
class Gaussian(Family):
    """Independent normal levels, clipped to the range of levels.

    level = clip(round(mean + sigma·Φ⁻¹((k + ½)/65536))), with k uniform in 0 … 65535. At 16 bits
    mean and sigma are multiplied by 257.

    Source: ODIN, ICLR 2018 (sigma=255); Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection
    with Outlier Exposure", ICLR 2019 (sigma=63.75).

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Gaussian().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'adb8ceca04864004'
    """

    name = "gaussian"
    number = 2

    mean: float = parameter(127.5, "mean level, on a scale of 0..255", low=0.0, high=255.0)
    sigma: float = parameter(
        63.75, "standard deviation before clipping, on the same scale", low=0.0, high=1e4
    )

    @property
    def texture(self) -> Texture:
        """Levels with more than about 7.6 of 8 bits of entropy do not compress."""
        return Texture.NOISE if self.sigma >= 48 else Texture.LEVELS

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Look each level up in the table of 65,536 equally likely quantiles."""
        table = _normal_levels(self.mean, self.sigma, shape.depth)
        return look_up(table, stream.integers(shape.levels, 16))


@cached_tables
def _normal_levels(mean: float, sigma: float, depth: int) -> Pixels:
    """Tabulate the quantiles by IEEE operations, one at a time."""
    from pixelgen.numeric.exact import quantiles  # here, since it slows the start of the command

    scale, top = (1, 255) if depth == 8 else (257, 65535)
    levels = np.rint((quantiles() * sigma + mean) * scale)
    return np.clip(levels, 0, top).astype(f"<u{depth // 8}")


@dataclass(frozen=True)
class Rademacher(Family):
    """Independent levels, each the lowest or the highest.

    level = 255 (or 65535) with probability ``p``, else 0. With p=0.5 the levels are the bits of the
    random stream, the most significant bit of a byte first.

    Source: Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure", ICLR
    2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Rademacher().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'ef5e65322b6a74f9'
    """

    name = "rademacher"
    number = 3
    texture = Texture.LEVELS

    p: float = parameter(0.5, "probability of the highest level", low=0.0, high=1.0)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Spread bits, or compare 16-bit integers with p, to levels."""
        height, width, channels = shape.levels
        size = height * width * channels
        if self.p == 0.5:
            bits = np.unpackbits(stream.integers(-(-size // 8)), count=size)
        else:
            bits = (stream.integers(size, 16) < round(65536 * self.p)).view(np.uint8)
        levels: Pixels = np.negative(bits.astype(shape.dtype, copy=False))
        return levels.reshape(shape.levels)


@dataclass(frozen=True)
class Solid(Family):
    """One color for all pixels of an image.

    ``random`` draws each channel, ``gray`` draws one level for all channels; ``black`` and
    ``white`` are the lowest and the highest level.

    Source: "monochrome", "grey", "black" and "white" of Bitterwolf, Mueller and Hein, "In or Out?
    Fixing ImageNet Out-of-Distribution Detection Evaluation", ICML 2023.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Solid().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'e194eb0302bb1f8c'
    """

    name = "solid"
    number = 4
    texture = Texture.FLAT

    tone: str = parameter(
        "random", "color of the image", choices=("random", "gray", "black", "white")
    )

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Draw the levels of one pixel and repeat it."""
        fixed = {"black": 0, "white": shape.top}
        if self.tone in fixed:
            return np.full(shape.levels, fixed[self.tone], shape.dtype)
        pixel = stream.integers(shape.channels if self.tone == "random" else 1, shape.depth)
        row = np.full(shape.levels[1:], pixel, shape.dtype)
        return np.broadcast_to(row, shape.levels).copy()


@dataclass(frozen=True)
class SaltPepper(Family):
    """Single black and white pixels over a background.

    Each pixel is hit with probability ``p``. It is then black or white with equal probability, in
    all channels. Without a color the background is middle gray.

    Source: the impulse noise of Gonzalez and Woods, "Digital Image Processing", section 5.2.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(SaltPepper(p=0.5).sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '911c82cc9106626e'
    """

    name = "salt_pepper"
    number = 12
    texture = Texture.SPARSE
    has_coverage = True

    p: float = parameter(0.05, "probability that a pixel is hit", low=0.0, high=1.0)

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Compare a 16-bit integer a pixel with p; if it is less, its lowest bit is the tone."""
        drawn = stream.integers(shape.levels[:2], 16)
        hit = drawn < (round(65536 * self.p) & ~1)
        middle = np.array([shape.top // 2 + 1, shape.top], shape.dtype)
        tone = np.where(hit, (drawn & 1) * middle[1], middle[0])
        pixels = np.repeat(tone[..., None], shape.channels, axis=2)
        return pixels.astype(shape.dtype, copy=False), np.negative(hit.view(np.uint8))
