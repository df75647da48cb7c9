"""Lattice families: smooth noise from random gradients on a grid, in one or several octaves.

Both are sums over cells of weights along y times gradients times weights along x, so one product of
matrices draws an image: the left one knows the rows and octaves, the right one the gradients and
columns. All entries are integers: a weight is 1 at 2¹⁵, a gradient's component at 2¹². The weights
of a row add up to 1 and those times the offsets within the cell to ½ at most, so that an octave's
terms add up to 2·2¹⁵·2¹²·2¹⁴ = 2⁴² in magnitude, and ten, each of twice the weight of the next, to
less than 2⁵² in any order.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.lookup import look_up
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream

_ONE = 1 << 15
_FIELD_ONE = _ONE * _ONE * exact.TURN_UNIT
_SQRT2 = math.sqrt(2)
_BAND = 64


@dataclass(frozen=True)
class Perlin(Family):
    """Gradient noise: smooth bumps of one size; with a threshold, a mask.

    A lattice of ``res`` × ``res`` cells lies over the frame (if an axis has fewer pixels: one cell
    per pixel), with a unit gradient at a random angle at each point. The field g at the center of a
    pixel is the mean of the four planes through the corners of its cell, weighted by f(u) = 6u⁵ −
    15u⁴ + 10u³ along both axes. v = √2·g lies in −1 … 1, and level = 127.5 + 127.5·v, at 16 bits
    257 times that. Channels are independent.

    ``threshold`` covers the pixels where v of one more field exceeds it, and leaves the background
    elsewhere. With ``mask=same`` that field has the same ``res``. With ``mask=drawn`` it has 2⁰ …
    2⁵ rows of cells and, drawn for themselves, 2⁰ … 2⁵ columns, and is turned about the center by
    an angle of −90° … 90°; corners that it leaves free are not covered. ``sine`` replaces v by
    sin(π·sine·v): that many periods from the lowest v to the highest.

    Source: K. Perlin, "Improving Noise", SIGGRAPH 2002; the anomaly masks (threshold 0.5, mask
    drawn) of Zavrtanik, Kristan and Skočaj, "DRAEM", ICCV 2021; the perturbations (sine) of Co,
    Muñoz-González, de Maupeou and Lupu, CCS 2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Perlin().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '56c28c311b1622c6'
    """

    name = "perlin"
    number = 11
    texture = Texture.SMOOTH

    res: int = parameter(8, "lattice cells along each axis", low=1, high=256)
    threshold: float = parameter(
        0.0, "cover where a field of -1..1 exceeds this; 0 covers all", low=0.0, high=0.99
    )
    sine: float = parameter(
        0.0, "sine periods from the lowest to the highest level; 0: none", low=0.0, high=64.0
    )
    mask: str = parameter("same", "lattice of the mask: that of the levels, or drawn and turned",
                       choices=("same", "drawn"))  # fmt: skip

    @property
    def has_coverage(self) -> bool:
        """Return whether a threshold is set."""
        return self.threshold > 0

    def render(self, stream: Stream, shape: Shape) -> Pixels | tuple[Pixels, Coverage]:
        """Draw the field of the levels, then that of the mask."""
        pixels = np.empty(shape.levels, shape.dtype)
        for rows, field in _fields(stream, shape, [(self.res, self.res)]):
            if self.sine:
                pixels[rows] = _waves(field, self.sine, shape.top)
            else:
                pixels[rows] = _levels(field, shape)
        return (pixels, self._mask(stream, shape)) if self.threshold else pixels

    def _mask(self, stream: Stream, shape: Shape) -> Coverage:
        cells, angle = (self.res, self.res), 0
        if self.mask == "drawn":
            stream.purpose(PARAMETERS)
            down, across, turn = (int(word) for word in stream.integers(3, 16))
            cells, angle = (1 << (down * 6 >> 16), 1 << (across * 6 >> 16)), (turn >> 1) - 16384
        mask = np.empty((shape.height, shape.width), np.uint8)
        for rows, field in _fields(stream, shape._replace(channels=1), [cells], DATA + 1):
            mask[rows] = np.where(field[..., 0] * _SQRT2 > self.threshold, 255, 0)
        return _rotated(mask, angle) if angle else mask


@dataclass(frozen=True)
class Fbm(Family):
    """Gradient noise in octaves: clouds with detail at every scale.

    The sum of v/2ᵒ over the octaves o = 0 … ``octaves`` − 1, each v an independent field as in
    ``perlin``, on a lattice of ``res``·2ᵒ cells along each axis, or one cell per pixel where that
    is fewer. level = 127.5 + 127.5·sum, clipped, at 16 bits 257 times that.

    Source: fractional Brownian motion (B. B. Mandelbrot and J. W. Van Ness, SIAM Review 10, 1968),
    as F. K. Musgrave builds it in Ebert et al., "Texturing and Modeling: A Procedural Approach",
    1994, with lacunarity 2 and gain ½.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Fbm().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '0e86b3240fd795d8'
    """

    name = "fbm"
    number = 18
    texture = Texture.SMOOTH

    res: int = parameter(4, "lattice cells along each axis in the first octave", low=1, high=256)
    octaves: int = parameter(5, "octaves", low=1, high=10)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Draw each octave's gradients from a purpose of its own."""
        doubled = [self.res << octave for octave in range(self.octaves)]
        resolutions = list(zip(doubled, doubled, strict=True))
        pixels = np.empty(shape.levels, shape.dtype)
        for rows, field in _fields(stream, shape, resolutions):
            pixels[rows] = _levels(field, shape)
        return pixels


