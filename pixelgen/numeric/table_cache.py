"""A cache of tables that is bounded by the bytes that they take, not by their number."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import update_wrapper
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

import numpy as np

Arguments = ParamSpec("Arguments")
Tables = TypeVar("Tables")

LIMIT = 16 << 20
"""The bytes that the tables of one function may take."""


class cached_tables(Generic[Arguments, Tables]):  # noqa: N801 - a decorator
    """A function that keeps the tables it returned last, as far as they take 16 MiB together.

    A decorator, as ``functools.lru_cache`` is, for functions of hashable arguments that return
    arrays, or tuples and lists that hold some. Tables that take more by themselves are returned but
    not kept. Several threads may call it; two that ask for the same tables at the same time may
    both compute them.
    """

    def __init__(self, compute: Callable[Arguments, Tables]) -> None:
        self._compute = compute
        self._kept: OrderedDict[Hashable, tuple[Tables, int]] = OrderedDict()
        self._lock = Lock()
        self._bytes = 0
        update_wrapper(self, compute)

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Tables:
        """Return the tables of some arguments, computed now or before."""
        key = args, tuple(sorted(kwargs.items()))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        tables = self._compute(*args, **kwargs)
        size = table_bytes(tables)
        with self._lock:
            if size <= LIMIT and key not in self._kept:
                self._kept[key] = tables, size
                self._bytes += size
                while self._bytes > LIMIT:
                    _, (_, freed) = self._kept.popitem(last=False)
                    self._bytes -= freed
        return tables

    def cache_clear(self) -> None:
        """Forget all tables."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


def table_bytes(tables: object) -> int:
    """Return the bytes of the arrays that an object is or holds; a view counts as its array."""
    if isinstance(tables, np.ndarray):
        base = tables.base
        return int(base.nbytes if isinstance(base, np.ndarray) else tables.nbytes)
    if isinstance(tables, tuple | list):
        return sum(map(table_bytes, tables))
    return 0
