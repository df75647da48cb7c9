"""Places that touch no box, and areas that are averaged: as counted one by one."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen.numeric import free_places
from pixelgen.numeric.box_filter import reduce_area
from pixelgen.numeric.free_places import TRIES, Boxes, draw_place, has_place, largest_true

Case = tuple[Boxes, tuple[int, int], tuple[int, int]]
WORD = st.integers(0, (1 << 32) - 1)


@st.composite
def cases(draw: st.DrawFn, most: int = 16) -> Case:
    """Draw boxes, the size of an image, and that of a window."""
    width, height = draw(st.integers(1, most)), draw(st.integers(1, most))
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        left, top = draw(st.integers(-2, width)), draw(st.integers(-2, height))
        rows.append((left, top, left + draw(st.integers(1, 5)), top + draw(st.integers(1, 5))))
    boxes = np.array(rows, np.int32).reshape(-1, 4)
    window = draw(st.integers(1, width + 1)), draw(st.integers(1, height + 1))
    return boxes, (width, height), window


def free_by_hand(
    boxes: Boxes, size: tuple[int, int], window: tuple[int, int]
) -> set[tuple[int, int]]:
    """Return every place whose window shares no pixel with any box."""
    taken = {
        (x, y) for left, top, right, bottom in boxes.tolist()
        for x in range(left, right) for y in range(top, bottom)
    }  # fmt: skip
    return {
        (x, y)
        for x in range(size[0] - window[0] + 1)
        for y in range(size[1] - window[1] + 1)
        if not any((x + i, y + j) in taken for i in range(window[0]) for j in range(window[1]))
    }


@settings(deadline=None)
@given(cases(), st.lists(WORD, min_size=2 * TRIES + 2, max_size=2 * TRIES + 2))
def test_a_place_is_free_and_is_found_if_there_is_one(case: Case, words: list[int]) -> None:
    free = free_by_hand(*case)
    assert has_place(*case) == bool(free)
    place = draw_place(*case, words)
    assert place in free if free else place is None


@settings(deadline=None)
@given(cases())
def test_every_free_place_is_drawn_by_as_many_words(case: Case) -> None:
    """Without tries the last two words number the free places, in equal parts of 2**64."""
    free = free_by_hand(*case)
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(free_places, "TRIES", 0)
        for number in range(len(free)):
            word = (number << 64) // len(free) + 1
            drawn.append(draw_place(*case, [word >> 32, word & 0xFFFFFFFF]))
    assert len(drawn) == len(free)
    assert set(drawn) == free


@settings(deadline=None)
@given(cases(), st.integers(1, 40), WORD)
def test_strips_may_be_counted_in_any_portions(case: Case, cells: int, word: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(free_places, "TRIES", 0)
        whole = draw_place(*case, [word, word])
        patch.setattr(free_places, "_CELLS", cells)
        assert draw_place(*case, [word, word]) == whole
        assert has_place(*case) == bool(free_by_hand(*case))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_largest_is_found_by_halving(low: int, size: int, limit: int) -> None:
    found = largest_true(low, low + size, lambda value: value <= limit)
    assert found == max(low, min(limit, low + size))


def mean_by_hand(levels: npt.NDArray[np.uint8], row: int, column: int, count: int) -> int:
    """Return one level of a plane reduced to count x count, from exact shares of pixels."""
    high, wide = levels.shape

    def share(pixel: int, cell: int, size: int) -> Fraction:
        start, stop = Fraction(cell * size, count), Fraction((cell + 1) * size, count)
        return max(min(stop, Fraction(pixel + 1)) - max(start, Fraction(pixel)), Fraction(0))

    total = sum(
        share(y, row, high) * share(x, column, wide) * int(levels[y, x])
        for y in range(high) for x in range(wide)
    )  # fmt: skip
    return int(total * count * count / (high * wide) + Fraction(1, 2))


@settings(deadline=None)
@given(st.integers(3, 11), st.integers(3, 11), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_areas_are_averaged_exactly(high: int, wide: int, count: int, seed: int) -> None:
    levels = np.random.default_rng(seed).integers(0, 256, (high, wide, 2), np.uint8)
    reduced = reduce_area(levels, count, count)
    assert reduced.shape == (count, count, 2)
    for row in range(count):
        for column in range(count):
            assert reduced[row, column, 1] == mean_by_hand(levels[..., 1], row, column, count)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("side", [8, 2200])  # sums of 32 bits, and of 64
def test_the_highest_level_stays_the_highest(dtype: type, side: int) -> None:
    top = np.iinfo(dtype).max
    levels: npt.NDArray[np.unsignedinteger[Any]] = np.full((side, side, 3), top, dtype)
    reduced = reduce_area(levels, 7, 5)
    assert reduced.dtype == dtype
    assert (reduced == top).all()


def test_a_whole_factor_averages_squares() -> None:
    levels = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    squares = levels.reshape(2, 3, 3, 3, 3).astype(int).sum(axis=(1, 3))
    assert (reduce_area(levels, 2, 3) == (squares * 2 + 9) // 18).all()