class _Axis(NamedTuple):
    """What the pixels of an axis know of the lattice: its cells, weights and offsets, times 2¹⁵."""

    cells: int
    cell: Table
    near: Field
    far: Field
    near_slope: Field
    far_slope: Field


@cached_tables
def _axis(pixels: int, res: int) -> _Axis:
    """Place pixel centers in their cells, in whole numbers of 1/(2·pixels) of a cell."""
    cells = min(res, pixels)
    cell, rest = np.divmod((2 * np.arange(pixels, dtype=np.int64) + 1) * cells, 2 * pixels)
    u = rest / (2.0 * pixels)
    fade = u * u * u * (u * (u * 6.0 - 15.0) + 10.0)
    far = np.rint(fade * _ONE)
    far_slope = np.rint(fade * (u - 1.0) * _ONE)
    return _Axis(cells, cell, _ONE - far, far, np.rint((1.0 - fade) * u * _ONE), far_slope)


class _Band(NamedTuple):
    """Some rows of pixels: the lattice rows they need of each octave, and the left matrix."""

    rows: slice
    lattice_rows: list[slice]
    weights: Field


@cached_tables
def _bands(pixels: int, resolutions: tuple[int, ...]) -> list[_Band]:
    """Cut the rows into bands: near rows share lattice rows, which keeps the matrices small."""
    axes = [_axis(pixels, res) for res in resolutions]
    return [_band(slice(first, first + _BAND), axes) for first in range(0, pixels, _BAND)]


def _band(rows: slice, axes: list[_Axis]) -> _Band:
    """Lay out the weights, then the weighted offsets, of the lattice rows of each octave."""
    lattice_rows, blocks = [], []
    for octave, axis in enumerate(axes):
        cell = axis.cell[rows]
        first, row = cell[0], np.arange(len(cell))
        lattice_rows.append(slice(first, cell[-1] + 2))
        gain = float(1 << len(axes) - 1 - octave)
        for near, far in ((axis.near, axis.far), (axis.near_slope, axis.far_slope)):
            block = np.zeros((len(cell), cell[-1] + 2 - first))
            block[row, cell - first] = near[rows] * gain
            block[row, cell - first + 1] = far[rows] * gain
            blocks.append(block)
    return _Band(rows, lattice_rows, np.hstack(blocks))


