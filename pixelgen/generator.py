"""The local generator: image ``index`` of a job, as pixels, from nothing but the job.

Colour is a background, noise is drawn over it. A family says by its *coverage* A (0 … 255) where
its noise is; ``density`` thins that to a fraction of the pixels. In every channel, alpha included,

    out = (A·noise + (255 − A)·colour + 127) // 255,

with the noise opaque; over a transparent colour the noise keeps its own levels and alpha = A.
"""

from typing import Protocol

import numpy as np

from pixelgen.colors import Color
from pixelgen.families import Family, Shape
from pixelgen.families.base import Coverage, Pixels
from pixelgen.stream import DATA, Stream

MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""The modes of an image and their channels; the names are Pillow's."""


class Picture(Protocol):
    """What the generator must know of a job; see :class:`pixelgen.job.Job`."""

    @property
    def seed(self) -> int:
        """0 … 2¹²⁸−1."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def mode(self) -> str:
        """L, LA, RGB or RGBA."""

    @property
    def depth(self) -> int:
        """8 or 16 bits a level."""

    @property
    def color(self) -> Color | None:
        """The background, if there is one."""

    @property
    def density(self) -> float | None:
        """The fraction of the pixels drawn over the background."""

    @property
    def family(self) -> Family:
        """What fills an image."""


class Generator:
    """Renders the images of one job; keeps its random stream between them."""

    def __init__(self, job: Picture) -> None:
        self._job = job
        self._stream = Stream(job.seed)
        self._channels = MODES[job.mode]
        noisy = 1 if job.mode.startswith("L") else 3
        self._shape = Shape(job.height, job.width, noisy, job.depth)
        self._color = job.color
        self._threshold = 65536 if job.density is None else round(65536 * job.density)

    def render(self, index: int) -> Pixels:
        """Return image ``index``: (height, width, channels of the mode), uint8 or uint16."""
        family = self._job.family
        self._stream.seek(index, family.number, family.version)
        drawn = family.render(self._stream, self._shape)
        noise, coverage = drawn if isinstance(drawn, tuple) else (drawn, None)
        noise = self._with_alpha(noise)
        if self._color is None:
            return noise
        if self._threshold < 65536:
            coverage = self._thin(coverage, index)
        if coverage is None:
            return noise
        return self._over(self._color, noise, coverage[..., None])

    def _with_alpha(self, noise: Pixels) -> Pixels:
        """Add a full alpha channel where the mode has one."""
        if self._channels == self._shape.channels:
            return noise
        opaque = np.empty((*self._shape[:2], self._channels), self._shape.dtype)
        opaque[..., :-1] = noise
        opaque[..., -1] = self._shape.top
        return opaque

    def _thin(self, coverage: Coverage | None, index: int) -> Coverage:
        """Keep each pixel's coverage with probability ``density``."""
        self._stream.seek(index, purpose=DATA)
        kept = self._stream.integers(self._shape[:2], 16) < self._threshold
        mask: Coverage = np.negative(kept.view(np.uint8))
        return mask if coverage is None else coverage & mask

    def _over(self, color: Color, noise: Pixels, coverage: Coverage) -> Pixels:
        """Lay the noise over the colour, by the formula at the head of the module."""
        scale = self._shape.top // 255
        if color.alpha == 0:
            pixels = np.where(coverage > 0, noise, noise.dtype.type(0))
            pixels[..., -1:] = coverage.astype(noise.dtype) * scale
            return pixels
        background = self._pixel(color) * scale
        if np.isin(coverage, (0, 255)).all():
            return np.where(coverage > 0, noise, background)
        weight = coverage.astype(np.uint32)
        blend = (noise * weight + background * (255 - weight) + 127) // 255
        return blend.astype(noise.dtype)

    def _pixel(self, color: Color) -> Pixels:
        """Return the colour in the channels of the mode."""
        opaque = color[:3] if self._shape.channels == 3 else (color.luma,)
        levels = (*opaque, color.alpha)[: self._channels]
        return np.array(levels, self._shape.dtype)
