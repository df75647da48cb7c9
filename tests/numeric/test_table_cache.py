"""The cache of tables."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.numeric.table_cache import LIMIT, cached_tables, table_bytes

Table = npt.NDArray[np.uint8]


class _Pair(NamedTuple):
    first: Table
    second: list[Table]


def test_tables_are_kept_as_far_as_they_fit() -> None:
    computed = []

    @cached_tables
    def table(number: int, size: int) -> Table:
        computed.append(number)
        return np.zeros(size, np.uint8)

    third = LIMIT // 3
    for number in (0, 1, 2, 0, 1, 2):
        table(number, third)
    assert computed == [0, 1, 2]
    table(3, third)  # in place of the one that was asked for the longest time ago
    table(1, third)
    table(2, third)
    table(0, third)
    assert computed == [0, 1, 2, 3, 0]


def test_a_table_that_does_not_fit_is_not_kept_and_puts_out_no_other() -> None:
    computed = []

    @cached_tables
    def table(size: int) -> Table:
        computed.append(size)
        return np.zeros(size, np.uint8)

    for size in (10, LIMIT + 1, 10, LIMIT + 1):
        assert table(size).size == size
    assert computed == [10, LIMIT + 1, LIMIT + 1]


def test_the_bytes_of_what_holds_arrays_are_counted() -> None:
    array = np.zeros(100, np.uint8)
    assert table_bytes(_Pair(array, [array, array[:10]])) == 300  # a view keeps all of its array
    assert table_bytes((1.5, "text", array)) == 100


def test_tables_are_forgotten() -> None:
    computed = []

    @cached_tables
    def table(size: int) -> Table:
        computed.append(size)
        return np.zeros(size, np.uint8)

    table(LIMIT)
    table.cache_clear()
    for _ in range(2):
        table(LIMIT)
    assert computed == [LIMIT, LIMIT]
