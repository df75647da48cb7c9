"""Places that touch no box, and areas that are averaged: as counted one by one."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen.numeric import free_places
from pixelgen.numeric.box_filter import QUARTERS, reduce_area
from pixelgen.numeric.free_places import TRIES, Boxes, FreePlaces, Place, largest_true
from pixelgen.source_images.images import window_side

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
    places = FreePlaces(*case)
    assert places.has_any() == bool(free)
    for place in (places.draw(words), places.draw(words)):  # the second of what the first computed
        assert place in free if free else place is None


@settings(deadline=None)
@given(cases())
def test_every_free_place_is_drawn_by_as_many_words(case: Case) -> None:
    """Without tries the last two words number the free places, in equal parts of 2**64."""
    free = free_by_hand(*case)
    places = FreePlaces(*case)
    drawn: list[Place | None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(free_places, "TRIES", 0)
        for number in range(len(free)):
            word = (number << 64) // len(free) + 1
            drawn.append(places.draw([word >> 32, word & 0xFFFFFFFF]))
    assert len(drawn) == len(free)
    assert set(drawn) == free


@settings(deadline=None)
@given(cases(), st.integers(1, 40), WORD)
def test_strips_may_be_counted_in_any_portions(case: Case, cells: int, word: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(free_places, "TRIES", 0)
        whole = FreePlaces(*case).draw([word, word])
        patch.setattr(free_places, "_CELLS", cells)
        assert FreePlaces(*case).draw([word, word]) == whole
        assert FreePlaces(*case).has_any() == bool(free_by_hand(*case))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_largest_is_found_by_halving(low: int, size: int, limit: int) -> None:
    found = largest_true(low, low + size, lambda value: value <= limit)
    assert found == max(low, min(limit, low + size))


def mean_by_hand(
    levels: npt.NDArray[np.unsignedinteger[Any]], row: int, column: int, quarters: int
) -> int:
    """Return one level of a reduced plane, from exact shares of the pixels in its area."""
    scale = Fraction(quarters, QUARTERS)

    def share(pixel: int, cell: int) -> Fraction:
        start, stop = cell * scale, (cell + 1) * scale
        return max(min(stop, Fraction(pixel + 1)) - max(start, Fraction(pixel)), Fraction(0))

    high, wide = levels.shape
    total = sum(
        share(y, row) * share(x, column) * int(levels[y, x])
        for y in range(high) for x in range(wide)
    )  # fmt: skip
    return int(total / scale**2 + Fraction(1, 2))


@settings(deadline=None)
@given(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(4, 19), st.booleans(), WORD)
def test_areas_are_averaged_exactly(
    frame: tuple[int, int], quarters: int, is_deep: bool, seed: int
) -> None:
    width, height = frame
    dtype = np.uint16 if is_deep else np.uint8
    shape = 2, window_side(height, quarters), window_side(width, quarters)
    levels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, True)
    levels = levels.transpose(1, 2, 0)
    reduced = reduce_area(levels, height, width, quarters)
    assert reduced.shape == (height, width, 2)
    assert reduced.dtype == dtype
    interleaved = np.ascontiguousarray(levels)
    assert (reduce_area(interleaved, height, width, quarters) == reduced).all()
    for row in range(height):
        for column in range(width):
            assert reduced[row, column, 1] == mean_by_hand(levels[..., 1], row, column, quarters)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("quarters", [7, 64, 68, 1028, 1032])  # sums of 16, 32 and 64 bits
def test_the_highest_level_stays_the_highest(dtype: type, quarters: int) -> None:
    top = np.iinfo(dtype).max
    shape = window_side(3, quarters), window_side(2, quarters), 3
    levels: npt.NDArray[np.unsignedinteger[Any]] = np.full(shape, top, dtype)
    reduced = reduce_area(levels, 3, 2, quarters)
    assert reduced.dtype == dtype
    assert (reduced == top).all()
