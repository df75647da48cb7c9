"""Look tables up for many places at once: piece by piece, so that the work stays in the cache.

``take`` turns all indices into integers of 8 bytes before it starts, and copies colors of three
bytes one by one. Pieces bound the memory of the first, and words of four levels avoid the second.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pixelgen.image_types import Pixels

Table: TypeAlias = npt.NDArray[Any]

PIECE = 1 << 15
"""Places that are looked up at once."""


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that have about :data:`PIECE` pixels each, from top to bottom."""
    step = max(1, PIECE // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def look_up(table: Table, places: Table, out: Table | None = None) -> Table:
    """Return the entry of a table (n,) at each place, in the places' shape.

    Args:
        table: The entries.
        places: Integers of −n … n − 1; negative ones count from the end.
        out: Where the entries go: contiguous, of the table's type and the places' shape.
    """
    found = np.empty(places.shape, table.dtype) if out is None else out
    flat, places = found.reshape(-1), places.reshape(-1)
    for first in range(0, flat.size, PIECE):
        piece = slice(first, first + PIECE)
        # Without a check of bounds, entries need not be buffered.
        table.take(places[piece], out=flat[piece], mode="wrap")
    return found


class ColorTable:
    """Colors to look up, (n, channels) of uint8 or uint16, packed into words of four levels."""

    def __init__(self, colors: Pixels) -> None:
        self._channels = colors.shape[1]
        self._dtype = colors.dtype
        packed = np.zeros((len(colors), 1 if self._channels == 1 else 4), colors.dtype)
        packed[:, : self._channels] = colors
        self._words = packed.view(f"<u{packed.shape[1] * packed.itemsize}")[:, 0]

    def look_up(self, places: Table, out: Pixels | None = None) -> Pixels:
        """Return the color at each place, (*places.shape, channels); see :func:`look_up`."""
        shape = (*places.shape, self._channels)
        pixels = np.empty(shape, self._dtype) if out is None else out
        if self._channels == 1:
            look_up(self._words, places, pixels[..., 0])
            return pixels
        flat, places = pixels.reshape(-1, self._channels), places.reshape(-1)
        found = np.empty(min(PIECE, len(flat)), self._words.dtype)
        for first in range(0, len(flat), PIECE):
            piece = slice(first, first + PIECE)
            words = self._words.take(places[piece], out=found[: len(flat) - first], mode="wrap")
            levels = words.view(self._dtype).reshape(-1, 4)
            for channel in range(self._channels):
                flat[piece, channel] = levels[:, channel]
        return pixels
