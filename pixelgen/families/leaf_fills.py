"""What leaves are made of: a color each, or pieces of images of another family."""

import math
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.families.base import render_named
from pixelgen.image_types import Pixels, Shape
from pixelgen.numeric.lookup import ColorTable
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
    leaf = owners.reshape(shape.levels[:2])
    places = _places(leaf, records, shape.levels[:2])
    relief = (2 * fill.reshape(-1, shape.channels).astype(np.int32) - shape.top + 2) >> 2
    levels = leaf_colors(records, shape).astype(np.int32).take(leaf, axis=0, mode="wrap")
    levels += relief.take(places, axis=0)
    pixels = np.clip(levels, 0, shape.top).astype(shape.dtype)
    pixels[leaf < 0] = 0
    return pixels


def _places(leaf: Owners, records: Any, sides: tuple[int, int]) -> Whole:
    """Return the pixel of the fill, of given sides, that each pixel shows: at its leaf's offset."""
    moved = records[:, OFFSET : OFFSET + 2].astype(np.int64) * sides >> 16
    height, width = leaf.shape
    y = (moved[:, 0].take(leaf, mode="wrap") + np.arange(height)[:, None]) % sides[0]
    x = (moved[:, 1].take(leaf, mode="wrap") + np.arange(width)) % sides[1]
    places: Whole = y * sides[1] + x
    return places


def replaced(owners: Owners, records: Any, stream: Stream, shape: Shape) -> Pixels:
    """Replace each leaf by a piece of a texture, in one of the 2·6 symmetries of its colors."""
    leaf = owners.reshape(shape.levels[:2])
    sides = min(shape.height, _TEXTURE_SIDE), min(shape.width, _TEXTURE_SIDE)
    textures = [_texture(n, stream, Shape(*sides, *shape[2:])).ravel() for n in range(_TEXTURES)]
    orders = np.array(list(permutations(range(shape.channels))))
    drawn = records[:, VARIANT].astype(np.int64) * _TEXTURES
    which, order = drawn >> 16, (drawn & 65535) * len(orders) >> 16
    inversion = shape.top * (records[:, VARIANT] & 1).astype(shape.dtype)
    places = which.take(leaf, mode="wrap") * math.prod(sides) + _places(leaf, records, sides)
    levels, pixels = np.concatenate(textures), np.empty(shape.levels, shape.dtype)
    for channel, source in enumerate(orders[order].T):
        shown = levels.take(places * shape.channels + source.take(leaf, mode="wrap"))
        pixels[..., channel] = shown ^ inversion.take(leaf, mode="wrap")
    pixels[leaf < 0] = 0
    return pixels


def _texture(number: int, stream: Stream, shape: Shape) -> Pixels:
    """Render one of the textures of an image, from the words of an image that no dataset has."""
    image = stream.image
    stream.seek(image | number << _IMAGE_BITS)
    texture = render_named(f"{REPLACING}:rounds=2", stream, shape)
    stream.seek(image)
    return texture
