"""Plain patterns: stripes, gradients and checkerboards, of colors drawn for each image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.lookup import ColorTable, Table, row_bands
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream


@dataclass(frozen=True)
class Stripes(Family):
    """Stripes of equal width, each of one color.

    With n stripes on W columns, column x has color ⌊x·n/W⌋; horizontal stripes divide the rows.
    ``primary`` colors have every channel at its lowest or highest level, so that stripes, or all of
    them, may have the same one.

    Source: "horizontal stripes", "vertical stripes" and, with n=3, "tricolor" of Bitterwolf,
    Mueller and Hein, "In or Out? Fixing ImageNet Out-of-Distribution Detection Evaluation", ICML
    2023.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Stripes().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'be50e01f47d5762b'
    """

    name = "stripes"
    number = 5
    texture = Texture.FLAT

    n: int = parameter(6, "number of stripes", low=2, high=4096)
    direction: str = parameter(
        "random", "direction of the stripes", choices=("random", "horizontal", "vertical")
    )
    tone: str = parameter("random", "colors of the stripes", choices=("random", "primary"))

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Index the colors by column or row."""
        colors = stream.integers((self.n, shape.channels), shape.depth)
        if self.tone == "primary":
            colors = (colors & 1) * colors.dtype.type(shape.top)
        if self._is_vertical(stream):
            row = colors[np.arange(shape.width) * self.n // shape.width]
            return np.broadcast_to(row, shape.levels).copy()
        rows = np.repeat(colors[:, None], shape.width, axis=1)
        return rows.take(np.arange(shape.height) * self.n // shape.height, axis=0)

    def _is_vertical(self, stream: Stream) -> bool:
        if self.direction != "random":
            return self.direction == "vertical"
        stream.purpose(PARAMETERS)
        return bool(stream.integers(1)[0] & 1)


@dataclass(frozen=True)
class Gradient(Family):
    """A ramp from one color to another, linear or radial.

    T is x·cos θ + y·sin θ with a random θ, or the distance from a random pixel. t = (T − min
    T)/(max T − min T), rounded down to 1/256 (at 16 bits 1/65536), and a level is c₀·(1−t) + c₁·t,
    rounded down.

    Source: the low-complexity images that likelihood models take for likely, Serrà et al., "Input
    Complexity and Out-of-distribution Detection with Likelihood-based Generative Models", ICLR
    2020.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Gradient().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '55eac5e2319606c8'
    """

    name = "gradient"
    number = 6
    texture = Texture.FLAT

    form: str = parameter("random", "form of the ramp", choices=("random", "linear", "radial"))

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Look each pixel's place on the ramp up in a table of its levels, band by band."""
        ends = stream.integers((2, shape.channels), shape.depth).astype(np.int64)
        stream.purpose(PARAMETERS)
        form, angle, x, y = stream.integers(4, 16).tolist()
        is_linear = form & 1 == 0 if self.form == "random" else self.form == "linear"
        ramp = _Ramp.linear(angle, shape) if is_linear else _Ramp.radial(x, y, shape)
        steps = np.arange((1 << shape.depth) + 1)[:, None]
        levels = (ends[0] * (steps[-1] - steps) + ends[1] * steps) >> shape.depth
        colors = ColorTable(levels.astype(shape.dtype))
        pixels = np.empty(shape.levels, shape.dtype)
        span = max(ramp.span, 1)
        # The type of T << depth; divisions of 32 bits take half the time.
        dtype = np.uint32 if span << shape.depth < 1 << 32 else np.int64
        for rows in row_bands(shape.height, shape.width):
            places: Table = ramp.rows(rows).astype(dtype)
            places <<= dtype(shape.depth)
            places //= dtype(span)
            colors.look_up(places, pixels[rows])
        return pixels


class _Ramp(NamedTuple):
    """T − min T of a gradient: the sum of a number of the row and one of the column, or its root.

    ``down`` and ``across`` have 0 as their least number.
    """

    down: Table
    across: Table
    is_linear: bool

    @classmethod
    def linear(cls, angle: int, shape: Shape) -> "_Ramp":
        """Lay a ramp along a direction, in 1/4096 pixels."""
        from pixelgen.numeric.exact import turns  # here, since it slows the start of the command

        cosine, sine = (int(table[angle]) for table in turns())
        down, across = np.arange(shape.height) * sine, np.arange(shape.width) * cosine
        return cls(down - down.min(), across - across.min(), True)

    @classmethod
    def radial(cls, x: int, y: int, shape: Shape) -> "_Ramp":
        """Lay a ramp around a pixel of the frame, in 1/512 pixels; √ and floor are exact."""
        down = 512.0 * (np.arange(shape.height) - (y * shape.height >> 16))
        across = 512.0 * (np.arange(shape.width) - (x * shape.width >> 16))
        return cls(np.square(down), np.square(across), False)

    @property
    def span(self) -> int:
        """The largest T − min T, of a corner of the frame."""
        return int(self._distance(self.down.max(), self.across.max()))

    def rows(self, rows: slice) -> Table:
        """Return T − min T of the pixels of some rows."""
        return self._distance(self.down[rows, None], self.across)

    def _distance(self, down: Table, across: Table) -> Table:
        sums: Table = down + across
        return sums if self.is_linear else np.floor(np.sqrt(sums))


@dataclass(frozen=True)
class Checker(Family):
    """A checkerboard of two colors.

    Pixel (x, y) has color (⌊x/cell⌋ + ⌊y/cell⌋) mod 2.

    Source: the low-complexity images that likelihood models take for likely, Serrà et al., ICLR
    2020.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Checker().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '90f350a5fa0ed86a'
    """

    name = "checker"
    number = 17
    texture = Texture.FLAT

    cell: int = parameter(16, "side of a square, in pixels", low=1, high=4096)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Lay the two kinds of rows in turn."""
        colors = stream.integers((2, shape.channels), shape.depth)
        across = np.arange(shape.width) // self.cell & 1
        rows = np.stack([colors[across], colors[across ^ 1]])
        return rows.take(np.arange(shape.height) // self.cell & 1, axis=0)
