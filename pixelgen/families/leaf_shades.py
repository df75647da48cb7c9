"""Shades of leaves: light that falls on each, from one side or on its middle."""

from typing import NamedTuple

import numpy as np

from pixelgen.image_types import Pixels
from pixelgen.numeric.exact import TURN_UNIT, Table, turns
from pixelgen.numeric.polygons import UNIT, Whole

SHADES = ("none", "linear", "dome")

_BLOCK = 1 << 15


class Discs(NamedTuple):
    """The circles around leaves: centers and radii in 1/16 pixel.

    ``bearing`` is the direction that the light of a leaf comes from, in 1/65536 turn.
    """

    y: Whole
    x: Whole
    radius: Whole
    bearing: Whole


def shade(pixels: Pixels, owners: Table, discs: Discs, form: str) -> None:
    """Shade the pixels of leaves in place; ``owners`` says whose each pixel is, −1 for nobody's.

    A level is clipped after it has changed by at most a quarter of the highest level.
    """
    height, width, _ = pixels.shape
    top = int(np.iinfo(pixels.dtype).max)
    leaves = owners.reshape(height, width)
    step = max(1, _BLOCK // width)
    for first in range(0, height, step):
        rows = slice(first, first + step)
        leaf = leaves[rows]
        y = np.arange(first, first + len(leaf))[:, None] * UNIT + UNIT // 2
        x = np.arange(width) * UNIT + UNIT // 2
        y, x = y - discs.y.take(leaf, mode="wrap"), x - discs.x.take(leaf, mode="wrap")
        light = (_dome if form == "dome" else _linear)(y, x, leaf, discs)
        light *= top
        change = np.rint(light, out=light).astype(np.int32)
        change[leaf < 0] = 0
        lit = np.clip(pixels[rows] + change[:, :, None], 0, top, dtype=np.int32)
        pixels[rows] = lit.astype(pixels.dtype)


# Integers below 2**53 and one division, for frames whose shorter side is below 2**15.


def _linear(y: Whole, x: Whole, leaf: Table, discs: Discs) -> Table:
    """Return ¼·(x·cos β + y·sin β)/r at places from the center: −¼ … ¼."""
    cosines, sines = (table[discs.bearing].astype(np.int64) for table in turns())
    along = x * cosines.take(leaf, mode="wrap") + y * sines.take(leaf, mode="wrap")
    light: Table = along / (4.0 * TURN_UNIT * discs.radius).take(leaf, mode="wrap")
    return light


def _dome(y: Whole, x: Whole, leaf: Table, discs: Discs) -> Table:
    """Return ¼·(1 − 2·(x² + y²)/r²) at places from the center: ¼ there, −¼ at the radius."""
    squares = (discs.radius**2).take(leaf, mode="wrap")
    light: Table = (squares - 2 * (x * x + y * y)) / (4.0 * squares)
    return light
