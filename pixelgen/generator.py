"""The local generator: image ``index`` of a job, as pixels, from nothing but the job.

Colour is a background, noise is drawn over it. A family may say by its *coverage* A (0 … 255) where
its noise is, of a pixel or of each channel; ``density`` thins that to a fraction of the pixels. In
every channel, alpha included,

    out = (A·noise + (255 − A)·color + 127) // 255,

with the noise opaque; over a transparent color the noise keeps its own levels and alpha = A,
the greatest of the channels'.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from pixelgen.colors import Color
from pixelgen.errors import BadValue
from pixelgen.families import Family
from pixelgen.families.base import NO_PART, SourcePart
from pixelgen.families.mixture import Mixture
from pixelgen.families.quotas import MemberChooser
from pixelgen.formats import Data, Encode, Format
from pixelgen.image_types import Coverage, Pixels, Shape, Sizes, Texture
from pixelgen.registry import abbreviate
from pixelgen.rng import DATA, SEED_LIMIT, SEEDS, SIZE, Stream
from pixelgen.source_images import NO_SOURCES, SourceCatalog

MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""The modes of an image and their channels; the names are Pillow's."""

DEPTHS = (8, 16)
MOST_IMAGE_BYTES = (1 << 31) - 1
"""The bytes of an image's pixels, which are made in memory."""


@dataclass(frozen=True)
class ImageSpec:
    """What the images of a job are like, whatever file they go to.

    ``size`` is in pixels, ``mode`` is L, LA, RGB or RGBA, ``depth`` 8 or 16 bits a level. ``color``
    is the background, if there is one, and ``density`` the fraction of the pixels drawn over it;
    None is 0.5, or 1 of a family that does not fill the frame by itself. ``family`` fills the
    images; ``seed`` is 0 … 2¹²⁸−1. ``candidates`` are the images of the specification that those
    of a mined dataset are, in order; of others, which have all, it is None. Raises BadValue for
    what cannot be drawn.
    """

    size: Sizes
    mode: str
    depth: int
    color: Color | None
    density: float | None
    family: Mixture
    seed: int
    candidates: tuple[int, ...] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for width, height in (self.size.smallest, self.size.largest):
            check_range("width", width, 1, MOST_IMAGE_BYTES)
            check_range("height", height, 1, MOST_IMAGE_BYTES)
        if not 0 <= self.seed < SEED_LIMIT:
            raise BadValue(f"invalid seed {abbreviate(self.seed)}: must be {SEEDS}")
        check_choice("mode", self.mode, tuple(MODES))
        check_choice("depth", self.depth, DEPTHS)
        if self.bytes > MOST_IMAGE_BYTES:
            raise BadValue(
                f"size {self.size} {self.mode}: an image is made in memory and must"
                f" have at most {MOST_IMAGE_BYTES:,} bytes, not {self.bytes:,}; choose a smaller"
                " --size"
            )
        self._check_color()
        channels = _noise_channels(self.mode)
        for width, height in (each.low for each in self.size.ranges):
            self.family.check_shape(Shape(height, width, channels, self.depth))

    def _check_color(self) -> None:
        if self.density is not None:
            if not 0 <= self.density <= 1:
                percent = 1 < self.density <= 100
                hint = f"; write {self.density:g} percent as {self.density / 100:g}" * percent
                raise BadValue(f"density {self.density} is out of range 0..1{hint}")
            if self.color is None:
                raise BadValue(
                    f"density {self.density} needs a color, which shows between the drawn pixels;"
                    " give one, such as --color white"
                )
        if not self.is_opaque and not self.mode.endswith("A"):
            raise BadValue(
                f"color {self.color} is not opaque and mode {self.mode} has no alpha channel;"
                f" use mode {self.mode}A"
            )

    @property
    def is_opaque(self) -> bool:
        """Whether no background shows through: it does not exist, or is opaque."""
        return self.color is None or self.color.alpha == 255

    @property
    def width(self) -> int:
        """The width of an image, of different sizes the greatest."""
        return self.size.largest[0]

    @property
    def height(self) -> int:
        """The height of an image, of different sizes the greatest."""
        return self.size.largest[1]

    def candidate_at(self, index: int) -> int:
        """Return the number that image ``index`` is drawn by."""
        return index if self.candidates is None else self.candidates[index]

    def shape_at(self, index: int, stream: Stream | None = None) -> Shape:
        """Return the shape of the pixels of image ``index``, alpha included; moves the stream."""
        if self.size.is_fixed:
            return self._largest_shape
        stream = stream or Stream(self.seed)
        stream.seek(self.candidate_at(index), purpose=SIZE)
        width, height = self.size.draw([*map(int, stream.integers(3, 64))])
        return self._largest_shape._replace(width=width, height=height)

    @cached_property
    def _largest_shape(self) -> Shape:
        return Shape(self.height, self.width, MODES[self.mode], self.depth)

    @property
    def bytes(self) -> int:
        """The bytes of an image's pixels, of different sizes those of the largest."""
        return self.size.most_pixels * MODES[self.mode] * self.depth // 8

    def density_of(self, family: Family) -> float:
        """Return the fraction drawn: by itself, half of what else would leave no background."""
        if self.color is None:
            return 1.0
        if self.density is not None:
            return self.density
        return 1.0 if family.has_coverage else 0.5

    @property
    def textures(self) -> tuple[Texture, ...]:
        """How the images may compress."""
        is_fixed = self.family.is_fixed
        return (self.texture_of(self.family.families[0]),) if is_fixed else tuple(Texture)

    @property
    def is_fixed(self) -> bool:
        """Whether all images have one size, and one family with the same parameters."""
        return self.size.is_fixed and self.family.is_fixed

    def texture_of(self, family: Family) -> Texture:
        """Return how images of a family compress: as it says, unless a background shows between."""
        return family.texture if self.density_of(family) == 1 else Texture.SPARSE


