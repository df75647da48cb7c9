"""The local generator: image ``index`` of a job, as pixels, from nothing but the job.

Colour is a background, noise is drawn over it. A family may say by its *coverage* A (0 … 255) where
its noise is, of a pixel or of each channel; ``density`` thins that to a fraction of the pixels. In
every channel, alpha included,

    out = (A·noise + (255 − A)·colour + 127) // 255,

with the noise opaque; over a transparent colour the noise keeps its own levels and alpha = A,
the greatest of the channels'.
"""

from typing import NamedTuple, Protocol

import numpy as np

from pixelgen.colors import Color
from pixelgen.families import Family
from pixelgen.families.mixture import Mixture
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.rng import DATA, Stream

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
        """The fraction of the pixels drawn over the background; None: as suits the family."""

    @property
    def family(self) -> Mixture:
        """What fills the images."""


class Image(NamedTuple):
    """An image: (height, width, channels of the mode), uint8 or uint16; and how it compresses."""

    pixels: Pixels
    texture: Texture


class Origin(NamedTuple):
    """What an image was made of: its family as spelled, its density, the file it was taken from."""

    family: str
    density: float
    source: str


def density_of(job: Picture, family: Family) -> float:
    """Return the fraction drawn: by itself, half of what else would leave no background."""
    if job.color is None:
        return 1.0
    if job.density is not None:
        return job.density
    return 1.0 if family.has_coverage else 0.5


def texture_of(job: Picture, family: Family) -> Texture:
    """Tell how images of a family compress: as it says, unless a background shows between."""
    return family.texture if density_of(job, family) == 1 else Texture.SPARSE


class Generator:
    """Renders the images of one job; keeps its random stream between them."""

    def __init__(self, job: Picture) -> None:
        self._job = job
        self._stream = Stream(job.seed)
        self._channels = MODES[job.mode]
        noisy = 1 if job.mode.startswith("L") else 3
        self._shape = Shape(job.height, job.width, noisy, job.depth)

    def render(self, index: int) -> Image:
        """Make image ``index``."""
        family = self._job.family.at(self._stream, index)
        self._seek(index, family)
        drawn = family.render(self._stream, self._shape)
        noise, coverage = drawn if isinstance(drawn, tuple) else (drawn, None)
        noise = self._with_alpha(noise)
        if self._job.color is None:
            return Image(noise, family.texture)
        density = density_of(self._job, family)
        if density < 1:
            coverage = self._thin(coverage, density, index)
        if coverage is not None:
            coverage = coverage.reshape(*self._shape[:2], -1)
            noise = self._over(self._job.color, noise, coverage)
        return Image(noise, texture_of(self._job, family))

    def origin(self, index: int) -> Origin:
        """Tell what image ``index`` is made of, without making it."""
        member, words = self._job.family.choose(self._stream, index)
        family = member.at(words)
        self._seek(index, family)
        spelled = family.to_spec(always=member.drawn_names)
        return Origin(spelled, density_of(self._job, family), family.entry(self._stream))

    def _seek(self, index: int, family: Family) -> None:
        self._stream.seek(index, family.number, family.version)

    def _with_alpha(self, noise: Pixels) -> Pixels:
        """Add a full alpha channel where the mode has one."""
        if self._channels == self._shape.channels:
            return noise
        opaque = np.empty((*self._shape[:2], self._channels), self._shape.dtype)
        opaque[..., :-1] = noise
        opaque[..., -1] = self._shape.top
        return opaque

    def _thin(self, coverage: Coverage | None, density: float, index: int) -> Coverage:
        """Keep each pixel's coverage with probability ``density``."""
        self._stream.seek(index, purpose=DATA)
        kept = self._stream.integers(self._shape[:2], 16) < round(65536 * density)
        mask: Coverage = np.negative(kept.view(np.uint8))
        if coverage is None:
            return mask
        return coverage & mask if coverage.ndim == 2 else coverage & mask[..., None]

    def _over(self, color: Color, noise: Pixels, coverage: Coverage) -> Pixels:
        """Lay the noise over the colour, by the formula at the head of the module."""
        scale = self._shape.top // 255
        alpha = coverage.max(axis=-1, keepdims=True)
        if color.alpha == 0:
            pixels = np.where(alpha > 0, noise, noise.dtype.type(0))
            pixels[..., -1:] = alpha.astype(noise.dtype) * scale
            return pixels
        if 1 < coverage.shape[-1] < self._channels:
            coverage = np.concatenate([coverage, alpha], axis=-1)
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
