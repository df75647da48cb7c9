"""What leaves are made of: a color each, or pieces of images of another family."""

import math
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.families.base import render_named
from pixelgen.image_types import Pixels, Shape
from pixelgen.numeric.lookup import ColorTable, row_bands
from pixelgen.numeric.polygons import Whole
from pixelgen.rng import Stream

COLOR, OFFSET, VARIANT = 10, 13, 15
"""The first integers of a leaf's record that say its color, where its piece is, and how it is."""

REPLACING = "spectrum_color_wmm"
"""The family whose pieces replace leaves."""

_TEXTURES, _TEXTURE_SIDE = 3, 256
_IMAGE_BITS = 60

Owners: TypeAlias = npt.NDArray[np.int32]
"""Which leaf each pixel shows, −1 where none."""


def leaf_colors(records: Any, shape: Shape, ground: Pixels | None = None) -> Pixels:
    """List the colors of the leaves, and last that of no leaf: black if not given."""
    levels: Pixels = records[:, COLOR : COLOR + shape.channels] >> (16 - shape.depth)
    if ground is None:
        ground = np.zeros(shape.channels, shape.dtype)
    return np.concatenate([levels.astype(shape.dtype), ground[None]])


def colored(owners: Owners, colors: Pixels, shape: Shape) -> Pixels:
    """Give each pixel the color of its leaf; −1 takes the last."""
    return ColorTable(colors).look_up(owners).reshape(shape.levels)


def textured(owners: Owners, records: Any, fill: Pixels, shape: Shape) -> Pixels:
    """Fill each leaf from an image, at an offset of its own, at half contrast around its color.

    level = clip(color + round((fill − top/2)/2)).
    """
    leaves = owners.reshape(shape.levels[:2])
    moves = _moves(records, shape.levels[:2])
    levels = fill.reshape(-1, shape.channels)
    colors = leaf_colors(records, shape).astype(np.int32)
    pixels = np.empty(shape.levels, shape.dtype)
    for rows in row_bands(shape.height, shape.width):
        leaf = leaves[rows]
        shown = levels.take(_places(leaf, rows, moves, shape.levels[:2]), axis=0).astype(np.int32)
        shown = ((2 * shown - shape.top + 2) >> 2) + colors.take(leaf, axis=0, mode="wrap")
        shown[leaf < 0] = 0
        pixels[rows] = np.clip(shown, 0, shape.top, out=shown)
    return pixels


def _moves(records: Any, sides: tuple[int, int]) -> Whole:
    """Return how far each leaf is moved over a fill of given sides, (leaves, 2)."""
    moves: Whole = records[:, OFFSET : OFFSET + 2].astype(np.int64) * sides >> 16
    return moves


def _places(leaf: Owners, rows: slice, moves: Whole, sides: tuple[int, int]) -> Whole:
    """Return the pixel of the fill, of given sides, that each pixel of some rows shows."""
    y = (moves[:, 0].take(leaf, mode="wrap") + np.arange(rows.start, rows.stop)[:, None]) % sides[0]
    x = (moves[:, 1].take(leaf, mode="wrap") + np.arange(leaf.shape[1])) % sides[1]
    places: Whole = y * sides[1] + x
    return places


def replaced(owners: Owners, records: Any, stream: Stream, shape: Shape) -> Pixels:
    """Replace each leaf by a piece of a texture, in one of the 2·6 symmetries of its colors."""
    leaves = owners.reshape(shape.levels[:2])
    sides = min(shape.height, _TEXTURE_SIDE), min(shape.width, _TEXTURE_SIDE)
    textures = [_texture(n, stream, Shape(*sides, *shape[2:])).ravel() for n in range(_TEXTURES)]
    levels = np.concatenate(textures)
    orders = np.array(list(permutations(range(shape.channels))))
    drawn = records[:, VARIANT].astype(np.int64) * _TEXTURES
    first = (drawn >> 16) * math.prod(sides)
    order = orders[(drawn & 65535) * len(orders) >> 16]
    inversion = shape.top * (records[:, VARIANT] & 1).astype(shape.dtype)
    moves = _moves(records, sides)
    pixels = np.empty(shape.levels, shape.dtype)
    for rows in row_bands(shape.height, shape.width):
        leaf = leaves[rows]
        places = first.take(leaf, mode="wrap") + _places(leaf, rows, moves, sides)
        inverted = inversion.take(leaf, mode="wrap")
        for channel, source in enumerate(order.T):
            shown = levels.take(places * shape.channels + source.take(leaf, mode="wrap"))
            pixels[rows, :, channel] = np.where(leaf < 0, 0, shown ^ inverted)
    return pixels


def _texture(number: int, stream: Stream, shape: Shape) -> Pixels:
    """Render one of the textures of an image, from the words of an image that no dataset has."""
    image = stream.image
    stream.seek(image | number << _IMAGE_BITS)
    texture = render_named(f"{REPLACING}:rounds=2", stream, shape)
    stream.seek(image)
    return texture
