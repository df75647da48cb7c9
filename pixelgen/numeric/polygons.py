"""Outlines: circles and convex polygons as runs of pixels, in integers.

Lengths are in 1/16 pixel, so the center of pixel (y, x) lies at (16·y + 8, 16·x + 8), and angles in
1/65536 turn. A pixel belongs to an outline if its center lies inside or on it. All numbers are
integers, some held in ``float64``: products stay below (32·side)², which is below 2**53 for sides
of up to 2**21 pixels, and floor(a ÷ b) and floor(√a) of such integers come out exact.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.numeric.exact import TURN_UNIT, turns

Whole: TypeAlias = npt.NDArray[np.int64]
Float: TypeAlias = npt.NDArray[np.float64]

KINDS = ("circle", "square", "oriented", "rectangle", "triangle", "quadrilateral")
UNIT = 16
"""Lengths of one pixel."""

_TURN = 65536
_FAR = 2.0**48
_NEXT = [1, 2, 3, 0]
_SQUARE = np.array([8192, 24576, 40960, 57344])


class Outlines:
    """Outlines of one batch: ``kind`` indexes KINDS, ``radius`` is that of the circle around.

    ``bearings`` are four random angles each, of which a kind takes those that it needs.
    """

    def __init__(
        self, kind: Whole, radius: Whole, center: tuple[Whole, Whole], bearings: Whole
    ) -> None:
        self._y, self._x = (ordinate.astype(np.float64) for ordinate in center)
        self._radius = radius.astype(np.float64)
        self._is_circle = kind == KINDS.index("circle")
        y, x = _corners(kind, radius, bearings)
        self._edges = _edges(y, x)
        around = self._is_circle
        self._left = np.where(around, -self._radius, x.min(0))
        self._right = np.where(around, self._radius, x.max(0))
        top, bottom = _heights(y, x)
        self._top = np.where(around, -self._radius, top)
        self._bottom = np.where(around, self._radius, bottom)

    def rows(self, height: int) -> tuple[Whole, Whole]:
        """Return the first row of each outline in a frame, and the row after its last."""
        return _pixels(self._top + self._y, self._bottom + self._y, height)

    def columns(self, width: int) -> tuple[Whole, Whole]:
        """Return the first column of each outline in a frame, and the column after its last."""
        return _pixels(self._left + self._x, self._right + self._x, width)

    def runs(self, which: Whole, row: Whole, width: int) -> tuple[Whole, Whole]:
        """Return the first column of some outlines in a row each, and the column after it."""
        y = row * float(UNIT) + UNIT / 2 - self._y[which]
        left, right = self._left[which], self._right[which]
        around = self._is_circle[which]
        if around.any():
            radius = self._radius[which]
            reach = np.floor(np.sqrt(np.maximum(radius * radius - y * y, 0.0)))
            left, right = np.where(around, -reach, left), np.where(around, reach, right)
        straight = np.flatnonzero(~around)
        if straight.size:
            self._cut(left, right, straight, which[straight], y[straight])
        x = self._x[which]
        return _pixels(left + x, right + x, width)

    def _cut(self, left: Float, right: Float, at: Whole, which: Whole, y: Float) -> None:
        """Cut some runs to the inner sides of the edges of their polygons."""
        most_left, most_right = -left[at], right[at]
        for edge in self._edges:
            dx, from_y, dy, to_left, to_right = edge.take(which, axis=1)
            along = np.floor(dx * (y - from_y) / dy)
            np.minimum(most_left, along + to_left, out=most_left)
            np.minimum(most_right, along + to_right, out=most_right)
        left[at], right[at] = -most_left, most_right


def _pixels(low: Float, high: Float, size: int) -> tuple[Whole, Whole]:
    """Return the first pixel with its center in low … high, and the pixel after the last."""
    first = np.ceil((low - UNIT / 2) / UNIT)
    stop = np.floor((high + UNIT / 2) / UNIT)
    return (
        np.clip(first, 0, size).astype(np.int64),
        np.clip(stop, 0, size).astype(np.int64),
    )


def _corners(kind: Whole, radius: Whole, bearings: Whole) -> tuple[Whole, Whole]:
    """Return y and x of four corners each on the circle, (4, n), in the order of their angles."""
    cosines, sines = turns()
    angles = _angles(kind, bearings) % _TURN
    return sines[angles] * radius // TURN_UNIT, cosines[angles] * radius // TURN_UNIT


def _angles(kind: Whole, bearings: Whole) -> Whole:
    """Return the angles of the corners, (4, n); a triangle has its last corner twice."""
    first = bearings[0]
    third = np.sort(bearings[:3], axis=0)
    narrow = first >> 2
    half = _TURN // 2
    square = np.broadcast_to(_SQUARE[:, None], bearings.shape)
    by_kind = {
        "circle": square,
        "square": square,
        "oriented": square + first,
        "rectangle": np.stack([narrow, half - narrow, half + narrow, _TURN - narrow]),
        "triangle": third[[0, 1, 2, 2]],
        "quadrilateral": np.sort(bearings, axis=0),
    }
    return np.choose(kind, [by_kind[name] for name in KINDS])


def _edges(y: Whole, x: Whole) -> Float:
    """Tabulate the edges, (4, 5, n): dx, from y, |dy|, and what to add for either bound.

    The inner side of the edge from (x₁, y₁) is dx·(y − y₁) ≥ dy·(x − x₁). With q = ⌊dx·(y − y₁) ÷
    |dy|⌋ that is x ≤ x₁ + q where dy > 0, and −x ≤ −x₁ + q where dy < 0.
    """
    dy, dx = y[_NEXT] - y, x[_NEXT] - x
    to_left, to_right = np.where(dy < 0, -x, _FAR), np.where(dy > 0, x, _FAR)
    edges = np.stack([dx, y, np.maximum(np.abs(dy), 1), to_left, to_right], axis=1)
    return edges.astype(np.float64)


def _heights(y: Whole, x: Whole) -> tuple[Whole, Whole]:
    """Return the lowest and highest y of each polygon; level edges bound it like the others."""
    level, dx = y[_NEXT] == y, x[_NEXT] - x
    top, bottom = y.min(0), y.max(0)
    return (
        np.where(level & (dx > 0), y, top).max(0),
        np.where(level & (dx < 0), y, bottom).min(0),
    )
