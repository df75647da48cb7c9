"""Glyphs against their definition, stroke by stroke in plain Python, and their statistics."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pixelgen.families import Shape
from pixelgen.families.glyphs import Glyphs
from pixelgen.image_types import Coverage, Pixels
from pixelgen.rng import DATA, PARAMETERS, Stream

SEED = 5
Row = tuple[int, int, int, int, int]
"""Top, height, width of a cell and columns before the frame in pixels, pen in 1/16 pixel."""


def stream(image: int, purpose: int) -> Stream:
    found = Stream(SEED)
    found.seek(image, Glyphs.number, Glyphs.version, purpose)
    return found


def draw(image: int, shape: Shape) -> tuple[Pixels, Coverage]:
    return Glyphs().render(stream(image, DATA), shape)


def rows(words: Stream, shape: Shape) -> Iterator[Row]:
    most = min(28, max(6, min(shape.height, shape.width) // 2))
    shift = int(words.integers(1, 16)[0])
    drawn = words.integers((shape.height // 6 + 2, 4), 16).tolist()
    top = -math.floor((6 + (most - 5) * drawn[0][0] // 65536) * shift / 65536)
    for high, wide, pen, left in drawn:
        if top >= shape.height:
            break
        height = 6 + (most - 5) * high // 65536
        width = max(3, math.floor(height * (0.4 + 0.4 * wide / 65536) + 1e-9))
        radius = max(8, math.floor(16 * height * (0.04 + 0.05 * pen / 65536) + 1e-9))
        yield top, height, width, width * left // 65536, radius
        top += height


def holds(row: Row, word: list[int], number: int, x: int, y: int) -> bool:
    """Return whether a stroke of a cell holds the point (x, y) of it, in 1/16 pixel."""
    _, height, width, _, pen = row
    start = word[1 + 2 * number] * 9 // 65536
    end = (start + 1 + word[2 + 2 * number] * 8 // 65536) % 9
    bits = word[7] // 8**number
    places = [(16 * width * (3 + 7 * (at % 3)) // 20, 16 * height * (3 + 7 * (at // 3)) // 20)
              for at in (start, end)]  # fmt: skip
    (px, py), (qx, qy) = places
    if px != qx and py != qy and bits % 4:
        cx, cy, ox, oy = (qx, py, px, qy) if bits % 8 >= 4 else (px, qy, qx, py)
        if (x - cx) * (ox - cx) < 0 or (y - cy) * (oy - cy) < 0:
            return False
        a, b = abs(ox - cx), abs(oy - cy)
        squared = (b * (x - cx)) ** 2 + (a * (y - cy)) ** 2
        reach = pen * ((a + b) // 2)
        return max(a * b - reach, 0) ** 2 <= squared <= (a * b + reach) ** 2
    dx, dy = qx - px, qy - py
    cross = (x - px) * dy - (y - py) * dx
    dot = (x - px) * dx + (y - py) * dy
    length = dx * dx + dy * dy
    return cross * cross <= pen * pen * length and 0 <= dot <= length


def inked(row: Row, word: list[int], x: int, y: int) -> bool:
    strokes = word[0] // 18569 + 1
    places = (16 * x + 8, 16 * y + 8)
    return strokes < 4 and any(holds(row, word, number, *places) for number in range(strokes))


@pytest.mark.parametrize("shape", [Shape(40, 90), Shape(33, 16, 1, 16), Shape(80, 70)], ids=str)
def test_strokes_follow_their_definition_to_the_pixel(shape: Shape) -> None:
    parameters, cells = stream(3, PARAMETERS), stream(3, DATA)
    ground = parameters.integers(shape.channels, shape.depth)
    lines = list(rows(parameters, shape))
    inks = parameters.integers((len(lines), shape.channels), shape.depth)
    wanted = np.empty(shape.levels, shape.dtype)
    covered = np.zeros(shape.levels[:2], bool)
    for row, ink in zip(lines, inks, strict=True):
        top, height, width, left, _ = row
        words = cells.integers(((shape.width + left - 1) // width + 1, 8), 16).tolist()
        for y in range(max(top, 0), min(top + height, shape.height)):
            for x in range(shape.width):
                cell, across = divmod(x + left, width)
                covered[y, x] = inked(row, words[cell], across, y - top)
                wanted[y, x] = ink if covered[y, x] else ground
    pixels, coverage = draw(3, shape)

    assert (pixels == wanted).all()
    assert ((coverage == 255) == covered).all()
    assert ((coverage == 0) == ~covered).all()


def test_rows_are_6_to_28_pixels_high_and_no_higher_than_half_the_frame() -> None:
    for shape, highest in ((Shape(300, 256), 28), (Shape(300, 32), 16), (Shape(50, 3), 6)):
        found: list[Any] = [each for i in range(40) for each in rows(stream(i, PARAMETERS), shape)]
        heights = [height for _, height, *_ in found]
        assert min(heights) >= 6
        assert max(heights) == highest


def test_most_cells_have_a_glyph() -> None:
    filled = [word < 3 * 18569 for word in range(65536)]

    assert sum(filled) / 65536 == pytest.approx(0.85, abs=0.0001)


def test_ink_covers_a_part_of_every_image_that_its_border_has_too() -> None:
    covered = np.stack([draw(image, Shape(128, 128))[1] == 255 for image in range(60)])
    shares = covered.mean((1, 2))
    ends = covered[:, [0, -1]].mean((1, 2))

    assert 0.05 < shares.min() < shares.max() < 0.5
    assert abs(ends.mean() - shares.mean()) < 4 * ends.std() / math.sqrt(len(ends))
