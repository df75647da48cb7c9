"""Facades: rows of windows in a wall that is seen at an angle."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixelgen.families.base import Family
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.rng import DATA, PARAMETERS, Stream

UNIT = 16
"""Coordinates count sixteenths of a pixel."""

_ONE = 65536
_FEWEST, _KINDS = 3, 22
_LIT = 6554
_BLOCK = 1 << 15


@dataclass(frozen=True)
class Facade(Family):
    """Windows in the wall of a building, whose rows run together toward one side.

    Pixel (x, y) of a frame n wide lies at u = x and v′ = v·(n + p·(x − n/2))/n on the wall, with v
    counted from the level of the eye: the wall recedes where the factor is large. A window is where
    u mod P < A and v′ mod Q < B, with u moved by P/2 in every second row. For each image are drawn:
    p of −1 to 1, the level of the eye within the frame, and where the first window begins; P, 1/3
    to 1/24 of the shorter side, and Q, 0.75 to 1.5 times as large (each at least 4 pixels); A and
    B, 0.3 to 0.7 times P and Q; and a color of the wall, one of the windows and one of those that
    are lit, one in ten. Each window has 0.5 to 1 times the level of its color.

    Source: pixelgen; for detectors that take buildings for objects.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Facade().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'bfe53b665a9904a2'
    """

    name = "facade"
    number = 32
    texture = Texture.FLAT

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        """Find the window of each pixel, and color the windows."""
        stream.purpose(PARAMETERS)
        colors = stream.integers((3, shape.channels), shape.depth)
        wall = _Wall.draw(stream, shape)
        down = UNIT * np.arange(shape.height) + UNIT // 2 - wall.eye
        scale = _ONE + wall.slant * (2 * np.arange(shape.width) + 1 - shape.width) // (
            2 * shape.width
        )
        floors = wall.floors(down, scale)
        across = [wall.columns(shape.width, odd) for odd in (False, True)]
        columns = max(int(each.max()) for each in across) + 1
        stream.purpose(DATA)
        levels = _levels(stream, colors, len(floors) * columns, shape)
        pixels = np.empty(shape.levels, shape.dtype)
        step = max(1, _BLOCK // shape.width)
        for top in range(0, shape.height, step):
            rows = slice(top, top + step)
            floor, is_open = wall.floor_of(down[rows, None], scale)
            window = np.where(floor & 1, across[1], across[0])
            is_open &= window >= 0
            window += (floor - floors.start) * columns
            window[~is_open] = -1
            levels.take(window, axis=0, mode="wrap", out=pixels[rows])
        return pixels


class _Wall(NamedTuple):
    """The wall of one image, in 1/16 pixel; ``slant`` is p in 1/65536.

    Windows are ``wide`` and ``high``, one every ``period`` across and every ``storey`` down; the
    first begins ``left`` before the frame and ``above`` the level of the eye.
    """

    slant: int
    eye: int
    period: int
    storey: int
    wide: int
    high: int
    left: int
    above: int

    @classmethod
    def draw(cls, stream: Stream, shape: Shape) -> "_Wall":
        """Draw a wall of eight words."""
        slant, eye, number, storey, wide, high, left, above = stream.integers(8, 16).tolist()
        side = UNIT * min(shape.height, shape.width)
        period = max(4 * UNIT, side // (_FEWEST + (_KINDS * number >> 16)))
        height = max(4 * UNIT, period * (3 * _ONE + 3 * storey) // (4 * _ONE))
        return cls(
            2 * slant - _ONE + 1,
            UNIT * shape.height * eye >> 16,
            period,
            height,
            period * (3 * _ONE + 4 * wide) // (10 * _ONE),
            height * (3 * _ONE + 4 * high) // (10 * _ONE),
            period * left >> 16,
            height * above >> 16,
        )

    def floor_of(self, down: Table, scale: Table) -> tuple[Table, Table]:
        """Return the row of windows at places of the frame, and whether it is a window's there."""
        # Less than 2**26 by 2**17; then 32 bits are enough.
        height = ((down * scale >> 16) + self.above).astype(np.int32)
        floor = height // np.int32(self.storey)
        height -= floor * np.int32(self.storey)
        return floor, height < self.high

    def floors(self, down: Table, scale: Table) -> range:
        """Return the rows of windows of a frame: the outermost are at its corners."""
        floor, _ = self.floor_of(down[[0, -1], None], scale[[0, -1]])
        return range(int(floor.min()), int(floor.max()) + 1)

    def columns(self, width: int, is_odd: bool) -> Table:
        """Return the window of each column of pixels in odd or even rows; −1 between windows."""
        places = UNIT * np.arange(width) + UNIT // 2 + self.left + is_odd * (self.period // 2)
        return np.where(places % self.period < self.wide, places // self.period, -1).astype("i4")


def _levels(stream: Stream, colors: Pixels, count: int, shape: Shape) -> Pixels:
    """Draw the levels of windows, and list last those of the wall."""
    wall, *lights = colors
    lit, shade = stream.integers((2, count), 16).astype(np.int64)
    levels = np.array(lights, np.int64)[(lit < _LIT).astype(np.intp)]
    levels = levels * (_ONE + shade)[:, None] >> 17
    return np.concatenate([levels.astype(shape.dtype), wall[None]])
