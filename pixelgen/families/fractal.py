"""Fractals: the attractors of random systems of affine maps, drawn by the chaos game."""

import math
from dataclasses import dataclass

import numpy as np

from pixelgen.colors import luma
from pixelgen.families.base import Family
from pixelgen.families.iterated import (
    MOST_MAPS,
    System,
    chaos_game,
    draw_contractions,
    draw_filling,
    fit,
)
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric.exact import Table
from pixelgen.numeric.lookup import ColorTable, row_bands
from pixelgen.registry import parameter
from pixelgen.rng import DATA, PARAMETERS, Stream

_MASKS = 511
"""Masks of 3×3 pixels with at least one."""


@dataclass(frozen=True)
class Fractal(Family):
    """Attractors of random systems of maps, as two papers draw them.

    An image has 2 to 7 affine maps x → Ax + b, with b uniform in −1 … 1 along x and y. At each step
    a random map moves each of 2048 particles (the chaos game); the probability of a map is
    proportional to |det A|. After 32 steps, the next ``points`` per pixel are drawn. The box of the
    first 131,072 is stretched to the frame, along x and y; later points outside of it are lost. The
    rest of the frame is black and not covered.

    ``style=anderson``: each A is a rotation, a contraction along two axes by σ₁ ≥ σ₂, a reflection
    or not, and a rotation. The sum of σ₁ + 2σ₂ over all maps is uniform in (5 + maps)/2 …
    (6 + maps)/2; each σ is uniform in what that leaves, in turn, and at most 0.998. One random 3×3
    mask is laid on every point, and a pixel's hue follows from the number of points in it: from a
    random hue on, and up to 17/12 of a circle in the pixel with most. The saturation of the image
    is uniform in 0.3 … 1, its value in 0.5 … 1.

    ``style=fractaldb``: entries of A are uniform in −1 … 1. A system is drawn if 100,000 points hit
    20 % of 512×512 pixels; of 512 systems that do not, it is the one that fills most in a smaller
    test. A random 3×3 mask is laid on each point, over those before it: level 127 where it has a
    pixel, black elsewhere. On each side 1/60 of the shorter side is free. The instances of a
    category of FractalDB, which scale one of the entries, are not drawn.

    Source: C. Anderson and R. Farrell, "Improving Fractal Pre-training", WACV 2022; H. Kataoka et
    al., "Pre-training without Natural Images", ACCV 2020; M. F. Barnsley, "Fractals Everywhere",
    1988.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Fractal().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '4916729d6302031e'
    """

    name = "fractal"
    number = 22
    version = 2
    texture = Texture.SPARSE

    style: str = parameter(
        "anderson", "the paper that it follows", choices=("anderson", "fractaldb")
    )
    maps: int = parameter(
        0, "maps of the system; 0 draws 2..7 for each image", low=0, high=MOST_MAPS
    )
    points: float = parameter(2.0, "points drawn per pixel of the frame", low=0.01, high=64.0)

    @property
    def has_coverage(self) -> bool:
        """Points cover only part of the frame."""
        return True

    def render(self, stream: Stream, shape: Shape) -> tuple[Pixels, Coverage]:
        """Draw a system, and its points in the way of the style."""
        stream.purpose(PARAMETERS)
        points = math.ceil(self.points * shape.height * shape.width)
        if self.style == "fractaldb":
            shown = _last_masks(stream, draw_filling(stream, self.maps), points, shape)
            colors = np.zeros((2, shape.channels), shape.dtype)
            colors[1] = (127 * shape.top + 127) // 255
            return ColorTable(colors).look_up(shown), np.negative(shown)
        system = draw_contractions(stream, self.maps)
        mask, *color = stream.integers(4, 16).tolist()
        counts = _count(stream, system, points, shape, 1 + (_MASKS * mask >> 16))
        pixels = _colored(counts, _hues(*color, shape=shape), shape)
        return pixels, np.negative((counts > 0).view(np.uint8))