def _noise_channels(mode: str) -> int:
    """Return the channels of a mode that are drawn: all but alpha."""
    return 1 if mode.startswith("L") else 3


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise BadValue where a field is not within ``low`` … ``high``."""
    if not low <= value <= high:
        raise BadValue(f"{name} {abbreviate(value)} is out of range {low}..{high}")


def check_choice(name: str, value: str | int, choices: Sequence[str | int]) -> None:
    """Raise BadValue where a field is not one of some values."""
    if value not in choices:
        shown = repr(value) if isinstance(value, str) else abbreviate(value)
        raise BadValue(f"invalid {name} {shown}: must be one of {', '.join(map(str, choices))}")


class Image(NamedTuple):
    """An image: (height, width, channels of the mode), uint8 or uint16; and how it compresses."""

    pixels: Pixels
    texture: Texture


class Origin(NamedTuple):
    """What an image was made of: its family as spelled, its density, the user's image, if any."""

    family: str
    density: float
    part: SourcePart


class Generator:
    """Renders images of one specification; keeps its random stream between them.

    ``sources`` lists the user's images, for families that are made from some.
    """

    def __init__(self, spec: ImageSpec, sources: SourceCatalog = NO_SOURCES) -> None:
        self._spec = spec
        self._sources = sources
        self._stream = Stream(spec.seed)
        self._chooser = MemberChooser(spec.family.members, self._stream)
        self._channels = MODES[spec.mode]
        self._noisy = _noise_channels(spec.mode)
        self._top = (1 << spec.depth) - 1

    def render(self, index: int) -> Image:
        """Make image ``index``."""
        shape = self._spec.shape_at(index, self._stream)
        if shape.channels != self._noisy:
            shape = shape._replace(channels=self._noisy)
        candidate = self._spec.candidate_at(index)
        _, family = self._chooser.choose(candidate)
        self._seek(candidate, family)
        drawn = self._draw(family, shape)
        noise, coverage = drawn if isinstance(drawn, tuple) else (drawn, None)
        noise = self._with_alpha(noise)
        if self._spec.color is None:
            return Image(noise, family.texture)
        density = self._spec.density_of(family)
        if density < 1:
            coverage = self._thin(coverage, density, candidate, shape[:2])
        if coverage is not None:
            coverage = coverage.reshape(*shape[:2], -1)
            noise = self._over(self._spec.color, noise, coverage)
        return Image(noise, self._spec.texture_of(family))

    def encoder(self, image_format: Format) -> Callable[[int], Data]:
        """Return the function that makes the bytes of the file of image i."""

        @lru_cache(16)  # as many sizes are kept
        def encoder(shape: tuple[int, int, int], texture: Texture) -> Encode:
            return image_format.encoder(Shape(*shape, self._spec.depth), texture)

        def make(index: int) -> Data:
            pixels, texture = self.render(index)
            return encoder(pixels.shape, texture)(pixels)

        return make

    def origin(self, index: int) -> Origin:
        """Return what image ``index`` is made of, without making it."""
        candidate = self._spec.candidate_at(index)
        member, family = self._chooser.choose(candidate)
        spelled = family.to_spec(always=member.drawn_names)
        part = NO_PART
        if family.image_source:
            folder = self._sources.folder(family.image_source)
            shape = self._spec.shape_at(index, self._stream)
            self._seek(candidate, family)
            part = family.source_part(folder, self._stream, shape)
        return Origin(spelled, self._spec.density_of(family), part)

    def _draw(self, family: Family, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        if not family.image_source:
            return family.render(self._stream, shape)
        folder = self._sources.folder(family.image_source)
        return family.render_from(folder, self._stream, shape)

    def _seek(self, candidate: int, family: Family) -> None:
        self._stream.seek(candidate, family.number, family.version)

    def _with_alpha(self, noise: Pixels) -> Pixels:
        """Add a full alpha channel where the mode has one."""
        if self._channels == self._noisy:
            return noise
        opaque = np.empty((*noise.shape[:2], self._channels), noise.dtype)
        opaque[..., :-1] = noise
        opaque[..., -1] = self._top
        return opaque

    def _thin(
        self, coverage: Coverage | None, density: float, candidate: int, sides: tuple[int, int]
    ) -> Coverage:
        """Keep each pixel's coverage with probability ``density``."""
        self._stream.seek(candidate, purpose=DATA)
        kept = self._stream.integers(sides, 16) < round(65536 * density)
        mask: Coverage = np.negative(kept.view(np.uint8))
        if coverage is None:
            return mask
        return coverage & mask if coverage.ndim == 2 else coverage & mask[..., None]

    def _over(self, color: Color, noise: Pixels, coverage: Coverage) -> Pixels:
        """Lay the noise over the color, by the formula at the head of the module."""
        scale = self._top // 255
        alpha = coverage.max(axis=-1, keepdims=True)
        if color.alpha == 0:
            pixels = np.where(alpha > 0, noise, noise.dtype.type(0))
            pixels[..., -1:] = alpha.astype(noise.dtype) * scale
            return pixels
        if 1 < coverage.shape[-1] < self._channels:
            coverage = np.concatenate([coverage, alpha], axis=-1)
        background = self._pixel(color, noise.dtype) * scale
        if np.isin(coverage, (0, 255)).all():
            return np.where(coverage > 0, noise, background)
        weight = coverage.astype(np.uint32)
        blend = (noise * weight + background * (255 - weight) + 127) // 255
        return blend.astype(noise.dtype)

    def _pixel(self, color: Color, dtype: "np.dtype[Any]") -> Pixels:
        """Return the color in the channels of the mode."""
        opaque = color[:3] if self._noisy == 3 else (color.luma,)
        return np.array((*opaque, color.alpha)[: self._channels], dtype)
