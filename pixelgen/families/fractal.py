"""Fractals: the attractors of random systems of affine maps, drawn by the chaos game."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Table
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream, Words

UNIT = 1 << 16
"""One in the entries of a map's matrix."""

_LONGEST = 62259
"""The largest singular value, 0.95; rounding adds less than 0.001."""

_PARTICLES = 2048
_BURN_IN = 16
_BLOCK = 64
_MOST_MAPS = 7


@dataclass(frozen=True)
class Fractal(Family):
    """Attractors of random contractions, one color for each map.

    An image has 2 to 7 affine maps x → Ax + b. Each A is a rotation, a contraction along two axes,
    a reflection or not, and a rotation. 2048 particles start at the fixed point of the first map.
    At each step a random map moves each particle (the chaos game); the probability of a map is
    proportional to 1/64 + |det A|. After 16 steps, the next ``points`` per pixel are drawn, each in
    the color of the map that moved it, over those before it. The rest of the frame is black and not
    covered. The first 131,072 points are fitted to the frame, at one scale; later points outside of
    it are lost.

    The singular values σ₁ ≥ σ₂ of each map are at most 0.95. The sum of σ₁ + 2σ₂ over all maps is
    (5 + maps)/2 … (6 + maps)/2, less what 0.95 cuts off; Anderson and Farrell find that such
    systems fill the frame well.

    Source: C. Anderson and R. Farrell, "Improving Fractal Pre-training", WACV 2022; H. Kataoka et
    al., "Pre-training without Natural Images", ACCV 2020; M. F. Barnsley, "Fractals Everywhere",
    1988.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Fractal().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'ed37fbe11f269a61'
    """

    name = "fractal"
    number = 22
    texture = Texture.SPARSE

    maps: int = parameter(
        0, "maps of the system; 0 draws 2..7 for each image", low=0, high=_MOST_MAPS
    )
    points: float = parameter(1.5, "points drawn per pixel of the frame", low=0.01, high=64.0)

    @property
    def has_coverage(self) -> bool:
        """Points cover only part of the frame."""
        return True

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Play the chaos game, and mark which map came last to each pixel."""
        stream.purpose(PARAMETERS)
        system = draw_system(stream, self.maps)
        colors = np.zeros((_MOST_MAPS + 1, shape.channels), shape.dtype)
        colors[1:] = stream.integers((_MOST_MAPS, shape.channels), shape.depth)
        last = np.zeros(shape.height * shape.width, np.uint8)
        frame = None
        for maps, x, y in chaos_game(stream, system, math.ceil(self.points * last.size)):
            frame = frame or fit(x, y, shape)
            seen, pixels = frame.place(x, y)
            last[pixels] = maps[seen] + 1
        shown = last.reshape(shape.height, shape.width)
        return colors.take(shown, axis=0), np.where(shown, np.uint8(255), np.uint8(0))


class System(NamedTuple):
    """Affine maps (x, y) → (a·x + b·y + e, c·x + d·y + f) ÷ UNIT, rounded down.

    ``entries`` has rows a, b, c, d, e, f and a column for each map, int64. ``chances`` has the
    number of a map for each 16-bit word.
    """

    entries: Table
    chances: Table


def draw_system(stream: Stream, maps: int) -> System:
    """Draw a system from as many words whatever ``maps``."""
    count, total = (int(word) for word in stream.integers(2, 16))
    maps = maps or 2 + ((_MOST_MAPS - 1) * count >> 16)
    rows = stream.integers((_MOST_MAPS, 7), 16)[:maps].tolist()
    sizes = _singular_values(rows, (5 + maps) * UNIT + total >> 1)
    entries = [_entries(row, *size) for row, size in zip(rows, sizes, strict=True)]
    areas = [UNIT // 64 + (longest * shortest >> 16) for longest, shortest in sizes]
    ends = [65536 * sum(areas[: n + 1]) // sum(areas) for n in range(maps)]
    lengths = np.diff(np.array([0, *ends]))
    chances = np.repeat(np.arange(maps, dtype=np.uint8), lengths)
    return System(np.array(entries, np.int64).T.copy(), chances)


def _singular_values(rows: list[list[int]], total: int) -> list[tuple[int, int]]:
    """Share the total of σ₁ + 2σ₂ out, at most 3 : 1, and divide each share.

    σ₂ is uniform in ¼σ₁ … σ₁; where σ₁ would be too large, σ₂ takes what it may not have.
    """
    weights = [UNIT // 2 + row[0] for row in rows]
    sizes = []
    for weight, row in zip(weights, rows, strict=True):
        ratio = UNIT + 3 * row[1] >> 2
        share = total * weight // sum(weights)
        longest = min(share * UNIT // (UNIT + 2 * ratio), _LONGEST)
        sizes.append((longest, min(share - longest >> 1, longest)))
    return sizes


def _entries(row: list[int], longest: int, shortest: int) -> list[int]:
    """Multiply rotation, contraction and reflection, and rotation; add a shift of −1 … 1 (2²⁴)."""
    cosines, sines = exact.turns()
    (c, s), (k, t) = ((int(cosines[angle]), int(sines[angle])) for angle in row[2:4])
    if row[4] & 1:
        shortest = -shortest
    turned = (
        c * longest * k - s * shortest * t,
        -c * longest * t - s * shortest * k,
        s * longest * k + c * shortest * t,
        c * shortest * k - s * longest * t,
    )
    matrix = [entry // exact.TURN_UNIT**2 for entry in turned]
    return matrix + [(2 * word - 65535) * 256 * UNIT for word in row[5:7]]


def fixed_point(entries: Table) -> tuple[int, int]:
    """Return the point that a map leaves where it is, to within rounding."""
    a, b, c, d, e, f = entries.tolist()
    a, d = UNIT - a, UNIT - d
    return (d * e + b * f) // (a * d - b * c), (c * e + a * f) // (a * d - b * c)


def chaos_game(stream: Stream, system: System, points: int) -> Iterator[tuple[Table, Table, Table]]:
    """Yield the numbers of maps, and the x and y they sent particles to, block by block of steps.

    Coordinates stay below 2²⁴·√2/(1 − 0.951) < 2²⁹, products below 2⁴⁵.
    """
    stream.purpose(DATA)
    x, y = (np.full(_PARTICLES, at, np.int64) for at in fixed_point(system.entries[:, 0]))
    _, xs, ys = _play(system, stream.integers((_BURN_IN, _PARTICLES), 16), x, y)
    for first in range(0, points, _BLOCK * _PARTICLES):
        left = min(points - first, _BLOCK * _PARTICLES)
        words = stream.integers((-(-left // _PARTICLES), _PARTICLES), 16)
        maps, xs, ys = _play(system, words, xs[-1], ys[-1])
        yield maps.ravel()[:left], xs.ravel()[:left], ys.ravel()[:left]


def _play(system: System, words: Words, x: Table, y: Table) -> tuple[Table, Table, Table]:
    """Send all particles once for each row of words."""
    maps = system.chances.take(words)
    xs, ys = np.empty((2, *words.shape), np.int64)
    for step, (a, b, c, d, e, f) in enumerate(system.entries.take(maps, axis=1).swapaxes(0, 1)):
        x, y = a * x + b * y + e >> 16, c * x + d * y + f >> 16
        xs[step], ys[step] = x, y
    return maps, xs, ys


class Frame(NamedTuple):
    """Where the pixels lie: the first one's corner, and a pixel's side."""

    shape: Shape
    left: int
    top: int
    side: int

    def place(self, x: Table, y: Table) -> tuple[Table, Table]:
        """Return which points lie in the frame, and their pixels in raster order."""
        column, row = (x - self.left) // self.side, (y - self.top) // self.side
        inside = (
            (column >= 0) & (column < self.shape.width) & (row >= 0) & (row < self.shape.height)
        )
        return inside, (row * self.shape.width + column)[inside]


def fit(x: Table, y: Table, shape: Shape) -> Frame:
    """Center the points in the smallest pixels that hold them all."""
    (left, width), (top, height) = ((int(at.min()), int(np.ptp(at)) + 1) for at in (x, y))
    side = max(-(-width // shape.width), -(-height // shape.height))
    margins = side * shape.width - width, side * shape.height - height
    return Frame(shape, left - margins[0] // 2, top - margins[1] // 2, side)