def _colored(counts: Table, hues: Pixels, shape: Shape) -> Pixels:
    """Give pixels the hues of their counts: black for 0, the last hue for the most."""
    most = max(1, int(counts.max()))
    colors = ColorTable(np.concatenate([np.zeros_like(hues[:1]), hues]))
    pixels = np.empty(shape.levels, shape.dtype)
    for rows in row_bands(shape.height, shape.width):
        count = counts[rows].astype(np.int64)
        colors.look_up((255 * count // most + 1) * (count > 0), pixels[rows])
    return pixels


def _hues(shift: int, saturation: int, value: int, *, shape: Shape) -> Table:
    """Return 256 colors of one saturation and value, 2° of hue apart, (256, channels)."""
    saturation = 19661 + (saturation * 45875 >> 16)  # 0.3 … 1, in 1/65536
    value = 32768 + (value >> 1)  # 0.5 … 1
    sextant, part = np.divmod((np.arange(256) + (shift >> 8) & 255) % 180, 30)
    # How much each channel has of the saturation taken away, in 1/30, by sextant.
    full, none = np.full(256, 30), np.zeros(256, np.int64)
    taken = (
        np.choose(sextant, (none, part, full, full, 30 - part, none)),
        np.choose(sextant, (30 - part, none, none, part, full, full)),
        np.choose(sextant, (full, full, 30 - part, none, none, part)),
    )
    # Products stay below 2**16 · 2**16 · 30 · 2**16 < 2**53.
    one = 30 << 32
    levels = [
        (shape.top * value * ((30 << 16) - saturation * part) + one // 2) // one for part in taken
    ]
    if shape.channels == 1:
        levels = [luma(*(channel.astype(np.uint32) for channel in levels))]
    return np.stack(levels, axis=1).astype(shape.dtype)


def _count(stream: Stream, system: System, points: int, shape: Shape, mask: int) -> Table:
    """Count the points in each pixel, each laid on the pixels of a mask around it."""
    stream.purpose(DATA)
    # No count is above that of the points.
    dtype = np.int32 if points < 1 << 31 else np.int64
    hits = np.zeros(shape.height * shape.width, dtype)
    frame = None
    for _, x, y in chaos_game(stream, system, points):
        frame = frame or fit(x, y, shape, 0)
        np.add.at(hits, frame.place(x, y)[1], dtype(1))
    counts = np.zeros((shape.height, shape.width), dtype)
    for rows in row_bands(shape.height, shape.width):
        for bit, near in _neighbors(hits.reshape(counts.shape), rows):
            if mask >> bit & 1:
                counts[rows] += near
    return counts


def _last_masks(stream: Stream, system: System, points: int, shape: Shape) -> Table:
    """Return 1 for the pixels that the last mask laid on them has, 0 for others."""
    stream.purpose(DATA)
    # The number of the last point in each pixel, from 1, and its mask in the lowest 9 bits.
    last = np.zeros(shape.height * shape.width, np.int64)
    frame, number = None, 1
    for spare, x, y in chaos_game(stream, system, points):
        frame = frame or fit(x, y, shape, (min(shape.height, shape.width) + 30) // 60)
        inside, pixels = frame.place(x, y)
        numbers = np.arange(number, number + x.size) << 9
        last[pixels] = (numbers + 1 + (_MASKS * spare.astype(np.int64) >> 16))[inside]
        number += x.size
    shown = np.zeros((shape.height, shape.width), np.uint8)
    for rows in row_bands(shape.height, shape.width):
        newest = np.zeros_like(last, shape=(rows.stop - rows.start, shape.width))
        for bit, near in _neighbors(last.reshape(shown.shape), rows):
            np.copyto(shown[rows], near >> bit & 1, where=near > newest, casting="unsafe")
            np.maximum(newest, near, out=newest)
    return shown


def _neighbors(values: Table, rows: slice) -> list[tuple[int, Table]]:
    """Return the bit of a 3×3 mask and the values at one of 9 neighbors, for each of them.

    The values are those around the pixels of some rows, and 0 outside the frame.
    """
    height, width = rows.stop - rows.start, values.shape[1]
    above, below = rows.start == 0, rows.stop == len(values)
    around = values[max(rows.start - 1, 0) : rows.stop + 1]
    padded = np.pad(around, ((int(above), int(below)), (1, 1)))
    return [
        (3 * row + column, padded[row : row + height, column : column + width])
        for row in range(3)
        for column in range(3)
    ]
