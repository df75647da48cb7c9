"""Look-ups in pieces are those that numpy does at once."""

import numpy as np
import pytest

from pixelgen.numeric.lookup import PIECE, ColorTable, look_up, row_bands

SIZES = (0, 1, PIECE - 1, PIECE, 2 * PIECE + 3)


def places(size: int, entries: int, dtype: str) -> np.ndarray:
    """Return places of all entries, counted from the end too if the type has a sign."""
    first = -entries if np.dtype(dtype).kind == "i" else 0
    return (np.arange(size) * 7 % (entries - first) + first).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["u2", "i4", "u4", "i8"])
def test_numbers_are_looked_up(size: int, dtype: str) -> None:
    table = np.arange(1000, 1100, dtype=np.uint16)
    at = places(size, 100, dtype)
    assert np.array_equal(look_up(table, at), table[at])


def test_numbers_go_where_they_should_be_put() -> None:
    table = np.arange(100, 200, dtype=np.uint8)
    at = places(2 * PIECE, 100, "u2").reshape(4, -1)
    out = np.zeros((8, at.shape[1]), np.uint8)
    look_up(table, at, out[2:6])
    assert np.array_equal(out[2:6], table[at])
    assert not out[:2].any()
    assert not out[6:].any()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colors_are_looked_up(size: int, channels: int, dtype: str) -> None:
    colors = (np.arange(100 * channels) * 613 % 65521).astype(dtype).reshape(100, channels)
    at = places(size, 100, "i4")
    found = ColorTable(colors).look_up(at)
    assert found.dtype == colors.dtype
    assert np.array_equal(found, colors[at])


@pytest.mark.parametrize("channels", [1, 3])
def test_colors_go_where_they_should_be_put(channels: int) -> None:
    colors = np.arange(30 * channels, dtype=np.uint8).reshape(30, channels) + 1
    at = places(5 * 9, 30, "i8").reshape(5, 9)
    out = np.zeros((7, 9, channels), np.uint8)
    ColorTable(colors).look_up(at, out[1:6])
    assert np.array_equal(out[1:6], colors[at])
    assert not out[0].any()
    assert not out[6].any()


@pytest.mark.parametrize("sides", [(1, 1), (1, 5 * PIECE), (5 * PIECE, 1), (1000, 777), (3, PIECE)])
def test_bands_are_all_rows_in_order(sides: tuple[int, int]) -> None:
    height, width = sides
    bands = list(row_bands(height, width))
    assert [row for band in bands for row in range(height)[band]] == list(range(height))
    assert all((band.stop - band.start) * width <= max(PIECE, width) for band in bands)