def _fields(
    stream: Stream, shape: Shape, resolutions: Sequence[tuple[int, int]], purpose: int = DATA
) -> Iterator[tuple[slice, Field]]:
    """Draw Σ g/2ᵒ band by band of rows; an octave's gradients are of ``purpose`` + o.

    Each octave has as many rows and columns of cells as its resolution says.
    """
    lattices = []
    for octave, (down, across) in enumerate(resolutions):
        stream.purpose(purpose + octave)
        points = (min(down, shape.height) + 1, min(across, shape.width) + 1, shape.channels)
        lattices.append(stream.integers(points, 16))
    axes = [_axis(shape.width, across) for _, across in resolutions]
    for band in _bands(shape.height, tuple(down for down, _ in resolutions)):
        octaves = zip(lattices, band.lattice_rows, axes, strict=True)
        columns = [_columns(angles[rows], axis) for angles, rows, axis in octaves]
        field = exact.product(band.weights, np.concatenate(columns))
        field *= 1 / (_FIELD_ONE << len(resolutions) - 1)
        yield band.rows, field.reshape(-1, *shape.levels[1:])


def _columns(angles: Table, axis: _Axis) -> Field:
    """Lay out the right matrix of an octave: rows of gradients, weighted at each pixel's column."""
    cosines, sines = exact.turns()
    across = _between(cosines.take(angles), axis.cell, axis.near_slope, axis.far_slope)
    down = _between(sines.take(angles), axis.cell, axis.near, axis.far)
    return np.concatenate((across, down)).reshape(2 * len(angles), -1)


def _between(lattice: Table, cell: Table, near: Field, far: Field) -> Field:
    """Weight the two columns of a lattice about each pixel."""
    columns: Field = lattice.take(cell, axis=1) * near[:, None]
    columns += lattice.take(cell + 1, axis=1) * far[:, None]
    return columns


def _rotated(mask: Coverage, angle: int) -> Coverage:
    """Turn a mask about its center by 65,536ths of a turn; what comes from outside is 0.

    Each pixel is the one that its center comes from. The rows are turned a band at a time, since
    places take 16 times as much memory as the mask.
    """
    height, width = mask.shape
    cosine, sine = (int(table[angle % 65536]) for table in exact.turns())
    across = 2 * np.arange(width, dtype=np.int64) + 1 - width  # in half pixels from the center
    rotated = np.zeros_like(mask)
    for first in range(0, height, _BAND):
        rows = np.arange(first, min(first + _BAND, height), dtype=np.int64)[:, None]
        down = 2 * rows + 1 - height
        column = (cosine * across + sine * down + exact.TURN_UNIT * width) // (2 * exact.TURN_UNIT)
        row = (cosine * down - sine * across + exact.TURN_UNIT * height) // (2 * exact.TURN_UNIT)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        rotated[first : first + _BAND][inside] = mask[row[inside], column[inside]]
    return rotated


def _levels(field: Field, shape: Shape) -> Field:
    """Spread −1/√2 … 1/√2 to the levels; the middle is rounded up."""
    field *= shape.top / 2 * _SQRT2
    field += shape.top / 2
    np.rint(field, out=field)
    return np.clip(field, 0, shape.top, out=field)


def _waves(field: Field, periods: float, top: int) -> Pixels:
    """Look the levels of a sine up."""
    phases = np.rint(field * (_SQRT2 * 32768 * periods)).astype(np.int64) & 65535
    return look_up(_sine_levels(top), phases)


@cached_tables
def _sine_levels(top: int) -> Pixels:
    """Tabulate a sine between the end levels, at 65,536 phases."""
    waves = (math.sin(math.tau * k / 65536) for k in range(65536))
    levels = [round(top / 2 + top / 2 * wave) for wave in waves]
    return np.array(levels, f"<u{top.bit_length() // 8}")
